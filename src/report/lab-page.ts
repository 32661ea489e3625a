import type { Claim } from '../lab/study/claims.ts';
import type { LabResult } from '../lab/study/lab.ts';
import type { Figure, Table } from '../lab/study/study.ts';
import { type Html, html, raw } from './html.ts';
import { labChart } from './lab-charts.ts';
import { CLAIM_HEAD, CLAIM_MEANING, claimRow } from './lab-claims.ts';
import { STYLE } from './style.ts';

type StudyEntry = LabResult['studies'][number];

/** The lab's results as one HTML file that asks for nothing outside itself and needs no script. */
export function renderLab(result: LabResult): string {
  const { studies, extent, seed, version, engine, seconds, scale } = result;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Winnow’s lab</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<div><h1>Does selection by difficulty help, when, and at what price?</h1>
<p>Winnow’s lab: its own claim, measured in a built-in world where a program knows the truth.</p>
<p lang="ja">Winnow 自身の主張を、正解をプログラムで判定できる組み込みの世界で検証した結果です。各節の冒頭が結論、図と表がその根拠、区間は独立した繰り返しによる 95 % 信頼区間です。</p></div>
</header>
<main>
<p class="caption">${extent} lab, seed ${seed}; ${scale.pairs} pairs, ${scale.evaluationPrompts} prompts to evaluate on and ${scale.tuningPrompts} to choose on in each replicate; winnow ${version} (${engine}); ${Math.round(seconds)} s. Intervals: 95 %, over independent replicates. p: against no difference, corrected for all tests of a study (Holm).</p>
<section class="verdict neutral">
<h2>What was found</h2>
<ul class="findings">${studies.map(({ name, title, verdict }) => html`<li><a href="#${name}">${title}</a>: ${verdict}</li>`)}</ul>
</section>
${studies.map(section)}
</main>
</body>
</html>
`.markup;
}

function section(study: StudyEntry): Html {
  const { name, title, verdict, question, figures, tables, claims } = study;
  return html`<section id="${name}">
<h2>${title}</h2>
<p class="caption">Asked, and judged by a rule written down before the run: ${question}</p>
<p><strong>${verdict}</strong></p>
<div class="charts">${figures.map((figure, i) => chart(figure, `${name}-figure-${i}`))}</div>
${tables.map(table)}
${claims.length === 0 ? null : claimTable(claims)}
</section>
`;
}

function chart(figure: Figure, id: string): Html {
  const { svg, keys, note } = labChart(figure, id);
  const key = keys.map(
    ({ name, colour }) => html`<li><span style="color: ${colour}" aria-hidden="true">●</span> ${name}</li>`,
  );
  return html`<figure>${keys.length === 0 ? null : html`<ul class="keys">${key}</ul>`}${raw(svg)}<figcaption id="${id}"><b>${figure.title}.</b> ${figure.meaning}${note === null ? null : html` <span>${note}</span>`}</figcaption></figure>`;
}

function table({ title, head, rows, meaning }: Table): Html {
  return html`<h3>${title}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table class="wide"><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(([first = '', ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>
<p class="caption">${meaning}</p>
`;
}

function claimTable(claims: readonly Claim[]): Html {
  return table({ title: 'Claims', head: CLAIM_HEAD, rows: claims.map(claimRow), meaning: CLAIM_MEANING });
}
