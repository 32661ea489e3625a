import type { Claim } from '../lab/study/claims.ts';
import type { LabResult, StudyEntry } from '../lab/study/lab.ts';
import type { Figure, Table } from '../lab/study/study.ts';
import { type Html, html, raw } from './html.ts';
import { labChart } from './lab-charts.ts';
import { CLAIM_HEAD, CLAIM_MEANING, claimRow } from './lab-claims.ts';
import { count, duration } from './numbers.ts';
import { STYLE } from './style.ts';

const LAB_STYLE = `
a { color: var(--accent); }
header { display: block; } header p { max-width: 56rem; }
header + main > .caption { margin-top: .75rem; }
ul.contents { margin: .4rem 0 0; padding-left: 1.2rem; } ul.contents li { margin: .35rem 0; max-width: 56rem; }
.answer { margin: .5rem 0 1rem; padding: .6rem 1rem; max-width: 60rem; background: var(--panel); border-left: 4px solid var(--accent); border-radius: 4px; font-weight: 600; }
ul.keys { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0 0 .25rem; padding: 0; list-style: none; font-size: .875rem; }
figcaption { padding-top: .35rem; }
.wide td { white-space: nowrap; } .scroll + .caption { padding-top: .4rem; }
`;

/**
 * The lab's results as one HTML file that asks for nothing outside itself and needs no script. `command` is the
 * command line that made them, where it is known.
 */
export function renderLab(result: LabResult, command?: string): string {
  const { studies, extent, seed, version, engine, seconds, scale } = result;
  const work = studies.reduce((sum, { coreSeconds }) => sum + coreSeconds, 0);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Winnow’s lab</title>
<style>${raw(STYLE + LAB_STYLE)}</style>
</head>
<body>
<header>
<h1>Does selection by difficulty help, when, and at what price?</h1>
<p>Winnow’s lab puts Winnow’s own claim to the test, in a built-in world where a program knows which answers are right. Its studies train small models on all pairs, on the easiest and on as many random ones, and each reaches its verdict by a rule that stands beside it; docs/lab.md says which of them were changed after something had been seen.</p>
<p lang="ja">このページは、難しさによるデータ選別という Winnow 自身の主張を、正解をプログラムで判定できる組み込みの世界で検証した結果です。各節の枠内の文が結論で、その上に記した規則に従って決まります。<span lang="en">no difference … shown</span> は「差がない」ではなく「この繰り返し数では差を示せなかった」という意味です。図と表がその根拠です。区間は独立した繰り返しによる 95 % 信頼区間、p は研究内のすべての検定について Holm 法で補正した値です。</p>
</header>
<main>
<p class="caption">${extent} lab, seed ${seed}; ${count(scale.pairs)} pairs, ${count(scale.evaluationPrompts)} prompts to evaluate on and ${count(scale.tuningPrompts)} to choose on in each replicate; winnow ${version} (${engine}); ${duration(seconds).en}, ${duration(work).en} of one core’s work. Intervals: 95 %, over independent replicates. p: against no difference, corrected for all tests of a study (Holm).${command === undefined ? null : html` Made by <code>${command}</code>`}</p>
<nav class="verdict neutral" aria-labelledby="contents">
<h2 id="contents">What was found</h2>
<ul class="contents">${studies.map(({ name, title, verdict }) => html`<li><a href="#${name}">${title}</a>: ${verdict}</li>`)}</ul>
</nav>
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
<p class="caption">Asked, and by which rule: ${question}</p>
<p class="answer">${verdict}</p>
${figures.length === 0 ? null : html`<div class="charts">${figures.map((figure, i) => chart(figure, `${name}-figure-${i}`))}</div>`}
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
