import { lengthsOf } from '../../pipeline/prepare.ts';
import type { Hyper } from '../../pipeline/units.ts';
import { keep } from '../../select/keep.ts';
import { lengthStrata, type Strata } from '../../select/strata.ts';
import { meanInterval } from '../../stats/student-t.ts';
import { armOf, easiest, full, inOrders, random } from './arms.ts';
import { type Cell, type CellSummary, runCells } from './cells.ts';
import { armIn, Claims, differences } from './claims.ts';
import { type ArmNumbers, mean } from './outcome.ts';
import type { LabArm, NamedWorld, Replicate } from './replicate.ts';
import { range } from './stability.ts';
import { points, type Study, type StudyResult, share, type Table } from './study.ts';
import { CONFLICT_HARD, SWEEP } from './worlds.ts';

const KEPT = 0.8;
const HOME = CONFLICT_HARD;
/** Other worlds in which selection gains; the best correction is tried there, and nothing chosen. */
const ELSEWHERE = SWEEP.filter(({ name }) => ['mixed c1 h1', 'mixed c1 h0.5 n0.2'].includes(name));
const PLAIN = 'easiest 80 %';

/** What selection does besides, and what corrects it. */
export const effects: Study = {
  name: 'effects',
  title: 'Side effects and their corrections',
  question:
    'What training on the easiest 80 % does to right answers, to hard families, style, length, ended answers and the chosen answers’ probability; which corrections keep the gain over all pairs and undo the damage. A correction “works” where it keeps at least 80 % of plain selection’s gain in win rate and loses at most a quarter of the right answers that plain selection loses, both against all pairs; where the gain’s own interval reaches 0, there is nothing to keep. The one that wins most is tried in two worlds that had no part in choosing it.',
  sizes: { quick: ['s'], full: ['s'] },
  async run(lab, { extent, seeds }) {
    const quick = extent === 'quick';
    const cellsIn = (world: NamedWorld, count: number, arms: Cell['arms']) =>
      range(count).map((index): Cell => ({ study: 'effects', world, size: 's', index, arms }));
    const all = (replicate: Replicate) =>
      quick
        ? armsOf(replicate, 1).filter(({ name }) => !name.includes(', ') || QUICK.includes(name))
        : armsOf(replicate, 2);
    const cells = await runCells(lab, cellsIn(HOME, seeds ?? (quick ? 2 : 5), all));
    const chosen = working(cells)[0];
    const elsewhere =
      quick || chosen === undefined
        ? []
        : await runCells(
            lab,
            ELSEWHERE.flatMap((world) =>
              cellsIn(world, seeds ?? 3, (replicate) =>
                all(replicate).filter(({ name }) => ['full', PLAIN, chosen].includes(name)),
              ),
            ),
          );
    return conclude(cells, chosen, elsewhere);
  },
};

/** One correction of each kind is enough for a look. */
const QUICK = [
  'within length',
  'within family',
  'LD-DPO 0.5',
  'R-DPO 0.05',
  'SamPO',
  'anchor 0.03',
  'anchor 0.3',
].map((label) => `${PLAIN}, ${label}`);

/** Each arm in so many orders; the two that all are compared with in one more. */
function armsOf(replicate: Replicate, orders: number): LabArm[] {
  const { hyper } = replicate.scored;
  const corrected = (label: string, change: Partial<Hyper>, of = easiest) =>
    inOrders(orders, (order) => of(replicate, KEPT, { hyper: change, label, ...order }));
  const whole = (anchorWeight: number) =>
    inOrders(orders, (order) =>
      full(replicate, { hyper: { anchorWeight }, label: `anchor ${anchorWeight}`, ...order }),
    );
  return [
    ...inOrders(orders + 1, (order) => full(replicate, order)),
    ...inOrders(orders + 1, (order) => easiest(replicate, KEPT, order)),
    ...inOrders(orders, (order) => random(replicate, KEPT, order)),
    ...within(replicate, 'within length', lengthStrata(lengthsOf(replicate.prepared.pool)), orders),
    ...within(replicate, 'within family', familyStrata(replicate), orders),
    ...corrected('LD-DPO 0.5', { loss: 'ld-dpo', lossAlpha: 0.5 }),
    ...corrected('LD-DPO 0', { loss: 'ld-dpo', lossAlpha: 0 }),
    ...corrected('R-DPO 0.05', { loss: 'r-dpo', lossAlpha: 0.05 }),
    ...corrected('R-DPO 0.2', { loss: 'r-dpo', lossAlpha: 0.2 }),
    ...corrected('SamPO', { loss: 'sampo' }),
    ...corrected('anchor 0.03', { anchorWeight: 0.03 }),
    ...corrected('anchor 0.1', { anchorWeight: 0.1 }),
    ...corrected('anchor 0.3', { anchorWeight: 0.3 }),
    ...corrected('anchor 1', { anchorWeight: 1 }),
    ...whole(0.1),
    ...whole(1),
    ...corrected('rate × 0.3', { learningRate: hyper.learningRate * 0.3 }),
    ...corrected('β × 3', { beta: hyper.beta * 3 }),
    ...corrected('half of the dropped back', {}, (r, _share, difference) => halfBack(r, difference)),
  ];
}

/** The easiest share within each stratum. */
function within(replicate: Replicate, label: string, strata: Strata, orders: number): LabArm[] {
  const options = { keepFraction: KEPT, direction: 'easiest', seed: 0 } as const;
  const ids = keep(replicate.scored.difficulties, options, strata).map(({ id }) => id);
  return inOrders(orders, (order) => armOf(replicate, PLAIN, ids, { label, ...order }));
}

/** A floor for each family: the same share of it is kept. */
function familyStrata({ pairs }: Replicate): Strata {
  return new Map([...pairs.values()].map(({ id, meta }) => [id, meta.family]));
}

/** The easiest, and of those left out every second at random: less of the same medicine. */
function halfBack(
  replicate: Replicate,
  difference: { readonly label?: string; readonly repeat?: number } = {},
): LabArm {
  const kept = easiest(replicate, KEPT).ids;
  const known = new Set(kept);
  const dropped = random(replicate, 1).ids.filter((id) => !known.has(id));
  return armOf(replicate, PLAIN, [...kept, ...dropped.slice(0, Math.floor(dropped.length / 2))], difference);
}

const correct = (arm: ArmNumbers) => arm.correct;

function correctionsIn(cells: readonly CellSummary[]): string[] {
  const names = new Set(cells.flatMap(({ arms }) => arms.map(({ name }) => name)));
  return [...names].filter((name) => name !== 'full' && name !== PLAIN && !name.startsWith('random'));
}

/** The study's rule: at least 80 % of plain selection's gain, at most a quarter of the right answers that it loses. */
function keepsAndMends(won: number, damage: number, gain: number, lost: number): boolean {
  return won >= 0.8 * gain && damage >= Math.min(0, lost) / 4;
}

/** The corrections that work by the study's rule, the one that wins most first. */
function working(cells: readonly CellSummary[]): string[] {
  const gain = meanInterval(differences(cells, PLAIN, 'full'));
  const lost = mean(differences(cells, PLAIN, 'full', correct));
  if (gain.low <= 0) return [];
  const won = (name: string) => mean(differences(cells, name, 'full'));
  const damage = (name: string) => mean(differences(cells, name, 'full', correct));
  return correctionsIn(cells)
    .filter((name) => keepsAndMends(won(name), damage(name), gain.value, lost))
    .sort((a, b) => won(b) - won(a));
}

function conclude(
  cells: readonly CellSummary[],
  chosen: string | undefined,
  elsewhere: readonly CellSummary[],
): StudyResult {
  const claims = new Claims();
  const names = [...new Set(cells.flatMap(({ arms }) => arms.map(({ name }) => name)))];
  const against = (name: string, what: string, value?: (arm: ArmNumbers) => number) =>
    claims.difference(`${what}, ${name} − full`, differences(cells, name, 'full', value));
  const gain = against(PLAIN, 'win rate');
  const lost = against(PLAIN, 'right answers', correct);
  against(PLAIN, 'right answers in hard families', (arm) => arm.correctByLevel[2] ?? 0);
  against(PLAIN, 'style', ({ style }) => style);
  against(PLAIN, 'length, tokens', ({ lengthTokens }) => lengthTokens);
  against(PLAIN, 'change of the chosen log-probability, nats a token', (arm) => arm.chosenChangeNats);
  for (const name of correctionsIn(cells)) {
    against(name, 'win rate');
    against(name, 'right answers', correct);
  }
  const works = working(cells);
  const verdict =
    gain.low <= 0
      ? `No gain is shown that a correction could keep (${points(gain)} points).`
      : `Selection gains ${points(gain)} points of win rate for ${points(lost)} points of right answers; ${works.length > 0 ? `what keeps the gain and undoes the damage: ${works.join('; ')}` : 'no correction tried keeps the gain and undoes the damage'}.`;
  const home: Table = {
    title: HOME.name,
    head: [
      'arm',
      'win rate %',
      '− full',
      'correct %',
      '− full',
      'hard families %',
      'style %',
      'length',
      'ended %',
      'chosen, nats a token',
    ],
    rows: [startRow(cells), ...names.map((name) => row(cells, name))],
    meaning: verdict,
  };
  const proof = chosen === undefined || elsewhere.length === 0 ? [] : [proofTable(chosen, elsewhere, claims)];
  return {
    name: effects.name,
    title: effects.title,
    verdict: [verdict, ...proof.map(({ meaning }) => meaning)].join(' '),
    claims: claims.done(),
    tables: [home, ...proof],
    figures: [
      {
        kind: 'dots',
        title: `Win rate against right answers: ${HOME.name}`,
        x: 'right answers',
        y: 'win rate against the start model',
        points: names.map((name) => ({
          name,
          x: mean(cells.map((cell) => armIn(cell, name).correct)),
          y: mean(cells.map((cell) => armIn(cell, name).winRate)),
        })),
        meaning:
          'Up is a gain, left is its price. What lies right of plain selection and no lower is the better choice.',
      },
    ],
  };
}

/** What was chosen in one world, in worlds that had no part in choosing it. */
function proofTable(chosen: string, cells: readonly CellSummary[], claims: Claims): Table {
  const worlds = [...new Set(cells.map(({ world }) => world.name))];
  const kept: string[] = [];
  const rows = worlds.map((world) => {
    const own = cells.filter((cell) => cell.world.name === world);
    const of = (name: string, what: string, value?: (arm: ArmNumbers) => number) =>
      claims.difference(`${world}: ${what}, ${name} − full`, differences(own, name, 'full', value));
    const [gain, lost] = [of(PLAIN, 'win rate'), of(PLAIN, 'right answers', correct)];
    const [won, damage] = [of(chosen, 'win rate'), of(chosen, 'right answers', correct)];
    if (keepsAndMends(won.value, damage.value, gain.value, lost.value)) kept.push(world);
    return [world, String(own.length), ...[gain, lost, won, damage].map(points)];
  });
  return {
    title: `“${chosen}” in worlds that had no part in choosing it: points over all pairs`,
    head: [
      'world',
      'n',
      'win rate, plain',
      'right answers, plain',
      'win rate, corrected',
      'right, corrected',
    ],
    rows,
    meaning: `Tried in other worlds, “${chosen}” kept the gain and undid the damage in ${kept.length} of ${worlds.length}${kept.length > 0 ? ` (${kept.join('; ')})` : ''}.`,
  };
}

function startRow(cells: readonly CellSummary[]): string[] {
  const of = (value: (cell: CellSummary) => number) => mean(cells.map(value));
  return [
    'start model',
    '–',
    '–',
    share(of(({ start }) => start.correct)),
    '–',
    share(of(({ start }) => start.correctByLevel[2] ?? 0)),
    share(of(({ start }) => start.style)),
    of(({ start }) => start.lengthTokens).toFixed(2),
    share(of(({ start }) => start.ended)),
    '0',
  ];
}

function row(cells: readonly CellSummary[], name: string): string[] {
  const arms = cells.map((cell) => armIn(cell, name));
  const of = (value: (arm: ArmNumbers) => number) => mean(arms.map(value));
  const difference = (value: (arm: ArmNumbers) => number) =>
    name === 'full' ? '–' : points(meanInterval(differences(cells, name, 'full', value)));
  return [
    name,
    share(of(({ winRate }) => winRate)),
    difference(({ winRate }) => winRate),
    share(of(({ correct }) => correct)),
    difference(({ correct }) => correct),
    share(of(({ correctByLevel }) => correctByLevel[2] ?? 0)),
    share(of(({ style }) => style)),
    of(({ lengthTokens }) => lengthTokens).toFixed(2),
    share(of(({ ended }) => ended)),
    of(({ chosenChangeNats }) => chosenChangeNats).toFixed(3),
  ];
}
