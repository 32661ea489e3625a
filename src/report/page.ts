import { charts } from './charts.ts';
import { conditions } from './conditions.ts';
import type { Comparison, ReportData } from './data.ts';
import { both, type Html, html, raw, word } from './html.ts';
import { count, keepPercent, known } from './numbers.ts';
import type { Chart } from './plot.ts';
import { differenceText, findingOf, METRIC_NAMES, METRIC_UNITS, type Sentence } from './sentences.ts';
import { SCRIPT, STYLE } from './style.ts';
import { armColumns, armDetail, armLabel, type Cell, reasonsIn } from './table.ts';
import { type Verdict, verdict } from './verdict.ts';
import { armName, type Reason, reasons, words } from './words.ts';

/**
 * The report as one HTML file in English and Japanese. It asks for nothing outside itself (its content policy
 * forbids it to) and needs no script but for the switch of languages.
 */
export function renderReport(data: ReportData): string {
  const judged = verdict(data);
  const drawn = charts(data);
  const scatter = ['difficulty', 'agreement'];
  return html`<!doctype html>
<html lang="en" data-show="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${words.title.en}: ${data.model.name}</title>
<style>${raw(STYLE)}</style>
<noscript><style>html[data-show=en] [lang=ja]:not(html) { display: revert; } .languages { display: none; }</style></noscript>
</head>
<body>
<header>
<div><h1>${word('title')}</h1><p>${word('subtitle')}</p></div>
<div class="languages" role="group" aria-label="Language / 言語"><button type="button" value="en" aria-pressed="true">English</button><button type="button" value="ja" aria-pressed="false">日本語</button></div>
</header>
<main>
${verdictSection(data, judged)}
<section>
<h2>${word('reliability')}</h2>
${findings(judged.reliability)}
<div class="charts">${drawn.filter((chart) => scatter.includes(chart.id)).map(figure)}</div>
</section>
<section>
<h2>${word('arms')}</h2>
${armsTable(data)}
<div class="charts">${drawn.filter((chart) => !scatter.includes(chart.id)).map(figure)}</div>
</section>
${differences(data.comparisons)}
${conditions(data)}
</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`.markup;
}

function verdictSection(
  { model, data, selection }: ReportData,
  { title, findings: all, next }: Verdict,
): Html {
  const [lead, ...rest] = all;
  return html`<section class="verdict ${title.level}">
<h2>${word('verdict')} · ${model.name} · ${data.file} · ${word('keepFraction')} ${keepPercent(selection.keepFraction)}</h2>
<p class="title">${both(title)}</p>
<p class="lead">${both(lead!)}</p>
${findings(rest)}
<h3>${word('whatNext')}</h3>
${findings(next)}
</section>`;
}

/** The level of a sentence is told by a mark and a word, not by colour alone. */
const LEVELS = {
  good: { mark: '✓', word: { en: 'good: ', ja: '良好：' } },
  neutral: { mark: '•', word: null },
  warn: { mark: '!', word: { en: 'caution: ', ja: '注意：' } },
} as const;

function findings(sentences: readonly Sentence[]): Html {
  return html`<ul class="findings">${sentences.map((sentence) => {
    const { mark, word: level } = LEVELS[sentence.level];
    return html`<li class="${sentence.level}"><span class="mark" aria-hidden="true">${mark}</span>${
      level === null ? null : html`<span class="hidden">${both(level)}</span>`
    }${both(sentence)}</li>
`;
  })}</ul>`;
}

function armsTable(data: ReportData): Html {
  const columns = armColumns(data);
  const missing = reasonsIn(data.arms, columns);
  return html`<p class="caption" id="arms-caption">${word('armsCaption')}</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="arms-caption">
<table class="wide arms" aria-labelledby="arms-caption">
<thead><tr><th scope="col">${word('arm')}</th>${columns.map(
    ({ heading, unit }) =>
      html`<th scope="col">${both(heading)}${unit === undefined ? null : html`<small>${both(unit)}</small>`}</th>`,
  )}</tr></thead>
<tbody>${data.arms.map((arm) => {
    const detail = armDetail(arm);
    return html`<tr class="${arm.name === 'selected' ? 'selected' : 'arm'}" data-arm="${arm.name}"><th scope="row">${both(armLabel(arm))}${
      detail === null ? null : html`<small>${both(detail)}</small>`
    }</th>${columns.map((column) => armCell(column.cell(arm), missing))}</tr>
`;
  })}</tbody>
</table>
</div>
${footnotes(missing)}`;
}

function armCell({ text, interval, reason }: Cell, missing: readonly Reason[]): Html {
  const note = reason === undefined ? null : html`<sup>${letter(missing.indexOf(reason))}</sup>`;
  return html`<td>${text}${note}${interval === undefined ? null : html`<small>${interval}</small>`}</td>`;
}

function footnotes(list: readonly Reason[]): Html | null {
  if (list.length === 0) return null;
  return html`<ul class="footnotes">${list.map((reason, i) => html`<li>–<sup>${letter(i)}</sup> ${both(reasons[reason])}</li>`)}</ul>`;
}

function letter(index: number): string {
  return String.fromCharCode(97 + index);
}

function figure({ id, caption, svg }: Chart): Html {
  return html`<figure id="${id}"><figcaption id="chart-${id}">${both(caption)}</figcaption>${raw(svg)}</figure>
`;
}

function differences(comparisons: readonly Comparison[]): Html | null {
  if (comparisons.length === 0) return null;
  return html`<section>
<h2>${word('differences')}</h2>
<p class="caption" id="differences-caption">${word('differencesCaption')}</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="differences-caption">
<table class="wide" aria-labelledby="differences-caption">
<thead><tr><th scope="col">${word('comparison')}</th><th scope="col" class="text">${word('measure')}</th><th scope="col">${word('difference')}</th><th scope="col">${word('interval')}</th><th scope="col">${word('prompts')}</th><th scope="col" class="text">${word('finding')}</th></tr></thead>
<tbody>${comparisons.map((comparison) => {
    const { metric, a, b, difference, n } = comparison;
    const finding = findingOf(comparison);
    const { value, range } = differenceText(metric, difference);
    const named = METRIC_UNITS[metric];
    const unit = known(difference.value) && named !== null ? both(named) : null;
    return html`<tr><th scope="row">${both(armName(a))} − ${both(armName(b))}</th><td class="text">${both(METRIC_NAMES[metric])}</td><td>${value} ${unit}</td><td>${both(range)}</td><td>${count(n)}</td><td class="text">${word(finding)}</td></tr>
`;
  })}</tbody>
</table>
</div>
</section>`;
}
