/**
 * AlpacaEval 2 recomputed from the published judgments in ../shared/data, beside the leaderboard's values; writes the
 * table of docs/evaluation-alpaca.md. `npm run bench -- evaluation-alpaca`
 *
 * The strength C that the leaderboard's own cross-validation chose is not published, but follows from the published
 * coefficients: it is the one whose fit is next to them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { csvParse } from 'd3-dsv';
import { type AlpacaEvalModel, alpacaEval } from '../src/evaluate/alpaca-eval/alpaca-eval.ts';
import { readDifficulties } from '../src/evaluate/alpaca-eval/difficulty.ts';
import { STRENGTHS } from '../src/stats/logistic-strength.ts';
import { replacePart, table } from './lib/document.ts';
import { ROOT } from './lib/places.ts';

const FOLDER = join(ROOT, '..', 'shared', 'data', 'alpaca_eval');
if (!existsSync(FOLDER)) {
  console.error(`needs ${FOLDER}`);
  process.exit(2);
}

const options = {
  annotations: [join(FOLDER, 'annotations_slim.jsonl.gz')],
  difficulties: await readDifficulties(join(FOLDER, 'derived_instruction_difficulty.csv')),
};
const begunMs = process.cpuUsage().user / 1000;
const { models } = await alpacaEval(options);
const cpuMs = process.cpuUsage().user / 1000 - begunMs;
const atStrength = new Map<number, readonly AlpacaEvalModel[]>();
for (const strength of STRENGTHS)
  atStrength.set(strength, (await alpacaEval({ ...options, strength })).models);

type Cells = Readonly<Record<string, string | undefined>>;
const byName = (file: string) =>
  new Map<string, Cells>(
    csvParse(readFileSync(join(FOLDER, file), 'utf8')).map((row) => [row[''] as string, row] as const),
  );
const leaderboard = byName('leaderboard_weighted_alpaca_eval_gpt4_turbo.csv');
const weights = byName('glm_weights_length_controlled_v1.csv');

/** The strength whose fit lies next to the published coefficients. */
function publishedStrength(model: string): number | null {
  const row = weights.get(model);
  if (row === undefined) return null;
  const published = [
    row['np.tanh(std_delta_len)'],
    row.instruction_difficulty,
    row['not_gamed_baseline.astype(float)'],
  ].map(Number);
  const distance = (strength: number) => {
    const fit = fitAt(strength, model).coefficients;
    const found = [fit?.length ?? 0, fit?.difficulty ?? 0, fit?.model ?? 0];
    return Math.max(...found.map((w, j) => Math.abs(w - (published[j] as number))));
  };
  return STRENGTHS.reduce((best, strength) => (distance(strength) < distance(best) ? strength : best));
}

function fitAt(strength: number, model: string): AlpacaEvalModel {
  return atStrength.get(strength)?.find((row) => row.model === model) as AlpacaEvalModel;
}

interface Line {
  readonly ours: AlpacaEvalModel;
  readonly published: Cells;
  readonly strength: number | null;
  /** Recomputed less published, in points. */
  readonly difference: number;
  readonly atPublishedStrength: number;
}

const lines = models.flatMap((ours): Line[] => {
  const published = leaderboard.get(ours.model);
  if (published === undefined) return [];
  const strength = ours.strength === null ? null : publishedStrength(ours.model);
  const value = Number(published.length_controlled_winrate);
  const less = (row: AlpacaEvalModel) => (row.lengthControlledWinRate as number) - value;
  return [
    {
      ours,
      published,
      strength,
      difference: less(ours),
      atPublishedStrength: less(strength === null ? ours : fitAt(strength, ours.model)),
    },
  ];
});

const signed = (value: number) =>
  `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`.replace(/^[+−](0\.0000)$/, '$1');
const strengthText = (strength: number | null | undefined) =>
  strength === null || strength === undefined ? '–' : String(Number(strength.toPrecision(3)));

const text = table(
  [
    'model',
    'win rate',
    'published',
    'LC',
    'published',
    'difference',
    'C',
    'published C',
    'difference with it',
  ],
  lines.map(({ ours, published, strength, difference, atPublishedStrength }) => [
    ours.model,
    (ours.winRate as number).toFixed(6),
    Number(published.win_rate).toFixed(6),
    (ours.lengthControlledWinRate as number).toFixed(4),
    Number(published.length_controlled_winrate).toFixed(4),
    signed(difference),
    strengthText(ours.strength),
    strengthText(strength),
    signed(atPublishedStrength),
  ]),
);

const most = (of: (line: Line) => number) => Math.max(...lines.map((line) => Math.abs(of(line))));
const rateError = most(({ ours, published }) => (ours.winRate as number) - Number(published.win_rate));
const errorError = most(
  ({ ours, published }) => (ours.standardError as number) - Number(published.standard_error),
);
const discreteError = most(
  ({ ours, published }) => (ours.discreteWinRate as number) - Number(published.discrete_win_rate),
);
const ordinary = lines.filter(({ ours }) => !['NullModel', 'gpt4_gamed'].includes(ours.model));
const mean = ordinary.reduce((sum, line) => sum + Math.abs(line.difference), 0) / ordinary.length;
const found = [
  `${lines.length} models. Largest difference of win rate ${rateError.toExponential(1)}, of its error ${errorError.toExponential(1)}, of the discrete win rate ${discreteError.toExponential(1)}.`,
  `Length-controlled, without NullModel and gpt4_gamed: mean ${mean.toFixed(3)} points, largest ${Math.max(...ordinary.map((line) => Math.abs(line.difference))).toFixed(3)}; at the published strength largest ${Math.max(...ordinary.map((line) => Math.abs(line.atPublishedStrength))).toFixed(3)}.`,
  `Strength as published: ${lines.filter(({ ours, strength }) => strength !== null && ours.strength === strength).length} of ${lines.filter(({ strength }) => strength !== null).length}.`,
].join(' ');

console.log(`${text}\n\n${found}`);
console.error(`${(cpuMs / models.length / 1000).toFixed(2)} s of processor time a model, reading included`);
replacePart(join(ROOT, 'docs', 'evaluation-alpaca.md'), 'alpaca-table', `${text}\n\n${found}`);
