import type { TrainingEffects } from '../evaluate/effects/training-effects.ts';
import type { Work } from '../pipeline/cost-sheet.ts';
import type { SelectionEffects } from '../select/effects/selection-effects.ts';
import { costSentences, tokenText } from './cost-sentences.ts';
import type { DroppedSummary, Interval, ReportData } from './data.ts';
import {
  changed,
  droppedSentences,
  gateSentences,
  isFound,
  measured,
  selectionSentences,
  trainingSentences,
} from './effect-sentences.ts';
import { effectWords, groupName, LABEL_NAMES, LENGTH_NAMES, MEASURES, REASON_NAMES } from './effect-words.ts';
import { figure, findings } from './frame.ts';
import { both, type Html, html } from './html.ts';
import { count, duration, fixed, known, MISSING, percent, points, signed } from './numbers.ts';
import { shareChart, shareSentences } from './share-curve.ts';
import { armName, type Both, words } from './words.ts';

/** The panels below the arms, in the order of their weight; those for which a report has nothing are left out. */
export function panels(data: ReportData): Html {
  const { trainingEffects, gates, selectionEffects, dropped, cost, selection } = data;
  return html`${trainingEffects === undefined ? null : trainingPanel(trainingEffects, gates)}
${dropped === undefined ? null : droppedPanel(dropped)}
${selectionEffects == null ? null : selectionPanel(selectionEffects)}
${selection.auto === undefined ? null : sharePanel(selection.auto)}
${cost === undefined ? null : costPanel(cost)}`;
}

type Cell = Html | string;

interface Column {
  readonly heading: Both;
  readonly isText?: boolean;
}

function column(heading: Both, isText = false): Column {
  return { heading, isText };
}

/** A table whose first column heads its rows. */
function table(
  id: string,
  caption: Both,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): Html {
  return html`<p class="caption" id="${id}-caption">${both(caption)}</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-caption">
<table class="wide" aria-labelledby="${id}-caption">
<thead><tr>${columns.map(({ heading, isText }) => html`<th scope="col" class="${isText ? 'text' : 'number'}">${both(heading)}</th>`)}</tr></thead>
<tbody>${rows.map(
    (cells) => html`<tr>${cells.map((cell, i) =>
      i === 0
        ? html`<th scope="row">${cell}</th>`
        : html`<td class="${columns[i]?.isText ? 'text' : 'number'}">${cell}</td>`,
    )}</tr>
`,
  )}</tbody>
</table>
</div>`;
}

function details(summary: Both, inside: Html): Html {
  return html`<details><summary>${both(summary)}</summary>
${inside}
</details>`;
}

function trainingPanel(effects: TrainingEffects, gates: ReportData['gates']): Html | null {
  const sentences = [...(gates === undefined ? [] : gateSentences(gates)), ...trainingSentences(effects)];
  if (sentences.length === 0) return null;
  return html`<section id="training-effects">
<h2>${both(effectWords.training)}</h2>
${findings(sentences)}
${effects.calibration.length === 0 ? null : calibrationTable(effects)}
${details(
  effectWords.allChanges,
  table(
    'training-effects',
    effectWords.trainingCaption,
    [
      column(words.comparison),
      column(words.measure, true),
      column(words.value),
      column(words.difference, true),
      column(effectWords.p),
    ],
    effects.effects.map((effect) => [
      both({
        en: `${armName(effect.a).en} − ${armName(effect.b).en}`,
        ja: `${armName(effect.a).ja} − ${armName(effect.b).ja}`,
      }),
      both(MEASURES[effect.measure]),
      `${measured(effect.measure, effect.aMean)} / ${measured(effect.measure, effect.bMean)}`,
      both(changed(effect)),
      pText(effect.pHolm),
    ]),
  ),
)}
</section>`;
}

function calibrationTable({ calibration }: TrainingEffects): Html {
  return html`<h3>${both(effectWords.calibration)}</h3>
${table(
  'calibration',
  effectWords.calibrationCaption,
  [
    column(words.arm),
    column(words.pairs),
    column(effectWords.brier),
    column(effectWords.ece),
    column(effectWords.tooSure),
  ],
  calibration.map(({ arm, pairs, brier, ece, overconfidence }) => [
    both(armName(arm)),
    count(pairs),
    withInterval(brier, (x) => fixed(x, 3)),
    withInterval(ece, (x) => fixed(x, 3)),
    withInterval(overconfidence, (x) => signed(x, 3)),
  ]),
)}`;
}

function droppedPanel(summary: DroppedSummary): Html | null {
  const sentences = droppedSentences(summary);
  if (sentences.length === 0) return null;
  const rows = (isWrong: boolean) =>
    summary.first
      .filter(({ label }) => (label === 'likely wrong') === isWrong)
      .map(({ row, label, reasons, difficulty, swappedLoss, prompt, chosen, rejected }) => [
        count(row),
        both(LABEL_NAMES[label]),
        both({
          en: reasons.map((reason) => REASON_NAMES[reason].en).join('; '),
          ja: reasons.map((reason) => REASON_NAMES[reason].ja).join('、'),
        }),
        `${fixed(difficulty, 2)} / ${fixed(swappedLoss, 2)}`,
        html`<div class="texts">${prompt}</div><div class="texts good"><b>${both(words.chosen)}</b> ${chosen}</div><div class="texts warn"><b>${both(words.rejected)}</b> ${rejected}</div>`,
      ]);
  const shown = (id: string, isWrong: boolean) =>
    table(
      id,
      effectWords.droppedCaption,
      [
        column(effectWords.row),
        column(effectWords.label, true),
        column(effectWords.reasons, true),
        column(effectWords.losses),
        column(effectWords.pair, true),
      ],
      rows(isWrong),
    );
  const others = { en: 'Examples of the others', ja: 'そのほかの例' };
  return html`<section id="dropped">
<h2>${both(effectWords.dropped)}</h2>
${findings(sentences)}
${summary.counts['likely wrong'] === 0 ? null : shown('dropped-wrong', true)}
${rows(false).length === 0 ? null : details(others, shown('dropped-others', false))}
</section>`;
}

function selectionPanel(effects: SelectionEffects): Html {
  const all = effects.dropped / effects.pairs;
  const groups = table(
    'selection-groups',
    effectWords.selectionCaption,
    [
      column(effectWords.group),
      column(effectWords.number),
      column(effectWords.droppedShare),
      column(effectWords.droppedOthers),
      column(effectWords.difference),
      column(effectWords.p),
    ],
    effects.groups.map((group) => [
      both(groupName(group)),
      count(group.pairs),
      percent(group.dropped / group.pairs),
      percent((effects.dropped - group.dropped) / (effects.pairs - group.pairs)),
      withInterval(group.effect, points),
      pText(group.pHolm),
    ]),
  );
  const lengths = table(
    'selection-lengths',
    effectWords.pairLength,
    [
      column(effectWords.pairLength),
      column(effectWords.keptMean),
      column(effectWords.droppedMean),
      column(effectWords.longer),
      column(effectWords.p),
    ],
    effects.lengths.map((length) => [
      both(LENGTH_NAMES[length.of]),
      fixed(length.keptMean, 1),
      fixed(length.droppedMean, 1),
      withInterval(length.effect, percent),
      pText(length.pHolm),
    ]),
  );
  const found = effects.groups.filter(isFound).length + effects.lengths.filter(isFound).length;
  const summary = {
    en: `All ${count(effects.tests)} tests (${count(found)} found; ${percent(all)} of all pairs were dropped; ${count(effects.untested)} groups of fewer than 10 pairs were not tested)`,
    ja: `全 ${count(effects.tests)} 件の検定（差あり ${count(found)} 件、全体の除外率 ${percent(all)}、10 件未満の ${count(effects.untested)} 種類は未検定）`,
  };
  return html`<section id="selection-effects">
<h2>${both(effectWords.selection)}</h2>
${findings(selectionSentences(effects))}
${details(summary, html`${groups}${lengths}`)}
</section>`;
}

function sharePanel(auto: NonNullable<ReportData['selection']['auto']>): Html | null {
  const sentences = shareSentences(auto);
  const chart = shareChart(auto);
  if (sentences.length === 0 && chart === null) return null;
  return html`<section id="share-curve">
<h2>${both(effectWords.shares)}</h2>
${findings(sentences)}
<div class="charts">${chart === null ? null : figure(chart)}</div>
</section>`;
}

function costPanel(cost: NonNullable<ReportData['cost']>): Html {
  const { scoring, comparing, finalTraining } = cost;
  const tokens = (value: number) => (value === 0 ? MISSING : both(tokenText(value)));
  const hours = (value: number | null) => both(duration(value === null ? null : 3600 * value));
  const work = (name: Both, one: Work) => [
    both(name),
    tokens(one.trainedTokens),
    tokens(one.scoredTokens),
    tokens(one.generatedTokens),
    hours(one.workerHours),
  ];
  const ofFull = (share: number) =>
    finalTraining.savedHours === null || finalTraining.savedTokens === 0
      ? null
      : (finalTraining.savedHours * share) / finalTraining.savedTokens;
  return html`<section id="cost">
<h2>${both(effectWords.cost)}</h2>
${findings(costSentences(cost))}
${table(
  'cost',
  effectWords.costCaption,
  [
    column(effectWords.item),
    column(effectWords.trainedTokens),
    column(effectWords.scoredTokens),
    column(effectWords.generatedTokens),
    column(effectWords.hours),
  ],
  [
    work(effectWords.scoringCost, scoring),
    work(effectWords.comparingCost, comparing),
    [
      both(effectWords.fullTraining),
      tokens(finalTraining.fullTokens),
      MISSING,
      MISSING,
      hours(ofFull(finalTraining.fullTokens)),
    ],
    [
      both(effectWords.keptTraining),
      tokens(finalTraining.keptTokens),
      MISSING,
      MISSING,
      hours(ofFull(finalTraining.keptTokens)),
    ],
  ],
)}
</section>`;
}

function withInterval(interval: Interval | null, show: (x: number) => string): Html {
  if (interval === null) return html`${MISSING}`;
  const { value, low, high } = interval;
  const range = known(low) && known(high) ? html`<small>${show(low)} … ${show(high)}</small>` : null;
  return html`${show(value)}${range}`;
}

function pText(p: number): string {
  return p < 0.001 ? '<0.001' : fixed(p, 3);
}
