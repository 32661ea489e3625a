import { charts } from './charts.ts';
import { conditions } from './conditions.ts';
import type { Comparison, ReportData } from './data.ts';
import { figure, findings, page, type ShownFirst } from './frame.ts';
import { both, type Html, html, word } from './html.ts';
import { count, keepPercent, known } from './numbers.ts';
import { panels } from './panels.ts';
import { differenceText, findingOf, METRIC_NAMES, METRIC_UNITS } from './sentences.ts';
import { armColumns, armDetail, armLabel, type Cell, reasonsIn } from './table.ts';
import { type Verdict, verdict } from './verdict.ts';
import { armName, type Reason, reasons, words } from './words.ts';

/** The report as one HTML file in English and Japanese. */
export function renderReport(data: ReportData, language: ShownFirst = 'auto'): string {
  const judged = verdict(data);
  const drawn = charts(data);
  const scatter = ['difficulty', 'agreement'];
  const frame = {
    title: `${words.title.en}: ${data.model.name}`,
    heading: words.title,
    subtitle: words.subtitle,
    language,
  };
  const main = html`${verdictSection(data, judged)}
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
${panels(data)}
${differences(data.comparisons)}
${conditions(data)}`;
  return page(frame, main);
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
