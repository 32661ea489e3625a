import type { Json } from '../../base/hash.ts';
import { meanOfTenths } from '../../difficulty/profile.ts';
import { autoKeep } from '../../select/auto-keep.ts';
import { spearman } from '../../stats/correlation.ts';
import { type LinearFit, leastSquares, predict } from '../../stats/least-squares.ts';
import { meanInterval, pooledDeviation } from '../../stats/student-t.ts';
import { percent } from './arms.ts';
import type { CellSummary } from './cells.ts';
import { armIn, Claims, differences } from './claims.ts';
import { mean } from './outcome.ts';
import { type Figure, points, type Study, share, type Table } from './study.ts';
import { runSweep, SWEPT } from './sweep.ts';

const DROPPED = 'easiest 80 %';
/** Of standardised columns, for some forty groups. */
const RIDGE = 2;
/** One-sided 90 %: advice is given where the prediction lies this many standard errors from no difference. */
const TOLD_Z = 1.2816;

/** What is known of a data set when its difficulty is, by name. */
export const PROPERTIES: Readonly<Record<string, (cell: CellSummary) => number>> = {
  'share of pairs above ln 2': ({ profile }) => profile.aboveLn2,
  'agreement between seeds': ({ profile }) => profile.agreement ?? 0,
  'agreement within the hardest 30 %': ({ profile }) => profile.agreementHard ?? 0,
  'mean difficulty': ({ profile }) => profile.lossNats,
  'difficulty of the hardest fifth': ({ profile }) =>
    meanOfTenths(profile.tenths.slice(-2), ({ lossNats }) => lossNats),
  'length lead, easiest half': ({ profile }) =>
    meanOfTenths(profile.tenths.slice(0, 5), ({ lengthLead }) => lengthLead),
  'length lead, hardest fifth': ({ profile }) =>
    meanOfTenths(profile.tenths.slice(-2), ({ lengthLead }) => lengthLead),
  'conflict of length (easiest half − hardest fifth)': ({ profile }) =>
    meanOfTenths(profile.tenths.slice(0, 5), ({ lengthLead }) => lengthLead) -
    meanOfTenths(profile.tenths.slice(-2), ({ lengthLead }) => lengthLead),
  'held-out accuracy of all pairs': (cell) => armIn(cell, 'full').heldOutAccuracy,
  'held-out accuracy, easiest 80 % − all': (cell) =>
    armIn(cell, DROPPED).heldOutAccuracy - armIn(cell, 'full').heldOutAccuracy,
  'held-out loss, easiest 80 % − all': (cell) =>
    armIn(cell, DROPPED).heldOutLossNats - armIn(cell, 'full').heldOutLossNats,
  'held-out accuracy of the hardest 20 % alone': (cell) => armIn(cell, 'hardest 20 %').heldOutAccuracy,
  'length of answers, easiest 80 % − all': (cell) =>
    armIn(cell, DROPPED).lengthTokens - armIn(cell, 'full').lengthTokens,
};

/** Before any arm is trained: the properties that scoring alone gives. */
const FROM_SCORING = Object.keys(PROPERTIES).slice(0, 8);

/** A world with a model: what was found over its replicates. */
interface Group {
  readonly name: string;
  readonly world: string;
  readonly cells: readonly CellSummary[];
  /** Win rate, easiest 80 % − all pairs. */
  readonly gain: number;
  /** Half of the gain's 95 % interval. */
  readonly half: number;
  readonly properties: Readonly<Record<string, number>>;
}

/** When does leaving out the hardest pairs help? Found by a sweep, tried on worlds that were left out. */
export const prediction: Study = {
  name: 'prediction',
  title: 'When it helps',
  question:
    'Over the worlds of the sweep: which property of a data set, known when its difficulty is, predicts the gain of leaving out the hardest 20 %? Ridge regression on the two properties that predict best within the other worlds, tried on each world that was left out of choosing and fitting; advice is given where the prediction lies beyond no difference by one-sided 90 %. And `keep: auto`: the share that wins most on tuning prompts, taken instead of all pairs only where it wins there at one-sided 95 %; never significantly worse than all pairs, and at least 80 % of the best share’s gain where there is one.',
  sizes: { quick: ['s'], full: ['s', 'm'] },
  async run(lab, { seeds, extent }) {
    const cells = await runSweep(lab, extent, seeds);
    return conclude(cells);
  },
};

function conclude(cells: readonly CellSummary[]) {
  const groups = groupsOf(cells);
  const claims = new Claims();
  const clear = groups.filter(({ gain, half }) => Math.abs(gain) > half);
  claims.mean(
    'win rate, easiest 80 % − all pairs, mean over groups',
    groups.map(({ gain }) => gain),
  );
  const single = Object.keys(PROPERTIES)
    .map((name) => ({ name, ...leftOut(groups, () => [name]) }))
    .sort((a, b) => a.error - b.error);
  const fromScoring = leftOut(groups, (others) => bestPair(others, FROM_SCORING));
  const fromArms = leftOut(groups, (others) => bestPair(others, Object.keys(PROPERTIES)));
  const advice = adviceTable(groups, [
    ['from scoring alone', fromScoring],
    ['from scoring and held-out pairs', fromArms],
  ]);
  const auto = keptByAuto(groups);
  claims.difference(
    'win rate, keep: auto − all pairs, mean over groups',
    auto.map(({ difference }) => difference),
  );
  const worse = auto.filter(({ high }) => high < 0);
  const gains = auto.filter(({ bestLow }) => bestLow > 0);
  const captured =
    gains.length === 0
      ? null
      : mean(gains.map(({ difference }) => difference)) / mean(gains.map(({ best }) => best));
  const chosen = bestPair(groups, FROM_SCORING);
  const helped = clear.filter(({ gain }) => gain > 0).length;
  return {
    name: prediction.name,
    title: prediction.title,
    verdict: `In ${groups.length} worlds with models, leaving out the hardest 20 % helped in ${helped} and hurt in ${clear.length - helped} (95 %). From scoring alone the gain of an unseen world is predicted with an error of ${share(fromScoring.error)} points (always saying the mean: ${share(fromScoring.naive)}). keep: auto was significantly worse than all pairs in ${worse.length} of ${auto.length}, and had ${captured === null ? 'no gain to get' : `${Math.round(100 * captured)} % of the best share’s gain in the ${gains.length} where one was shown`}.`,
    claims: claims.done(),
    tables: [
      {
        title: 'The sweep: win rate of all pairs %, and differences to it',
        head: [
          'world, model',
          'n',
          'all',
          ...SWEPT.map((tau) => percent(tau)),
          'random 80 %',
          'right answers, easiest 80 %',
          ...FROM_SCORING.slice(0, 2),
        ],
        rows: groups.map(sweepRow),
        meaning: 'Where the columns of shares are positive, leaving out hard pairs helps.',
      },
      {
        title: 'One property at a time: how well it predicts the gain of worlds left out',
        head: ['property', 'rank correlation with the gain', 'error, points', 'error of saying the mean'],
        rows: single.map(({ name, error, naive }) => [
          name,
          (
            spearman(
              groups.map(({ properties }) => properties[name] as number),
              groups.map(({ gain }) => gain),
            ) ?? 0
          ).toFixed(2),
          share(error),
          share(naive),
        ]),
        meaning: `The two that predict best together, of those that scoring gives: ${chosen.join('; ')}.`,
      },
      advice,
      autoTable(auto),
    ],
    figures: [
      dots(
        'Predicted and measured gain of leaving out the hardest 20 %: worlds left out, from scoring alone',
        groups,
        fromScoring.predictions,
      ),
    ],
    data: {
      properties: chosen,
      fit: leastSquares(
        groups.map(({ properties }) => chosen.map((name) => properties[name] as number)),
        groups.map(({ gain }) => gain),
        RIDGE,
      ) as unknown as Json,
      error: fromScoring.error,
      ranges: Object.fromEntries(
        chosen.map((name) => {
          const values = groups.map(({ properties }) => properties[name] as number);
          return [name, [Math.min(...values), Math.max(...values)]];
        }),
      ),
    } as Json,
  };
}

function groupsOf(cells: readonly CellSummary[]): Group[] {
  const byName = new Map<string, CellSummary[]>();
  for (const cell of cells) {
    const name = `${cell.world.name}, ${cell.size}`;
    byName.set(name, [...(byName.get(name) ?? []), cell]);
  }
  const gains = [...byName.values()].map((own) => differences(own, DROPPED, 'full'));
  // Three replicates know little of their own spread; all groups together know it well.
  const pooled = pooledDeviation(gains);
  return [...byName].map(([name, own], i) => {
    const interval = meanInterval(gains[i] as number[], pooled === null ? {} : { pooled });
    return {
      name,
      world: own[0]?.world.name ?? '',
      cells: own,
      gain: interval.value,
      half: interval.high - interval.value,
      properties: Object.fromEntries(
        Object.entries(PROPERTIES).map(([property, of]) => [property, mean(own.map(of))]),
      ),
    };
  });
}

/** Predictions of worlds left out, in the order of the groups; `choose` sees the others alone. */
function leftOut(groups: readonly Group[], choose: (others: readonly Group[]) => readonly string[]) {
  const worlds = [...new Set(groups.map(({ world }) => world))];
  const fits = new Map(
    worlds.map((world) => {
      const others = groups.filter((group) => group.world !== world);
      const names = choose(others);
      return [world, { names, fit: fitOf(others, names), centre: mean(others.map(({ gain }) => gain)) }];
    }),
  );
  const of = (group: Group) =>
    fits.get(group.world) as { names: readonly string[]; fit: LinearFit; centre: number };
  const predictions = groups.map((group) => {
    const { names, fit } = of(group);
    return predict(
      fit,
      names.map((name) => group.properties[name] as number),
    );
  });
  return {
    predictions,
    error: rootMeanSquare(groups.map(({ gain }, i) => gain - (predictions[i] as number))),
    naive: rootMeanSquare(groups.map((group) => group.gain - of(group).centre)),
  };
}

function fitOf(groups: readonly Group[], names: readonly string[]): LinearFit {
  return leastSquares(
    groups.map(({ properties }) => names.map((name) => properties[name] as number)),
    groups.map(({ gain }) => gain),
    RIDGE,
  );
}

/** The two properties that predict worlds left out best, within these groups. */
function bestPair(groups: readonly Group[], names: readonly string[]): readonly string[] {
  let best: { pair: readonly string[]; error: number } = { pair: [], error: Number.POSITIVE_INFINITY };
  names.forEach((a, i) => {
    for (const b of names.slice(i + 1)) {
      const { error } = leftOut(groups, () => [a, b]);
      if (error < best.error) best = { pair: [a, b], error };
    }
  });
  return best.pair;
}

function adviceTable(
  groups: readonly Group[],
  kinds: readonly (readonly [string, ReturnType<typeof leftOut>])[],
): Table {
  const rows = kinds.map(([name, { predictions, error }]) => {
    const told = groups.flatMap((group, i) => {
      const predicted = predictions[i] as number;
      return Math.abs(predicted) > TOLD_Z * error ? [{ predicted, ...group }] : [];
    });
    const wrong = told.filter(({ predicted, gain }) => Math.sign(predicted) !== Math.sign(gain));
    const clearlyWrong = wrong.filter(({ gain, half }) => Math.abs(gain) > half);
    const side = (sign: number) => told.filter(({ predicted }) => Math.sign(predicted) === sign).length;
    return [
      name,
      String(groups.length),
      String(side(1)),
      String(side(-1)),
      String(groups.length - told.length),
      String(wrong.length),
      String(clearlyWrong.length),
      share(error),
    ];
  });
  return {
    title: 'Advice on worlds left out',
    head: [
      'advice',
      'groups',
      '“likely to help”',
      '“likely to hurt”',
      '“cannot tell”',
      'wrong sign',
      'wrong beyond chance',
      'error, points',
    ],
    rows,
    meaning: 'What winnow score would say of data that was not used to find the rule, and how often it errs.',
  };
}

interface AutoKept {
  readonly name: string;
  readonly chosen: readonly number[];
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Of the share that is best on the evaluation prompts: what could have been had. */
  readonly best: number;
  readonly bestLow: number;
}

function keptByAuto(groups: readonly Group[]): AutoKept[] {
  const found = groups.map(({ name, cells }) => {
    const picks = cells.map(autoShare);
    const values = cells.map((cell, i) => winAt(cell, picks[i] as number) - winAt(cell, 1));
    const shares = SWEPT.map((tau) => cells.map((cell) => winAt(cell, tau) - winAt(cell, 1)));
    const best = shares.reduce((a, b) => (mean(b) > mean(a) ? b : a));
    return { name, picks, values, best };
  });
  const pooled = pooledDeviation(found.map(({ values }) => values));
  const pooledBest = pooledDeviation(found.map(({ best }) => best));
  return found.map(({ name, picks, values, best }) => {
    const own = meanInterval(values, pooled === null ? {} : { pooled });
    const top = meanInterval(best, pooledBest === null ? {} : { pooled: pooledBest });
    return {
      name,
      chosen: picks,
      difference: own.value,
      low: own.low,
      high: own.high,
      best: Math.max(0, top.value),
      bestLow: top.low,
    };
  });
}

/** What keep: auto takes, here with one order of each share. */
function autoShare(cell: CellSummary): number {
  const tried = (keepFraction: number) => ({
    keepFraction,
    wins: [Array.from(armIn(cell, nameOf(keepFraction)).tuning.wins, (digit) => Number(digit) / 2)],
  });
  return autoKeep(SWEPT.map(tried), tried(1), cell.index).keepFraction;
}

function winAt(cell: CellSummary, tau: number): number {
  return armIn(cell, nameOf(tau)).winRate;
}

function nameOf(tau: number): string {
  return tau === 1 ? 'full' : `easiest ${percent(tau)}`;
}

function autoTable(auto: readonly AutoKept[]): Table {
  return {
    title: 'keep: auto, on prompts that it did not choose on: win rate − all pairs',
    head: ['world, model', 'shares taken', 'keep: auto', 'best share'],
    rows: auto.map((one) => [
      one.name,
      one.chosen.map(percent).join(', '),
      points({ value: one.difference, low: one.low, high: one.high }),
      points({ value: one.best, low: one.bestLow, high: 2 * one.best - one.bestLow }),
    ]),
    meaning: 'What it is for: never far below zero, and near the best share where there is a gain.',
  };
}

function sweepRow({ name, cells, properties }: Group): string[] {
  const gap = (arm: string) => {
    const value = 100 * mean(differences(cells, arm, 'full'));
    return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;
  };
  const right = 100 * mean(differences(cells, DROPPED, 'full', ({ correct }) => correct));
  return [
    name,
    String(cells.length),
    share(mean(cells.map((cell) => winAt(cell, 1)))),
    ...SWEPT.map((tau) => gap(nameOf(tau))),
    gap('random 80 %'),
    `${right < 0 ? '−' : '+'}${Math.abs(right).toFixed(1)}`,
    ...FROM_SCORING.slice(0, 2).map((property) => (properties[property] as number).toFixed(2)),
  ];
}

function dots(title: string, groups: readonly Group[], predictions: readonly number[]): Figure {
  return {
    kind: 'dots',
    title,
    x: 'predicted',
    y: 'measured',
    points: groups.map(({ name, gain }, i) => ({ name, x: predictions[i] as number, y: gain })),
    diagonal: true,
    meaning:
      'On the diagonal the prediction is right; in the lower right and upper left corners the advice would be wrong.',
  };
}

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(mean(values.map((value) => value ** 2)));
}
