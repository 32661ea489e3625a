import { sampleStandardDeviation as standardDeviation } from 'simple-statistics';
import type { Json } from '../../base/hash.ts';
import { marginOf } from '../../difficulty/scores.ts';
import { lengthsOf } from '../../pipeline/prepare.ts';
import { planArm } from '../../select/arms.ts';
import { meanInterval } from '../../stats/student-t.ts';
import { armOf, easiest, full, hardest, inOrders, lowest, percent, random } from './arms.ts';
import { type Cell, type CellSummary, type Lab, runCells } from './cells.ts';
import { armIn, Claims, differences, ordersIn } from './claims.ts';
import { type ArmNumbers, mean } from './outcome.ts';
import { LAB_BETA, type LabArm, type NamedWorld, type Replicate } from './replicate.ts';
import { range } from './stability.ts';
import { direction, type Figure, points, type Study, share, type Table } from './study.ts';
import { CONFLICT_HARD, NEUTRAL, ON_POLICY } from './worlds.ts';

const SHARES = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
const BETAS = [0.03, 0.1, 0.3] as const;
/** Rates that an arm may be tuned to for itself, as factors of the arm of all pairs' own. */
const OWN_RATES = [0.3, 3] as const;
const TUNED = [0.5, 0.8] as const;
/** Trainings of each arm that a verdict rests on. */
const MAIN_ORDERS = 2;

/** Do difficult pairs hurt? (paper, section 4, Figs. 1 and 3) */
export const harm: Study = {
  name: 'harm',
  title: 'Difficult pairs hurt',
  question:
    'The easiest share of the pairs against all of them and against as many random ones, in three worlds (quick: two); learning rate and β tuned for all pairs and left, then each arm tuned for itself; at equal steps; at a constant rate. “Hurt” where the easiest 80 % beat all pairs and as many random ones, both at 5 % after Holm’s correction over the study; “help” where they lose to both.',
  sizes: { quick: ['s'], full: ['s'] },
  async run(lab, options) {
    const quick = options.extent === 'quick';
    const worlds = quick ? [CONFLICT_HARD, NEUTRAL] : [CONFLICT_HARD, NEUTRAL, ON_POLICY];
    const betas = quick
      ? new Map(worlds.map((world) => [world.name, LAB_BETA]))
      : await chooseBetas(lab, worlds);
    const replicates = range(options.seeds ?? (quick ? 3 : 5));
    const cells = worlds.flatMap((world) =>
      replicates.map(
        (index): Cell => ({
          study: 'harm',
          world,
          size: 's',
          index,
          beta: betas.get(world.name) ?? LAB_BETA,
          arms: quick ? (replicate) => mainArms(replicate, 1) : fullArms,
        }),
      ),
    );
    const summaries = await runCells(lab, cells);
    return conclude(worlds, betas, summaries, quick);
  },
};

/** β with the best tuned win rate of the arm of all pairs, in the first replicate. */
async function chooseBetas(lab: Lab, worlds: readonly NamedWorld[]): Promise<Map<string, number>> {
  const cells = worlds.flatMap((world) =>
    BETAS.map(
      (beta): Cell => ({ study: 'harm-beta', world, size: 's', index: 0, beta, arms: (r) => [full(r)] }),
    ),
  );
  const summaries = await runCells(lab, cells);
  return new Map(
    worlds.map((world) => {
      const tried = summaries.flatMap((summary, i) =>
        summary.world.name === world.name
          ? [{ beta: cells[i]?.beta as number, win: armIn(summary, 'full').tuning.winRate }]
          : [],
      );
      return [world.name, tried.reduce((best, one) => (one.win > best.win ? one : best)).beta];
    }),
  );
}

/** What the verdicts rest on, each in so many orders; and what they are seen beside. */
function mainArms(replicate: Replicate, orders: number): LabArm[] {
  return [
    ...inOrders(orders, (order) => full(replicate, order)),
    ...TUNED.flatMap((share) => inOrders(orders, (order) => easiest(replicate, share, order))),
    ...TUNED.flatMap((share) => inOrders(orders, (order) => random(replicate, share, order))),
    easiest(replicate, 0.8, { sorted: true }),
    hardest(replicate, 0.5),
  ];
}

function fullArms(replicate: Replicate): LabArm[] {
  const { hyper } = replicate.scored;
  const constant = { hyper: { schedule: 'constant' as const }, label: 'constant rate' };
  return [
    ...mainArms(replicate, MAIN_ORDERS),
    ...SHARES.filter((share) => share !== 0.5 && share !== 0.8).map((share) => easiest(replicate, share)),
    hardest(replicate, 0.2),
    random(replicate, 0.2),
    easiest(replicate, 0.5, { sorted: true }),
    easiest(replicate, 1, { sorted: true }),
    ...marginArms(replicate),
    lengthArm(replicate, 'shortest', 0.5),
    lengthArm(replicate, 'length-matched', 0.5),
    full(replicate, constant),
    ...TUNED.map((share) => easiest(replicate, share, constant)),
    easiest(replicate, 0.5, { hyper: { epochs: 2 }, label: 'equal steps' }),
    random(replicate, 0.5, { hyper: { epochs: 2 }, label: 'equal steps' }),
    ...OWN_RATES.flatMap((factor) => {
      const own = { hyper: { learningRate: hyper.learningRate * factor }, label: `rate × ${factor}` };
      return [full(replicate, own), ...TUNED.map((kept) => easiest(replicate, kept, own))];
    }),
  ];
}

/**
 * By the margin that one seed's held-out models give: what half of the scoring buys. Largest, and nearest to zero (arXiv
 * 2508.04149 keeps the smallest).
 */
function marginArms(replicate: Replicate): LabArm[] {
  const { scores, hyper } = replicate.scored;
  const seed = scores[0]?.seed;
  const margins = new Map(
    scores.filter((score) => score.seed === seed).map((score) => [score.id, marginOf(score, hyper.beta)]),
  );
  const of = (id: string) => margins.get(id) ?? 0;
  return [
    lowest(replicate, 'largest margin', 0.5, (id) => -of(id)),
    lowest(replicate, 'smallest margin', 0.5, (id) => Math.abs(of(id))),
  ];
}

/** The product's own controls of length, at this share. */
function lengthArm(replicate: Replicate, name: 'length-matched' | 'shortest', share: number): LabArm {
  const { scored, prepared } = replicate;
  const input = { difficulties: scored.difficulties, lengths: lengthsOf(prepared.pool), strata: null };
  const selection = { keepFraction: share, direction: 'easiest', seed: prepared.config.seed } as const;
  const { ids } = planArm(name, input, selection, prepared.config.seed);
  return armOf(replicate, `${name} ${percent(share)}`, ids);
}

function conclude(
  worlds: readonly NamedWorld[],
  betas: ReadonlyMap<string, number>,
  cells: readonly CellSummary[],
  quick: boolean,
) {
  const claims = new Claims();
  const of = (world: NamedWorld) => cells.filter((cell) => cell.world.name === world.name);
  const tested: { world: string; text: string }[] = [];
  const test = (world: NamedWorld, a: string, b: string, text = `${a} − ${b}`) => {
    const full = `${world.name}: win rate, ${text}`;
    tested.push({ world: world.name, text: full });
    claims.difference(full, differences(of(world), a, b));
  };
  for (const world of worlds) {
    test(world, 'easiest 80 %', 'full');
    test(world, 'easiest 80 %', 'random 80 %');
    test(world, 'easiest 50 %', 'full');
    test(world, 'easiest 50 %', 'random 50 %');
    test(world, 'hardest 50 %', 'random 50 %');
    test(world, 'easiest 80 %, sorted', 'easiest 80 %');
    claims.difference(
      `${world.name}: correct answers, easiest 80 % − full`,
      differences(of(world), 'easiest 80 %', 'full', ({ correct }) => correct),
    );
    if (quick) continue;
    claims.mean(
      `${world.name}: standard deviation of the win rate between orders of all pairs`,
      of(world).map((cell) => standardDeviation(ordersIn(cell, 'full').map(({ winRate }) => winRate))),
    );
    test(world, 'easiest 50 %', 'length-matched 50 %');
    test(world, 'easiest 50 %, equal steps', 'full');
    test(world, 'easiest 80 %, constant rate', 'full, constant rate');
    claims.difference(
      `${world.name}: win rate, easiest 80 % − full, each tuned for itself`,
      of(world).map((cell) => ownRate(cell, 'easiest 80 %').winRate - ownRate(cell, 'full').winRate),
    );
    claims.difference(
      `${world.name}: win rate, easiest 50 % − full, each tuned for itself`,
      of(world).map((cell) => ownRate(cell, 'easiest 50 %').winRate - ownRate(cell, 'full').winRate),
    );
  }
  const done = claims.done();
  const found = (world: NamedWorld, text: string) => {
    const claim = done.find((one) => one.text === `${world.name}: win rate, ${text}`);
    if (claim === undefined) throw new Error(`no claim: ${text}`);
    return claim;
  };
  const verdicts = worlds.map((world) => {
    const all = direction(found(world, 'easiest 80 % − full'));
    const drawn = direction(found(world, 'easiest 80 % − random 80 %'));
    if (all === 'better' && drawn === 'better') return { world, says: 'hurt' };
    if (all === 'worse' && drawn === 'worse') return { world, says: 'help' };
    return { world, says: 'make no difference that could be shown' };
  });
  const names = [...new Set(cells.flatMap(({ arms }) => arms.map(({ name }) => name)))];
  const tables = worlds.map((world): Table => {
    const own = of(world);
    return {
      title: `${world.name} (β ${betas.get(world.name)}, rate ${own[0]?.learningRate}, ${own.length} replicates)`,
      head: [
        'arm',
        'pairs',
        'steps',
        'win rate %',
        '− full',
        'correct %',
        'hard families %',
        'style %',
        'length',
        'held-out acc. %',
      ],
      rows: [
        [
          'start model',
          '0',
          '0',
          '–',
          '–',
          share(mean(own.map(({ start }) => start.correct))),
          share(mean(own.map(({ start }) => start.correctByLevel[2] ?? 0))),
          share(mean(own.map(({ start }) => start.style))),
          mean(own.map(({ start }) => start.lengthTokens)).toFixed(2),
          '50.0',
        ],
        ...names.map((name) => armRow(own, name)),
      ],
      meaning: `Difficult pairs ${verdicts.find((one) => one.world === world)?.says} here.`,
    };
  });
  const figures = worlds.map((world): Figure => curve(world, of(world), quick));
  return {
    name: harm.name,
    title: harm.title,
    verdict: `${verdicts.map(({ world, says }) => `in “${world.name}” the hardest pairs ${says}`).join('; ')}.`,
    claims: done,
    tables,
    figures,
    data: { betas: Object.fromEntries(betas) } as Json,
  };
}

/** The arm at the rate that won most on the tuning prompts. */
export function ownRate(cell: CellSummary, name: string): ArmNumbers {
  const names = new Set(cell.arms.map((arm) => arm.name));
  const tried = [...names].filter((one) => one === name || one.startsWith(`${name}, rate ×`));
  return tried
    .map((one) => armIn(cell, one))
    .reduce((best, arm) => (arm.tuning.winRate > best.tuning.winRate ? arm : best));
}

function armRow(cells: readonly CellSummary[], name: string): string[] {
  const arms = cells.map((cell) => armIn(cell, name));
  const of = (value: (arm: ArmNumbers) => number) => share(mean(arms.map(value)));
  return [
    name,
    String(arms[0]?.pairs),
    String(arms[0]?.steps),
    of(({ winRate }) => winRate),
    name === 'full' ? '–' : points(meanInterval(differences(cells, name, 'full'))),
    of(({ correct }) => correct),
    of(({ correctByLevel }) => correctByLevel[2] ?? 0),
    of(({ style }) => style),
    mean(arms.map(({ lengthTokens }) => lengthTokens)).toFixed(2),
    of(({ heldOutAccuracy }) => heldOutAccuracy),
  ];
}

function curve(world: NamedWorld, cells: readonly CellSummary[], quick: boolean): Figure {
  const shares = quick ? [0.5, 0.8] : SHARES;
  const line = (kind: string, at: readonly number[]) => ({
    name: kind,
    points: [...at.map((x) => point(cells, `${kind} ${percent(x)}`, x)), point(cells, 'full', 1)],
  });
  return {
    kind: 'lines',
    title: `Win rate over the share of pairs kept: ${world.name}`,
    x: 'share of the pairs',
    y: 'win rate against the start model',
    series: [line('easiest', shares), line('random', quick ? [0.5, 0.8] : [0.2, 0.5, 0.8])],
    meaning:
      'The paper’s Fig. 3 in this world: where the upper line bends down at its end, the hardest pairs hurt.',
  };
}

function point(cells: readonly CellSummary[], name: string, x: number) {
  const claims = new Claims();
  const { value, low, high } = claims.mean(
    '',
    cells.map((cell) => armIn(cell, name).winRate),
  );
  return Number.isFinite(low) ? { x, y: value, low, high } : { x, y: value };
}
