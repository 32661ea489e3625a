import type { Json } from '../../base/hash.ts';
import { meanBy } from '../../difficulty/aggregate.ts';
import { learnedStep } from '../../difficulty/learned-step.ts';
import type { ScoreRow } from '../../difficulty/scores.ts';
import { pearson, spearman } from '../../stats/correlation.ts';
import { jaccard } from '../../stats/overlap.ts';
import type { BaseSize } from '../base.ts';
import { type Cell, type CellSummary, runCells } from './cells.ts';
import { Claims } from './claims.ts';
import { mean } from './outcome.ts';
import type { Replicate } from './replicate.ts';
import type { Figure, Study, Table } from './study.ts';
import { CONFLICT_HARD, NEUTRAL, ON_POLICY } from './worlds.ts';

/** Half of the pairs: what the paper's Fig. 2 compares. */
const HARD_HALF = 0.5;

/** Is the order of difficulty a property of the pairs, or of a run? (paper, section 3, Fig. 2) */
export const stability: Study = {
  name: 'stability',
  title: 'Difficulty is stable',
  question:
    'Spearman correlation of difficulty, and Jaccard index of the hardest half, between seeds, base models and sizes on the same pairs; correlation of learned step and validation loss; reliability of r seeds and c checkpoints against three seeds apart. “Stable” is a mean correlation between seeds of at least 0.9 (the paper’s lowest), “moderately” at least 0.7.',
  sizes: { quick: ['s', 'm'], full: ['s', 'm', 'l', 'xl'] },
  async run(lab, { extent, seeds }) {
    const quick = extent === 'quick';
    // Worlds of the other studies: what is scored there need not be scored anew.
    const worlds = quick ? [CONFLICT_HARD, NEUTRAL] : [CONFLICT_HARD, NEUTRAL, ON_POLICY];
    const sizes = stability.sizes[extent];
    const indices = range(seeds ?? (quick ? 1 : 2));
    // The large models take as long as all else together: in one world (the largest once) they have room in two hours.
    // The quick study has room for one of m.
    const fits = ({ world, size, index }: Pick<Cell, 'world' | 'size' | 'index'>) =>
      size === 's' ||
      (size === 'm' && !quick) ||
      (world === worlds[0] && (size === 'm' || size === 'l' || index === 0));
    const plain = worlds
      .flatMap((world) => sizes.flatMap((size) => indices.map((index) => ({ world, size, index }))))
      .filter(fits)
      .map((cell) => cellOf({ ...cell, look: difficultiesOf }));
    // The same pairs under other base models of the size.
    const otherBases = quick
      ? []
      : worlds
          .slice(0, 2)
          .flatMap((world) =>
            (['s', 'm'] as const).flatMap((size) =>
              [1, 2].map((base) => cellOf({ world, size, index: 0, base, look: difficultiesOf })),
            ),
          );
    const many = (quick ? [CONFLICT_HARD] : [CONFLICT_HARD, NEUTRAL]).flatMap((world) =>
      (quick ? (['s'] as const) : (['s', 'm'] as const)).map((size) =>
        cellOf({
          world,
          size,
          index: 0,
          difficultySeeds: quick ? 4 : 6,
          checkpoints: 5,
          look: seedsAndCheckpoints,
        }),
      ),
    );
    const stepped = (quick ? (['s'] as const) : (['s', 'm'] as const)).map((size) =>
      cellOf({ world: CONFLICT_HARD, size, index: 0, checkpoints: quick ? 14 : 56, look: learnedSteps }),
    );
    const summaries = await runCells(lab, [...plain, ...otherBases, ...many, ...stepped]);
    const take = (cells: readonly Cell[]) => summaries.splice(0, cells.length);
    return conclude(take(plain), take(otherBases), take(many), take(stepped));
  },
};

function cellOf(cell: Omit<Cell, 'study' | 'arms'>): Cell {
  return { study: 'stability', arms: () => [], ...cell };
}

function conclude(
  plain: readonly CellSummary[],
  otherBases: readonly CellSummary[],
  many: readonly CellSummary[],
  stepped: readonly CellSummary[],
) {
  const claims = new Claims();
  const worlds = [...new Set(plain.map(({ world }) => world.name))];
  const sizes = [...new Set(plain.map(({ size }) => size))];
  const between = plain.map(({ reliability }) => reliability.spearman ?? 0);
  const overall = claims.mean(
    'Spearman correlation of difficulty between two seeds, all worlds and sizes',
    between,
  );
  for (const world of worlds)
    claims.mean(
      `Spearman between two seeds, ${world}`,
      plain.filter((cell) => cell.world.name === world).map(({ reliability }) => reliability.spearman ?? 0),
    );
  const heat = sizes.map((a) => sizes.map((b) => acrossSizes(plain, a, b)));
  const far = sizes.flatMap((a, i) => sizes.slice(i + 1).map((b) => acrossSizes(plain, a, b)));
  const across = far.filter((value) => value !== null);
  if (across.length > 0) claims.mean('Spearman between sizes, same pairs', across);
  const bases = otherBases.flatMap((other) => {
    const twin = plain.find(
      (cell) =>
        cell.world.name === other.world.name && cell.size === other.size && cell.index === other.index,
    );
    return twin === undefined ? [] : [spearman(column(twin), column(other)) ?? 0];
  });
  if (bases.length > 0) claims.mean('Spearman between base models of one size, same pairs', bases);
  const steps = stepped.map(({ looked }) => (looked as { correlation: number }).correlation);
  const learned = claims.mean('Correlation of learned step and validation loss (paper: .92 to .93)', steps);
  const kinds = [
    '1 seed, last checkpoint',
    '1 seed, 5 checkpoints',
    '2 seeds, last checkpoint',
    '3 seeds, last checkpoint',
    '3 seeds, 5 checkpoints',
  ];
  const rows = kinds.map((kind) => {
    const values = many
      .map(({ looked }) => (looked as Record<string, number>)[kind] ?? Number.NaN)
      .filter(Number.isFinite);
    const { value } = claims.mean(`Reliability of ${kind}: Spearman with the mean of other seeds`, values);
    return [kind, value.toFixed(3)];
  });
  const reliabilities: Table = {
    title: 'What more seeds and checkpoints buy: Spearman with the mean of other seeds',
    head: ['scored by', 'Spearman'],
    rows,
    meaning:
      'What a row has over the one above is what its seeds or checkpoints buy; a second seed costs as much as the first, a checkpoint a scoring pass.',
  };
  const hardHalf = plain.map(({ looked }) => (looked as { jaccard: number }).jaccard);
  claims.mean('Jaccard index of the hardest halves of two seeds (by chance 1/3)', hardHalf);
  const perWorld: Table = {
    title: 'Spearman between two seeds',
    head: ['world', ...sizes],
    rows: worlds.map((world) => [
      world,
      ...sizes.map((size) => {
        const values = plain
          .filter((cell) => cell.world.name === world && cell.size === size)
          .map(({ reliability }) => reliability.spearman ?? 0);
        return values.length === 0 ? '–' : mean(values).toFixed(2);
      }),
    ]),
    meaning: 'Where it is low, the pairs near the cut are as good as drawn by lot.',
  };
  const figure: Figure = {
    kind: 'heat',
    title: 'Agreement of difficulty between sizes (Spearman; on the diagonal: between seeds)',
    labels: sizes,
    values: heat,
    meaning: 'The paper’s Fig. 2, where near models rank pairs alike and far ones less.',
  };
  const grade = overall.value >= 0.9 ? 'stable' : overall.value >= 0.7 ? 'moderately stable' : 'not stable';
  return {
    name: stability.name,
    title: stability.title,
    verdict: `The order of difficulty is ${grade}: Spearman ${overall.value.toFixed(2)} between seeds${across.length > 0 ? `, ${mean(across).toFixed(2)} between sizes` : ''} (paper: .90 to .97, and .70 to .87 between models); learned step and validation loss correlate at ${learned.value.toFixed(2)}.`,
    claims: claims.done(),
    tables: [perWorld, reliabilities],
    figures: [figure],
  };
}

/** Mean over worlds and replicates of the correlation between two sizes; on the diagonal between seeds. */
function acrossSizes(cells: readonly CellSummary[], a: BaseSize, b: BaseSize): number | null {
  const of = (size: BaseSize) =>
    cells.filter((cell) => cell.size === size && cell.world.source !== 'on-policy');
  if (a === b) return mean(of(a).map(({ reliability }) => reliability.spearman ?? 0));
  const values = of(a).flatMap((cell) => {
    const twin = of(b).find((other) => other.world.name === cell.world.name && other.index === cell.index);
    return twin === undefined ? [] : [spearman(column(cell), column(twin)) ?? 0];
  });
  return values.length === 0 ? null : mean(values);
}

function column({ looked }: CellSummary): number[] {
  return (looked as { difficulties: number[] }).difficulties;
}

/** Difficulties in the order of the input, and how far the two seeds' hardest halves agree. */
async function difficultiesOf({ scored }: Replicate): Promise<Json> {
  const [first, second] = bySeed(scored.scores).values();
  return {
    difficulties: scored.difficulties.map(({ difficulty }) => Number(difficulty.toPrecision(6))),
    jaccard: first === undefined || second === undefined ? null : jaccard(hardest(first), hardest(second)),
  };
}

/** Spearman of r seeds and c checkpoints with the last checkpoints of three seeds (quick: of one) apart from them. */
async function seedsAndCheckpoints({ scored }: Replicate): Promise<Json> {
  const seeds = [...bySeed(scored.scores).keys()];
  const apart = seeds.slice(3);
  const last = scored.scores.reduce((most, { checkpoint }) => Math.max(most, checkpoint), 0);
  const ids = scored.difficulties.map(({ id }) => id);
  const columnOf = (of: readonly number[], all: boolean) => {
    const means = meanBy(
      scored.scores.filter((row) => of.includes(row.seed) && (all || row.checkpoint === last)),
      ({ id }) => id,
    );
    return ids.map((id) => means.get(id) as number);
  };
  const truth = columnOf(apart, false);
  const of = (groups: readonly (readonly number[])[], all: boolean) =>
    mean(groups.map((group) => spearman(columnOf(group, all), truth) ?? 0));
  const [a = 0, b = 0, c = 0] = seeds;
  const twos = [
    [a, b],
    [a, c],
    [b, c],
  ];
  return {
    '1 seed, last checkpoint': of([[a], [b], [c]], false),
    '1 seed, 5 checkpoints': of([[a], [b], [c]], true),
    '2 seeds, last checkpoint': of(twos, false),
    '3 seeds, last checkpoint': of([[a, b, c]], false),
    '3 seeds, 5 checkpoints': of([[a, b, c]], true),
  };
}

/** Correlation of the mean learned step and the mean validation loss; what was never learned counts as one step more. */
async function learnedSteps({ scored }: Replicate): Promise<Json> {
  const { beta } = scored.hyper;
  const trajectories = new Map<string, ScoreRow[]>();
  for (const row of scored.scores) {
    const key = JSON.stringify([row.id, row.seed]);
    const rows = trajectories.get(key);
    if (rows === undefined) trajectories.set(key, [row]);
    else rows.push(row);
  }
  const most = scored.scores.reduce((step, row) => Math.max(step, row.step), 0);
  const steps = new Map<string, number[]>();
  let never = 0;
  for (const rows of trajectories.values()) {
    const step = learnedStep(rows, beta);
    if (step === null) never++;
    const id = (rows[0] as ScoreRow).id;
    steps.set(id, [...(steps.get(id) ?? []), step ?? most + 1]);
  }
  const last = scored.scores.filter(({ step }) => step === most);
  const losses = meanBy(last, ({ id }) => id);
  const ids = [...steps.keys()].filter((id) => losses.has(id));
  const learned = ids.map((id) => mean(steps.get(id) as number[]));
  const loss = ids.map((id) => losses.get(id) as number);
  return {
    correlation: pearson(learned, loss) ?? 0,
    rankCorrelation: spearman(learned, loss) ?? 0,
    neverLearned: never / trajectories.size,
  };
}

function bySeed(scores: readonly ScoreRow[]): Map<number, Map<string, number>> {
  const seeds = [...new Set(scores.map(({ seed }) => seed))];
  return new Map(
    seeds.map((seed) => [
      seed,
      meanBy(
        scores.filter((score) => score.seed === seed),
        ({ id }) => id,
      ),
    ]),
  );
}

function hardest(losses: ReadonlyMap<string, number>): Set<string> {
  const ids = [...losses.keys()].sort((a, b) => (losses.get(b) as number) - (losses.get(a) as number));
  return new Set(ids.slice(0, Math.floor(HARD_HALF * ids.length)));
}

export function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
