import type { Json } from '../../base/hash.ts';
import { suspicions } from '../../difficulty/suspicion.ts';
import { rankAverage } from '../../stats/rank.ts';
import { meanInterval } from '../../stats/student-t.ts';
import { armOf, ascending, easiest, full, inOrders, percent, random } from './arms.ts';
import { type Cell, type CellSummary, runCells } from './cells.ts';
import { armIn, Claims, differences } from './claims.ts';
import { mean } from './outcome.ts';
import type { LabArm, NamedWorld, Replicate } from './replicate.ts';
import { range } from './stability.ts';
import { points, type Study, share, type Table } from './study.ts';
import { ALIGNED, CONFLICT } from './worlds.ts';

const NOISES = [0, 0.1, 0.2] as const;
const SHARES = [0.5, 0.7, 0.8, 0.9] as const;

/** What is found of the flipped labels. */
interface Detection {
  /** Probability that a flipped pair is harder than one that is not. */
  readonly auc: number;
  readonly against: { readonly share: number; readonly precision: number; readonly recall: number };
  readonly unclear: { readonly share: number };
  /** Precision and recall of the hardest pairs, as many as were flipped. */
  readonly hardest: number;
}

/** Is difficulty label noise by another name? (paper, section 4.2, Fig. 4) */
export const noise: Study = {
  name: 'noise',
  title: 'Noise is another thing',
  question:
    'The same comparison with 0, 10 and 20 % of the labels flipped, beside an arm that leaves out exactly those; and whether pairs that held-out models order against their label beyond chance (“against”) are the flipped ones: precision and recall.',
  sizes: { quick: ['s'], full: ['s'] },
  async run(lab, { extent, seeds }) {
    const quick = extent === 'quick';
    const kinds = quick ? [ALIGNED] : [CONFLICT, ALIGNED];
    const noises = quick ? [0, 0.2] : NOISES;
    const worlds = kinds.flatMap((world) =>
      noises.map(
        (labelNoise): NamedWorld =>
          labelNoise === 0
            ? world
            : { ...world, name: `${world.name}, ${100 * labelNoise} % flipped`, labelNoise },
      ),
    );
    const cells = worlds.flatMap((world) =>
      range(seeds ?? (quick ? 2 : 3)).map(
        (index): Cell => ({
          study: 'noise',
          world,
          size: 's',
          index,
          arms: (replicate) => armsOf(replicate, quick ? [0.8] : SHARES, quick ? 1 : 2),
          look: detection,
        }),
      ),
    );
    return conclude(worlds, await runCells(lab, cells), quick ? [0.8] : SHARES);
  },
};

function armsOf(replicate: Replicate, shares: readonly number[], orders: number): LabArm[] {
  const sound = ascending(replicate)
    .map(({ id }) => id)
    .filter((id) => replicate.pairs.get(id)?.meta.flipped === false);
  return [
    ...inOrders(orders, (order) => full(replicate, order)),
    ...shares.flatMap((tau) => inOrders(orders, (order) => easiest(replicate, tau, order))),
    random(replicate, 0.8),
    ...inOrders(orders, (order) => armOf(replicate, 'unflipped only', sound, order)),
  ];
}

async function detection(replicate: Replicate): Promise<Json> {
  const { scores, difficulties, hyper } = replicate.scored;
  const flipped = (id: string) => replicate.pairs.get(id)?.meta.flipped === true;
  const count = difficulties.filter(({ id }) => flipped(id)).length;
  const rows = suspicions(scores, hyper.beta) ?? [];
  const against = rows.filter(({ suspicion }) => suspicion === 'against');
  const ranks = rankAverage(difficulties.map(({ difficulty }) => difficulty));
  const sum = difficulties.reduce((total, { id }, i) => total + (flipped(id) ? (ranks[i] as number) : 0), 0);
  const others = difficulties.length - count;
  const hits = against.filter(({ id }) => flipped(id)).length;
  const hardest = ascending(replicate).slice(difficulties.length - count);
  return {
    // Mann and Whitney's U, scaled.
    auc: count === 0 ? 0.5 : (sum - (count * (count + 1)) / 2) / (count * others),
    against: {
      share: against.length / rows.length,
      precision: against.length === 0 ? 0 : hits / against.length,
      recall: count === 0 ? 0 : hits / count,
    },
    unclear: { share: rows.filter(({ suspicion }) => suspicion === 'unclear').length / rows.length },
    hardest: count === 0 ? 0 : hardest.filter(({ id }) => flipped(id)).length / count,
  };
}

function conclude(worlds: readonly NamedWorld[], cells: readonly CellSummary[], shares: readonly number[]) {
  const claims = new Claims();
  const of = (world: NamedWorld) => cells.filter((cell) => cell.world.name === world.name);
  const found = (cell: CellSummary) => cell.looked as unknown as Detection;
  const noisy = worlds.filter(({ labelNoise = 0 }) => labelNoise > 0);
  for (const world of worlds)
    claims.difference(
      `${world.name}: win rate, easiest 80 % − full`,
      differences(of(world), 'easiest 80 %', 'full'),
    );
  for (const world of noisy) {
    claims.difference(
      `${world.name}: win rate, unflipped only − full`,
      differences(of(world), 'unflipped only', 'full'),
    );
    claims.mean(
      `${world.name}: flipped pairs among those “against” their label (precision)`,
      of(world).map((cell) => found(cell).against.precision),
    );
    claims.mean(
      `${world.name}: flipped pairs that are found (recall)`,
      of(world).map((cell) => found(cell).against.recall),
    );
    claims.mean(
      `${world.name}: AUC of difficulty for flipped labels`,
      of(world).map((cell) => found(cell).auc),
    );
  }
  const done = claims.done();
  const arms = ['full', ...shares.map((tau) => `easiest ${percent(tau)}`), 'random 80 %', 'unflipped only'];
  const difference = (world: NamedWorld, name: string) =>
    points(meanInterval(differences(of(world), name, 'full')));
  const wins: Table = {
    title: 'Win rate % (difference to all pairs)',
    head: ['world', ...arms],
    rows: worlds.map((world) => [
      world.name,
      share(mean(of(world).map((cell) => armIn(cell, 'full').winRate))),
      ...arms.slice(1).map((name) => difference(world, name)),
    ]),
    meaning:
      'If difficulty were noise, leaving out the easiest to blame would gain what leaving out the flipped gains.',
  };
  const percentOf = (world: NamedWorld, value: (found: Detection) => number) =>
    share(mean(of(world).map((cell) => value(found(cell)))));
  const detected: Table = {
    title: 'Are the flipped labels found? %',
    head: [
      'world',
      'AUC',
      'called “against”',
      'precision',
      'recall',
      'called “unclear”',
      'among as many hardest',
    ],
    rows: worlds.map((world) => [
      world.name,
      world.labelNoise === undefined ? '–' : percentOf(world, ({ auc }) => auc),
      percentOf(world, ({ against }) => against.share),
      percentOf(world, ({ against }) => against.precision),
      percentOf(world, ({ against }) => against.recall),
      percentOf(world, ({ unclear }) => unclear.share),
      percentOf(world, ({ hardest }) => hardest),
    ]),
    meaning:
      'A high precision: what stands against its label is a wrong label. A low one: sound pairs that go against what the others teach look the same.',
  };
  const precision = (world: NamedWorld) => mean(of(world).map((cell) => found(cell).against.precision));
  const recall = (world: NamedWorld) => mean(of(world).map((cell) => found(cell).against.recall));
  return {
    name: noise.name,
    title: noise.title,
    verdict: `${noisy
      .map(
        (world) =>
          `In “${world.name}” ${percent(precision(world))} of the pairs called “against” were flipped, and ${percent(recall(world))} of the flipped were found`,
      )
      .join('; ')}.`,
    claims: done,
    tables: [wins, detected],
    figures: [],
  };
}
