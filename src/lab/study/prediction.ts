import type { Json } from '../../base/hash.ts';
import {
  type OutlookRule,
  outlook,
  type Predictor,
  type Properties,
  profileProperties,
} from '../../difficulty/outlook.ts';
import { outlookRule } from '../../pipeline/outlook.ts';
import { VERSION } from '../../pipeline/version.ts';
import { spearman } from '../../stats/correlation.ts';
import { meanInterval, pooledDeviation } from '../../stats/student-t.ts';
import { percent } from './arms.ts';
import type { CellSummary } from './cells.ts';
import { armIn, Claims, differences } from './claims.ts';
import { autoSentence, autoTable, keptByAuto, shareName } from './kept-by-auto.ts';
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
import {
  type Figure,
  points,
  type Study,
  type StudyResult,
  share,
  signedPoints,
  type Table,
} from './study.ts';
import { runSweep, SWEPT } from './sweep.ts';

const KEPT = 0.8;
const DROPPED = 'easiest 80 %';
/**
 * The gain of leaving out the hardest pairs is the mean of three shares: near a good rate one training differs from the
 * next by several points, whatever its pairs.
 */
const DROPPING = ['easiest 70 %', DROPPED, 'easiest 90 %'] as const;
/** Where training on all pairs does not gain this much over the start model, there is nothing to leave out of. */
const LEAST_GAIN = 0.02;
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
    'Over the worlds of the sweep: which property of a data set, known when its difficulty is, predicts the gain of leaving out the hardest pairs (win rate on the easiest 70, 80 and 90 %, the mean of the three, − on all)? Ridge regression on the two properties that predict best within the other worlds, tried on each world that was left out of choosing and fitting; something is said where the prediction lies beyond no difference by one-sided 90 % of its error (less what replicates differ by) and within what was seen. Worlds in which training on all pairs gains less than two points are left aside: nothing is learned there. And `keep: auto`: the share that wins most on tuning prompts, taken instead of all pairs only where it wins there at one-sided 95 %; never significantly worse than all pairs, and at least 80 % of the best share’s gain where there is one.',
  sizes: { quick: ['s'], full: ['s', 'm'] },
  async run(lab, { seeds, extent }) {
    const cells = await runSweep(lab, extent, seeds);
    // Four worlds make no rule: they try the one that full labs made.
    if (extent === 'quick') return tryRule(cells, outlookRule());
    return makeRule(cells, `winnow lab --${extent} --study prediction --seed ${lab.seed}, winnow ${VERSION}`);
  },
};

function makeRule(cells: readonly CellSummary[], source: string): StudyResult {
  const swept = groupsOf(cells);
  const groups = swept.filter(({ cells: own }) => mean(own.map(gainOfAll)) >= LEAST_GAIN);
  const scoring = Object.keys(profileProperties((cells[0] as CellSummary).profile));
  const all = Object.keys(groups[0]?.properties[0] ?? {}).filter((name) => name !== 'pairs');
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
  const auto = keptByAuto(swept);
  claims.difference(
    'win rate, keep: auto − all pairs, mean over groups',
    auto.map(({ difference }) => difference),
  );
  const helped = clear.filter(({ gain }) => gain > 0).length;
  return {
    name: prediction.name,
    title: prediction.title,
    verdict: `In ${groups.length} worlds with models (of ${swept.length}; in the others training on all pairs gained nothing), leaving out the hardest 10 to 30 % helped in ${helped} and hurt in ${clear.length - helped} (95 %). From scoring alone the gain of a data set in an unseen world is predicted with an error of ${share(scored.error)} points (always saying the mean: ${share(scored.naive)}). ${autoSentence(auto)}`,
    claims: claims.done(),
    tables: [
      sweepTable(swept),
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

/** What winnow says of these data sets beside what came of them. */
function tryRule(cells: readonly CellSummary[], rule: OutlookRule): StudyResult {
  const groups = groupsOf(cells);
  const claims = new Claims();
  const tried = groups.flatMap((group) =>
    group.cells.map((cell) => ({ cell, group, told: outlook(cell.profile, rule) })),
  );
  for (const { name, cells: own } of groups)
    claims.difference(`${name}: win rate, easiest 70, 80 and 90 % − all pairs`, own.map(gainOf));
  const auto = keptByAuto(groups);
  const told = tried.filter(({ told: { says } }) => says !== 'unknown');
  const wrong = told.filter(({ group, told: { says } }) => (says === 'help') !== group.gain > 0);
  return {
    name: prediction.name,
    title: prediction.title,
    verdict: `Of ${tried.length} data sets the outlook spoke of ${told.length}, and the sign was another in ${wrong.length}. ${autoSentence(auto)}`,
    claims: claims.done(),
    tables: [
      {
        title: 'What winnow score says before any arm is trained, and what came of it: points of win rate',
        head: [
          'world, model',
          'replicate',
          'outlook',
          'predicted',
          'measured here',
          'measured, all replicates',
        ],
        rows: tried.map(({ cell, group, told: { says, predicted } }) => [
          group.name,
          String(cell.index + 1),
          { help: 'likely to help', hurt: 'likely to hurt', unknown: 'cannot tell' }[says],
          predicted === null ? '–' : signedPoints(predicted),
          signedPoints(gainOf(cell)),
          points({ value: group.gain, low: group.gain - group.half, high: group.gain + group.half }),
        ]),
        meaning: `By a rule that errs by ${share(rule.error)} points (${rule.source}).`,
      },
      sweepTable(groups),
      autoTable(auto),
    ],
    figures: [],
  };
}

function gainOf(cell: CellSummary): number {
  return mean(DROPPING.map((name) => armIn(cell, name).winRate)) - armIn(cell, 'full').winRate;
}

/** Win rate of all pairs against the start model − ½. */
function gainOfAll(cell: CellSummary): number {
  return armIn(cell, 'full').winRate - 0.5;
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

function sweepTable(groups: readonly SweptGroup[]): Table {
  return {
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
  };
}

function sweepRow({ name, cells, properties }: SweptGroup): string[] {
  const gap = (arm: string) => signedPoints(mean(differences(cells, arm, 'full')));
  return [
    name,
    String(cells.length),
    share(mean(cells.map((cell) => armIn(cell, 'full').winRate))),
    ...SWEPT.map((tau) => gap(shareName(tau))),
    gap('random 80 %'),
    signedPoints(mean(differences(cells, DROPPED, 'full', ({ correct }) => correct))),
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
