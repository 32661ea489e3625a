import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantile } from 'simple-statistics';
import { Random } from '../../base/random.ts';
import type { DifficultyRow } from '../../difficulty/scores.ts';
import type { BaseSize } from '../base.ts';
import { armOf, easiest, full, inOrders, percent } from './arms.ts';
import { type Cell, type CellSummary, runCells } from './cells.ts';
import { armIn, Claims, differences } from './claims.ts';
import { mean } from './outcome.ts';
import type { LabArm, NamedWorld, Replicate } from './replicate.ts';
import { range } from './stability.ts';
import { direction, type Figure, points, type Study, share, type Table } from './study.ts';
import { CONFLICT_HARD } from './worlds.ts';

const SHARES = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
/** Trainings of each share; the larger the model, the dearer they are. */
const ORDERS: Readonly<Record<BaseSize, number>> = { s: 2, m: 2, l: 1, xl: 1 };
const QUICK_SHARES = [0.5, 0.8] as const;
/** Shares at which a smaller model's difficulty is tried on a larger one. */
const TRANSFERRED = [0.5, 0.8] as const;

/** Can a larger model use a larger share? (paper, section 4.3, Fig. 5; scores of a smaller model: Fig. 9) */
export const capacity: Study = {
  name: 'capacity',
  title: 'Capacity sets the threshold',
  question:
    'Win rate over the share of pairs kept, for models of four sizes on the same pairs, the rate tuned for all pairs at each size; the best share is the highest point of the mean curve, its interval that of the point when replicates are drawn anew. “Holds” where the best share rises with every size, and the largest model’s interval lies above the smallest’s; and what the smallest model’s difficulty does for a larger one.',
  sizes: { quick: ['s', 'm'], full: ['s', 'm', 'l', 'xl'] },
  async run(lab, { extent, seeds }) {
    const quick = extent === 'quick';
    const worlds = [CONFLICT_HARD];
    const sizes = capacity.sizes[extent];
    const shares: readonly number[] = quick ? QUICK_SHARES : SHARES;
    const replicates = range(seeds ?? (quick ? 2 : 3));
    const cellsOf = (
      some: (size: BaseSize) => boolean,
      arms: (cell: Omit<Cell, 'arms' | 'study'>) => Cell['arms'],
    ) =>
      worlds.flatMap((world) =>
        sizes.filter(some).flatMap((size) =>
          // The largest takes as long as all others together.
          replicates.slice(0, size === 'xl' ? 2 : undefined).map((index): Cell => {
            const cell = { world, size, index };
            return { study: 'capacity', ...cell, arms: arms(cell) };
          }),
        ),
      );
    const orders = quick ? { s: 1, m: 1, l: 1, xl: 1 } : ORDERS;
    const own = (size: BaseSize) => (replicate: Replicate) => [
      ...inOrders(orders[size], (order) => full(replicate, order)),
      ...shares.flatMap((tau) => inOrders(orders[size], (order) => easiest(replicate, tau, order))),
    ];
    // The smallest first: the larger ones are also given its order.
    const small = await runCells(
      lab,
      cellsOf(
        (size) => size === 's',
        ({ size }) => own(size),
      ),
    );
    const orderOf = (world: NamedWorld, index: number) =>
      join(
        lab.dir,
        small.find((cell) => cell.world.name === world.name && cell.index === index)?.folder ?? '',
      );
    const large = await runCells(
      lab,
      cellsOf(
        (size) => size !== 's',
        ({ world, size, index }) =>
          (replicate) => [
            ...own(size)(replicate),
            ...TRANSFERRED.map((tau) => foreign(replicate, tau, orderOf(world, index))),
          ],
      ),
    );
    return conclude(worlds, sizes, shares, [...small, ...large], lab.seed);
  },
};

/** The share that is easiest for the model whose run lies in `runDir`. */
function foreign(replicate: Replicate, tau: number, runDir: string): LabArm {
  const order = readFileSync(join(runDir, 'difficulty.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DifficultyRow)
    .sort((a, b) => a.rank - b.rank)
    .map(({ id }) => id);
  return armOf(replicate, foreignName(tau), order.slice(0, easiest(replicate, tau).ids.length));
}

const foreignName = (tau: number) => `easiest ${percent(tau)} by s`;

function conclude(
  worlds: readonly NamedWorld[],
  sizes: readonly BaseSize[],
  shares: readonly number[],
  cells: readonly CellSummary[],
  seed: number,
) {
  const claims = new Claims();
  const all = [...shares, 1];
  const armAt = (tau: number) => (tau === 1 ? 'full' : `easiest ${percent(tau)}`);
  const of = (world: NamedWorld, size: BaseSize) =>
    cells.filter((cell) => cell.world.name === world.name && cell.size === size);
  const bests = worlds.map((world) =>
    sizes.map((size) => {
      const curves = of(world, size).map((cell) => all.map((tau) => armIn(cell, armAt(tau)).winRate));
      const best = bestShare(all, curves, seed);
      claims.bounded(`${world.name}, ${size}: best share of the pairs`, { ...best, n: curves.length });
      return best;
    }),
  );
  for (const world of worlds)
    for (const size of sizes) {
      claims.difference(
        `${world.name}, ${size}: win rate, easiest 80 % − full`,
        differences(of(world, size), 'easiest 80 %', 'full'),
      );
      if (size === 's') continue;
      for (const tau of TRANSFERRED)
        claims.difference(
          `${world.name}, ${size}: win rate, ${foreignName(tau)} − easiest ${percent(tau)}`,
          differences(of(world, size), foreignName(tau), armAt(tau)),
        );
    }
  const done = claims.done();
  const verdicts = worlds.map((world, w) => {
    const best = bests[w] as { value: number; low: number; high: number }[];
    const rising = best.every((one, i) => i === 0 || one.value > (best[i - 1]?.value ?? 0));
    const apart = (best.at(-1)?.low ?? 0) > (best[0]?.high ?? 1);
    const list = best.map((one, i) => `${sizes[i]} ${percent(one.value)}`).join(', ');
    return `in “${world.name}” the best share is ${list}: ${rising && apart ? 'the paper’s finding holds' : rising ? 'rising, but within chance' : 'it does not rise with size'}`;
  });
  const tables = worlds.map((world, w): Table => {
    const rows = sizes.map((size, s) => {
      const best = bests[w]?.[s] as { value: number; low: number; high: number };
      const own = of(world, size);
      return [
        size,
        ...all.map((tau) => share(mean(own.map((cell) => armIn(cell, armAt(tau)).winRate)))),
        `${percent(best.value)} [${percent(best.low)}, ${percent(best.high)}]`,
        own[0] === undefined ? '' : String(own[0].learningRate),
        share(mean(own.map(({ start }) => start.correct))),
      ];
    });
    return {
      title: `Win rate % over the share kept: ${world.name}`,
      head: ['size', ...all.map(percent), 'best share', 'rate', 'start correct %'],
      rows,
      meaning: verdicts[w] as string,
    };
  });
  const transfer: Table = {
    title:
      'The smallest model’s difficulty used for a larger one: win rate, its easiest − the model’s own easiest',
    head: ['world', 'size', ...TRANSFERRED.map(percent)],
    rows: worlds.flatMap((world) =>
      sizes.slice(1).map((size) => [
        world.name,
        size,
        ...TRANSFERRED.map((tau) => {
          const claim = done.find(
            ({ text }) =>
              text === `${world.name}, ${size}: win rate, ${foreignName(tau)} − easiest ${percent(tau)}`,
          );
          return claim === undefined ? '–' : `${points(claim)} (${direction(claim)})`;
        }),
      ]),
    ),
    meaning:
      'Near zero, a small model’s scoring would do for a larger one (paper, Fig. 9: own is best, foreign better than random).',
  };
  const figures = worlds.map(
    (world): Figure => ({
      kind: 'lines',
      title: `Win rate over the share kept, by size: ${world.name}`,
      x: 'share of the pairs',
      y: 'win rate against the start model',
      series: sizes.map((size) => ({
        name: size,
        points: all.map((tau) => ({
          x: tau,
          y: mean(of(world, size).map((cell) => armIn(cell, armAt(tau)).winRate)),
        })),
      })),
      meaning: 'The paper’s Fig. 5: the peak would move to the right as models grow.',
    }),
  );
  return {
    name: capacity.name,
    title: capacity.title,
    verdict: `${verdicts.join('; ')}.`.replace(/^./, (first) => first.toUpperCase()),
    claims: done,
    tables: [...tables, transfer],
    figures,
  };
}

/** The share at the highest point of the mean curve; 95 % of the highest points when replicates are drawn anew. */
function bestShare(shares: readonly number[], curves: readonly (readonly number[])[], seed: number) {
  const peak = (drawn: readonly (readonly number[])[]) => {
    const means = shares.map((_, i) => mean(drawn.map((curve) => curve[i] as number)));
    return shares[means.indexOf(Math.max(...means))] as number;
  };
  const random = new Random(seed, 'best share');
  const peaks = range(1000).map(() => peak(curves.map(() => random.pick(curves))));
  return { value: peak(curves), low: quantile(peaks, 0.025), high: quantile(peaks, 0.975) };
}
