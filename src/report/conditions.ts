import type { ReportData } from './data.ts';
import { both, type Html, html, word } from './html.ts';
import { count, duration, fixed, keepPercent, MISSING, percent, scientific } from './numbers.ts';
import { isMeasuredOnce, scorerName } from './scorer.ts';
import { type Both, judgeName, term, type Word, words } from './words.ts';

/** How the run was made: learning rates, hyper-parameters, data, time, version, command, notes. */
export function conditions(data: ReportData): Html {
  return html`<section>
<h2>${word('behind')}</h2>
<h3>${word('command')}</h3>
<pre>${data.command}</pre>
<div class="columns">
<div>${dataTable(data)}${refusedTable(data)}</div>
<div>${learningRates(data)}${timeTable(data)}</div>
<div>${hyperParameters(data)}</div>
</div>
${notes(data)}
</section>`;
}

type Row = readonly [heading: Html, value: Html];

function table(title: Word, rows: readonly Row[]): Html {
  return html`<h3>${word(title)}</h3>
<table><thead><tr><th scope="col">${word('name')}</th><th scope="col">${word('value')}</th></tr></thead><tbody>${rows.map(
    ([heading, value]) => html`<tr><th scope="row">${heading}</th><td>${value}</td></tr>
`,
  )}</tbody></table>`;
}

function dataTable(report: ReportData): Html {
  const { model, data, pairs, difficulty, selection, judge, version, seed } = report;
  const scorer = scorerName(report);
  const scoring: Both = {
    en: `${difficulty.folds} parts × ${difficulty.seeds} seeds × ${difficulty.checkpoints} checkpoints`,
    ja: `${difficulty.folds} 分割 × ${difficulty.seeds} シード × ${difficulty.checkpoints} チェックポイント`,
  };
  return table('dataAndRefused', [
    [word('model'), html`${model.name}`],
    [word('parameters'), html`${count(model.parameters)}`],
    [word('trained'), both(term(model.trained))],
    ...(judge === undefined ? [] : [[word('judge'), both(judgeName(judge))] as const]),
    [word('file'), html`<code>${data.file}</code>`],
    [html`SHA-256`, html`<code title="${data.sha256}">${data.sha256.slice(0, 12)}…</code>`],
    [word('format'), html`${data.format}`],
    [word('read'), html`${count(pairs.read)}`],
    [word('refused'), html`${count(pairs.refused)}`],
    [word('usable'), html`${count(pairs.used)}`],
    [word('poolPairs'), html`${count(pairs.pool)}`],
    [word('heldOutPairs'), html`${count(pairs.heldOut)}`],
    [word('promptsCut'), html`${count(pairs.promptsCut)}`],
    ...(scorer === null ? [] : [[word('scorer'), both(scorer)] as const]),
    ...(scorer !== null && isMeasuredOnce(report) ? [] : [[word('scoring'), both(scoring)] as const]),
    [word('keepFraction'), html`${keepPercent(selection.keepFraction)}`],
    ...(selection.auto === undefined ? [] : [[word('keptBy'), both(words.tuningPrompts)] as const]),
    ...(selection.band === undefined
      ? []
      : [[word('band'), html`${selection.band.map(keepPercent).join(' – ')}`] as const]),
    ...(selection.budget === undefined ? [] : [budgetRow(selection.budget)]),
    [word('direction'), both(term(selection.direction))],
    ...(selection.within === undefined ? [] : [[word('within'), both(term(selection.within))] as const]),
    [word('keptPairs'), html`${count(selection.kept)} / ${count(selection.kept + selection.dropped)}`],
    [word('seed'), html`${String(seed)}`],
    [word('version'), html`${version}`],
  ]);
}

function budgetRow({ unit, most, spent }: NonNullable<ReportData['selection']['budget']>): Row {
  const shown = (value: number) => (unit === 'money' ? fixed(value, 2) : count(value));
  return [word('budget'), html`${shown(spent)} / ${shown(most)} ${both(words[unit])}`];
}

function refusedTable({ pairs }: ReportData): Html | null {
  const causes = Object.entries(pairs.refusedBy).sort(([, a], [, b]) => b - a);
  if (causes.length === 0) return null;
  return table(
    'refused',
    causes.map(([cause, rows]): Row => [both(term(cause)), html`${count(rows)}`]),
  );
}

function learningRates({ learningRates: rates }: ReportData): Html {
  if (rates === null) return html`<h3>${word('learningRates')}</h3><p>${word('learningRateGiven')}</p>`;
  return html`<h3>${word('learningRates')}</h3>
<table><caption>${word(rates.by === 'winRate' ? 'learningRatesByWinRate' : 'learningRatesByLoss')}</caption>
<thead><tr><th scope="col">${word('learningRate')}</th><th scope="col">${word(rates.by)}</th><th scope="col" class="text"></th></tr></thead>
<tbody>${rates.tried.map(
    ({ learningRate, value, chosen }) =>
      html`<tr><th scope="row">${scientific(learningRate)}</th><td>${rates.by === 'winRate' ? percent(value) : fixed(value, 4)}</td><td class="text">${
        chosen ? html`✓ ${word('used')}` : null
      }</td></tr>
`,
  )}</tbody></table>`;
}

function timeTable({ seconds, secondsByStage }: ReportData): Html {
  return table('time', [
    ...secondsByStage.map((one): Row => [both(term(one.stage)), both(duration(one.seconds))]),
    [word('total'), both(duration(seconds))],
  ]);
}

function hyperParameters({ hyperParameters: all }: ReportData): Html {
  return table(
    'hyperParameters',
    Object.entries(all).map(
      ([name, value]): Row => [
        html`<code>${name}</code>`,
        html`${typeof value === 'number' ? scientific(value) : value === null ? MISSING : String(value)}`,
      ],
    ),
  );
}

function notes({ notes: list }: ReportData): Html | null {
  if (list.length === 0) return null;
  return html`<h3>${word('notes')}</h3><ul>${list.map(
    (note) => html`<li>${note}</li>
`,
  )}</ul>`;
}
