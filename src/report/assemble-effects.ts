import { type DroppedLabels, LABELS, type LabelRow, labelCounts } from '../difficulty/dropped.ts';
import { gateResults } from '../evaluate/effects/gates.ts';
import {
  type ArmBehaviour,
  type HeldOutChange,
  trainingEffects,
} from '../evaluate/effects/training-effects.ts';
import type { PreferencePair, Text } from '../pairs/pair.ts';
import { plainText } from '../pairs/survey/text.ts';
import { type CostInputs, costSheet, priced } from '../pipeline/cost-sheet.ts';
import type { LogProbRow } from '../pipeline/inputs.ts';
import { type Prepared, readUsable, type UsedPair } from '../pipeline/prepare.ts';
import type { Evaluated, Scored, Selected, Trained } from '../pipeline/stages.ts';
import { implicitMargin } from '../train/preference-loss.ts';
import type { Comparison, DroppedSummary, ReportData } from './data.ts';

interface Results {
  readonly runDir: string;
  readonly prepared: Prepared;
  readonly scored: Scored;
  readonly selected: Selected;
  readonly trained: Trained;
  readonly evaluated: Evaluated;
}

type Effects = Pick<ReportData, 'selectionEffects' | 'dropped' | 'trainingEffects' | 'gates' | 'cost'>;

/** Pairs of each label that the report shows, and letters of their texts. */
const SHOWN = { 'likely wrong': 10, ambiguous: 3, unstable: 3, 'too hard': 3 } as const;
const SHOWN_LETTERS = 240;

/** What selection and training did beside what they were for, what is too much of it, and what all of it took. */
export function assembleEffects(
  results: Results,
  comparisons: readonly Comparison[],
  stages: CostInputs['stages'],
): Effects {
  const { prepared, selected, runDir } = results;
  const { config, prompts } = prepared;
  const { labels } = selected.sideEffects;
  const asked = new Map(prompts.map(({ id, prompt }) => [id, lastAsked(prompt)]));
  const effects = trainingEffects(behaviours(results), asked, config.seed);
  const sheet = costSheet(costInputs(results, comparisons, stages));
  return {
    selectionEffects: selected.sideEffects.effects,
    ...(labels === null ? {} : { dropped: droppedSummary(labels, runDir) }),
    trainingEffects: effects,
    gates: { by: config.gates.by, results: gateResults(effects, comparisons, config.gates) },
    cost: { ...sheet, money: priced(sheet, config.prices) },
  };
}

/** The start model, and every arm with its seeds. */
function behaviours({ prepared: { heldOut }, scored, trained, evaluated }: Results): ArmBehaviour[] {
  const { beta } = scored.hyper;
  const changes = (rows: ReadonlyMap<string, LogProbRow>) =>
    heldOut.map(({ tokens }) =>
      changeOf(
        tokens,
        rows.get(tokens.id) as LogProbRow,
        evaluated.reference.get(tokens.id) as LogProbRow,
        beta,
      ),
    );
  const names = [...new Set(trained.arms.map(({ plan }) => plan.name))];
  return [
    { name: 'start', answers: [evaluated.start.answers], heldOut: [changes(evaluated.reference)] },
    ...names.map((name): ArmBehaviour => {
      const own = evaluated.arms.filter(({ arm }) => arm.plan.name === name);
      return {
        name,
        answers: own.map(({ answers }) => answers),
        heldOut: own.map((one) => changes(new Map(one.heldOut.map((row) => [row.id, row])))),
      };
    }),
  ];
}

function changeOf(
  { chosen, rejected }: UsedPair['tokens'],
  row: LogProbRow,
  reference: LogProbRow,
  beta: number,
): HeldOutChange {
  return {
    chosenChange: (row.chosen - reference.chosen) / chosen.length,
    rejectedChange: (row.rejected - reference.rejected) / rejected.length,
    margin: implicitMargin({ ...row, refChosen: reference.chosen, refRejected: reference.rejected }, beta),
  };
}

function droppedSummary(labels: DroppedLabels, runDir: string): DroppedSummary {
  const { between, easyLoss, rows } = labels;
  const of = (label: LabelRow['label']) => rows.filter((row) => row.label === label);
  const shown = LABELS.flatMap((label) => of(label).slice(0, SHOWN[label]));
  const texts = readUsable(
    runDir,
    shown.map(({ id }) => id),
  );
  return {
    between,
    easyLoss,
    counts: labelCounts(labels),
    first: shown.map(({ id, row, label, reasons, difficulty, z, swappedLoss }) => {
      const { prompt, chosen, rejected } = texts.get(id) as PreferencePair;
      const sides = {
        prompt: begin(lastAsked(prompt)),
        chosen: begin(plainText(chosen)),
        rejected: begin(plainText(rejected)),
      };
      return { id, row, label, reasons, difficulty, z, swappedLoss, ...sides };
    }),
  };
}

function costInputs(
  { prepared, scored, selected, trained, evaluated }: Results,
  comparisons: readonly Comparison[],
  stages: CostInputs['stages'],
): CostInputs {
  const { config, pool, heldOut } = prepared;
  const tokensOf = ({ tokens: { prompt, chosen, rejected } }: UsedPair) =>
    prompt.length + chosen.length + rejected.length;
  const all = [evaluated.start.answers, ...evaluated.arms.map(({ answers }) => answers)].flat();
  const main = (['winRate', 'heldOutAccuracy'] as const)
    .flatMap((metric) =>
      ['random', 'full'].map((b) => comparisons.find((c) => c.metric === metric && c.b === b)),
    )
    .find((c) => c !== undefined);
  return {
    poolTokens: new Map(pool.map((used) => [used.tokens.id, tokensOf(used)])),
    heldOutTokens: heldOut.reduce((sum, used) => sum + tokensOf(used), 0),
    keptIds: selected.kept.map(({ id }) => id),
    arms: trained.arms.map(({ plan }) => plan.ids),
    generatedTokens: all.reduce((sum, { tokens }) => sum + tokens, 0),
    folds: config.difficulty.folds,
    // Some scorers need no scoring runs.
    seeds: scored.scores.length === 0 ? 0 : config.difficulty.seeds,
    checkpoints: config.difficulty.checkpoints,
    epochs: scored.hyper.epochs,
    stages,
    comparison:
      main === undefined
        ? null
        : { metric: main.metric, against: main.b, n: main.n, difference: main.difference },
  };
}

/** What the user said last: an instruction in another language before it is not what is answered. */
function lastAsked(prompt: Text): string {
  if (typeof prompt === 'string') return prompt;
  return prompt.findLast(({ role }) => role === 'user')?.content ?? plainText(prompt);
}

function begin(text: string): string {
  const letters = [...text.slice(0, 2 * SHOWN_LETTERS)];
  return letters.length > SHOWN_LETTERS ? `${letters.slice(0, SHOWN_LETTERS).join('')}…` : letters.join('');
}
