import type { Json } from '../../base/hash.ts';
import {
  type OutlookRule,
  type Predictor,
  type Properties,
  profileProperties,
} from '../../difficulty/outlook.ts';
import { VERSION } from '../../pipeline/version.ts';
import { autoKeep } from '../../select/auto-keep.ts';
import { spearman } from '../../stats/correlation.ts';
import { meanInterval, pooledDeviation } from '../../stats/student-t.ts';
import { percent } from './arms.ts';
import type { CellSummary } from './cells.ts';
import { armIn, Claims, differences } from './claims.ts';
import { mean } from './outcome.ts';
import {
  errorLeftOut,
  type Group,
  leaveOneWorldOut,
  makePredictor,
  predictions,
  predictorOn,
  recordOf,
} from './predictor.ts';
import { type Figure, points, type Study, share, type Table } from './study.ts';
import { runSweep, SWEPT } from './sweep.ts';

const KEPT = 0.8;
const DROPPED = 'easiest 80 %';
/**
 * The gain of leaving out the hardest pairs is the mean of three shares: near a good rate one training differs from the
 * next by several points, whatever its pairs.
 */
const DROPPING = ['easiest 70 %', DROPPED, 'easiest 90 %'] as const;
/** Properties that the table of the sweep shows. */
const SHOWN = ['share of pairs above ln 2', 'agreement between seeds'] as const;

/** What is known besides where judge-free arms were trained and looked at on held-out pairs. */
function armProperties(cell: CellSummary): Properties {
  const [dropped, full] = [armIn(cell, DROPPED), armIn(cell, 'full')];
  return {
    'held-out accuracy, all pairs': full.heldOutAccuracy,
    'held-out accuracy, easiest 80 % − all': dropped.heldOutAccuracy - full.heldOutAccuracy,
    'held-out loss, easiest 80 % − all': dropped.heldOutLossNats - full.heldOutLossNats,
    'held-out accuracy, hardest 20 % alone': armIn(cell, 'hardest 20 %').heldOutAccuracy,
    'length of answers, easiest 80 % − all': dropped.lengthTokens - full.lengthTokens,
  };
}

/** A group of the sweep, with what its tables show. */
interface SweptGroup extends Group {
  readonly cells: readonly CellSummary[];
  /** Half of the gain's 95 % interval. */
  readonly half: number;
}

/** When does leaving out the hardest pairs help? Found by a sweep, tried on worlds that were left out. */
export const prediction: Study = {
  name: 'prediction',
  title: 'When it helps',
  question:
    'Over the worlds of the sweep: which property of a data set, known when its difficulty is, predicts the gain of leaving out the hardest pairs (win rate on the easiest 70, 80 and 90 %, the mean of the three, − on all)? Ridge regression on the two properties that predict best within the other worlds, tried on each world that was left out of choosing and fitting; something is said where the prediction lies beyond no difference by one-sided 90 % of its error (less what replicates differ by) and within what was seen. And `keep: auto`: the share that wins most on tuning prompts, taken instead of all pairs only where it wins there at one-sided 95 %; never significantly worse than all pairs, and at least 80 % of the best share’s gain where there is one.',
  sizes: { quick: ['s'], full: ['s', 'm'] },
  async run(lab, { seeds, extent }) {
    const cells = await runSweep(lab, extent, seeds);
    return conclude(cells, `winnow lab --${extent} --study prediction --seed ${lab.seed}, winnow ${VERSION}`);
  },
};

function conclude(cells: readonly CellSummary[], source: string) {
  const groups = groupsOf(cells);
  const scoring = Object.keys(profileProperties((cells[0] as CellSummary).profile));
  const all = Object.keys(groups[0]?.properties[0] ?? {});
  const claims = new Claims();
  const clear = groups.filter(({ gain, half }) => Math.abs(gain) > half);
  claims.mean(
    'win rate, easiest 70, 80 and 90 % − all pairs, mean over groups',
    groups.map(({ gain }) => gain),
  );
  const single = all
    .map((name) => ({ name, ...errorLeftOut(groups, (others) => predictorOn([name], others)) }))
    .sort((a, b) => a.error - b.error);
  const fromScoring = (others: readonly Group[]) => makePredictor(others, scoring);
  const fromArms = (others: readonly Group[]) => makePredictor(others, all);
  const scored = errorLeftOut(groups, fromScoring);
  const predictor = fromScoring(groups);
  const { help: _, hurt: __, ...record } = recordOf(groups, fromScoring);
  const rule: OutlookRule = { ...predictor, keepFraction: KEPT, record, source };
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
  const helped = clear.filter(({ gain }) => gain > 0).length;
  return {
    name: prediction.name,
    title: prediction.title,
    verdict: `In ${groups.length} worlds with models, leaving out the hardest 10 to 30 % helped in ${helped} and hurt in ${clear.length - helped} (95 %). From scoring alone the gain of a data set in an unseen world is predicted with an error of ${share(scored.error)} points (always saying the mean: ${share(scored.naive)}). keep: auto was significantly worse than all pairs in ${worse.length} of ${auto.length}, and had ${captured === null ? 'no gain to get' : `${Math.round(100 * captured)} % of the best share’s gain in the ${gains.length} where one was shown`}.`,
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
          ...SHOWN,
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
              groups.map(({ properties }) => mean(properties.map((own) => own[name] ?? 0))),
              groups.map(({ gain }) => gain),
            ) ?? 0
          ).toFixed(2),
          share(error),
          share(naive),
        ]),
        meaning: `The two that predict best together, of those that scoring gives: ${predictor.properties.join('; ')}.`,
      },
      outlookTable(groups, [
        ['from scoring alone', fromScoring],
        ['from scoring and held-out pairs', fromArms],
      ]),
      autoTable(auto),
    ],
    figures: [
      dots(
        'Predicted and measured gain of leaving out the hardest 10 to 30 %: worlds left out, from scoring alone',
        leaveOneWorldOut(groups, fromScoring).map(({ group, made }) => ({
          name: group.name,
          x: mean(predictions(group, made)),
          y: group.gain,
        })),
      ),
    ],
    data: rule as unknown as Json,
  };
}

function gainOf(cell: CellSummary): number {
  return mean(DROPPING.map((name) => armIn(cell, name).winRate)) - armIn(cell, 'full').winRate;
}

function groupsOf(cells: readonly CellSummary[]): SweptGroup[] {
  const byName = new Map<string, CellSummary[]>();
  for (const cell of cells) {
    const name = `${cell.world.name}, ${cell.size}`;
    byName.set(name, [...(byName.get(name) ?? []), cell]);
  }
  const gains = [...byName.values()].map((own) => own.map(gainOf));
  // A few replicates know little of their own spread; all groups together know it well.
  const pooled = pooledDeviation(gains);
  return [...byName].map(([name, own], i) => {
    const interval = meanInterval(gains[i] as number[], pooled === null ? {} : { pooled });
    return {
      name,
      world: own[0]?.world.name ?? '',
      cells: own,
      gain: interval.value,
      half: interval.high - interval.value,
      gainVariance: pooled === null ? 0 : pooled.sd ** 2 / own.length,
      properties: own.map((cell) => ({ ...profileProperties(cell.profile), ...armProperties(cell) })),
    };
  });
}

function outlookTable(
  groups: readonly Group[],
  kinds: readonly (readonly [string, (others: readonly Group[]) => Predictor])[],
): Table {
  const rows = kinds.map(([name, make]) => {
    const { dataSets, told, wrong, help, hurt } = recordOf(groups, make);
    return [
      name,
      String(dataSets),
      String(help),
      String(hurt),
      String(dataSets - told),
      String(wrong),
      share(errorLeftOut(groups, make).error),
    ];
  });
  return {
    title: 'The outlook on data sets of worlds left out',
    head: [
      'outlook',
      'data sets',
      '“likely to help”',
      '“likely to hurt”',
      '“cannot tell”',
      'wrong sign',
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

function keptByAuto(groups: readonly SweptGroup[]): AutoKept[] {
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

function sweepRow({ name, cells, properties }: SweptGroup): string[] {
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
    ...SHOWN.map((property) => mean(properties.map((own) => own[property] ?? 0)).toFixed(2)),
  ];
}

function dots(title: string, shown: readonly { name: string; x: number; y: number }[]): Figure {
  return {
    kind: 'dots',
    title,
    x: 'predicted',
    y: 'measured',
    points: shown,
    diagonal: true,
    meaning:
      'On the diagonal the prediction is right; in the lower right and upper left corners the outlook would be wrong.',
  };
}
