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
import { points, type Study, share, type Table } from './study.ts';
import { CONFLICT_HARD } from './worlds.ts';

const KEPT = 0.8;
const PLAIN = 'easiest 80 %';

/** What selection does besides, and what corrects it. */
export const effects: Study = {
  name: 'effects',
  title: 'Side effects and their corrections',
  question:
    'What training on the easiest 80 % does to right answers, to hard families, style, length, ended answers and the chosen answers’ probability; which corrections keep the gain over all pairs and undo the damage. A correction “works” where it keeps at least 80 % of plain selection’s gain in win rate and loses at most a quarter of the right answers that plain selection loses, both against all pairs; where the gain’s own interval reaches 0, there is nothing to keep.',
  sizes: { quick: ['s'], full: ['s'] },
  async run(lab, { extent, seeds }) {
    const quick = extent === 'quick';
    const worlds = [CONFLICT_HARD];
    const cells = worlds.flatMap((world) =>
      range(seeds ?? (quick ? 2 : 5)).map(
        (index): Cell => ({
          study: 'effects',
          world,
          size: 's',
          index,
          arms: (r) => armsOf(r, quick ? 1 : 2),
        }),
      ),
    );
    return conclude(worlds, await runCells(lab, cells));
  },
};

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

function conclude(worlds: readonly NamedWorld[], cells: readonly CellSummary[]) {
  const claims = new Claims();
  const of = (world: NamedWorld) => cells.filter((cell) => cell.world.name === world.name);
  const names = [...new Set(cells.flatMap(({ arms }) => arms.map(({ name }) => name)))];
  const corrections = names.filter((name) => name !== 'full' && name !== PLAIN && !name.startsWith('random'));
  const correct = (arm: ArmNumbers) => arm.correct;
  const hard = (arm: ArmNumbers) => arm.correctByLevel[2] ?? 0;
  const verdicts: string[] = [];
  const tables = worlds.map((world): Table => {
    const own = of(world);
    const gain = claims.difference(
      `${world.name}: win rate, ${PLAIN} − full`,
      differences(own, PLAIN, 'full'),
    );
    const lost = claims.difference(
      `${world.name}: right answers, ${PLAIN} − full`,
      differences(own, PLAIN, 'full', correct),
    );
    claims.difference(
      `${world.name}: right answers in hard families, ${PLAIN} − full`,
      differences(own, PLAIN, 'full', hard),
    );
    claims.difference(
      `${world.name}: style, ${PLAIN} − full`,
      differences(own, PLAIN, 'full', ({ style }) => style),
    );
    claims.difference(
      `${world.name}: length, tokens, ${PLAIN} − full`,
      differences(own, PLAIN, 'full', ({ lengthTokens }) => lengthTokens),
    );
    claims.difference(
      `${world.name}: change of the chosen log-probability, nats a token, ${PLAIN} − full`,
      differences(own, PLAIN, 'full', ({ chosenChangeNats }) => chosenChangeNats),
    );
    const works = corrections.filter((name) => {
      const kept = mean(differences(own, name, 'full'));
      const damage = mean(differences(own, name, 'full', correct));
      claims.difference(`${world.name}: win rate, ${name} − full`, differences(own, name, 'full'));
      claims.difference(
        `${world.name}: right answers, ${name} − full`,
        differences(own, name, 'full', correct),
      );
      return gain.low > 0 && kept >= 0.8 * gain.value && damage >= Math.min(0, lost.value) / 4;
    });
    verdicts.push(
      gain.low > 0
        ? `In “${world.name}” selection gains ${points(gain)} points of win rate for ${points(lost)} points of right answers; ${works.length > 0 ? `what keeps the gain and undoes the damage: ${works.join('; ')}` : 'no correction tried keeps the gain and undoes the damage'}`
        : `In “${world.name}” no gain is shown that a correction could keep (${points(gain)} points)`,
    );
    return {
      title: world.name,
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
      rows: [startRow(own), ...names.map((name) => row(own, name))],
      meaning: verdicts.at(-1) as string,
    };
  });
  return {
    name: effects.name,
    title: effects.title,
    verdict: `${verdicts.join('. ')}.`,
    claims: claims.done(),
    tables,
    figures: worlds.map((world) => ({
      kind: 'dots' as const,
      title: `Win rate against right answers: ${world.name}`,
      x: 'right answers',
      y: 'win rate against the start model',
      points: names.map((name) => ({
        name,
        x: mean(of(world).map((cell) => armIn(cell, name).correct)),
        y: mean(of(world).map((cell) => armIn(cell, name).winRate)),
      })),
      meaning:
        'Up is a gain, left is its price. What lies right of plain selection and no lower is the better choice.',
    })),
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
