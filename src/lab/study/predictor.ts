import {
  type OutlookRecord,
  type Predictor,
  type Properties,
  predictGain,
} from '../../difficulty/outlook.ts';
import { leastSquares, predict } from '../../stats/least-squares.ts';
import { mean } from './outcome.ts';

/** A world with a model: what was found over its replicates, each of which is a data set. */
export interface Group {
  readonly name: string;
  readonly world: string;
  /** Of each data set. */
  readonly properties: readonly Properties[];
  /** What leaving out the hardest pairs gained in win rate, the mean of the replicates; 0.01 for a point. */
  readonly gain: number;
  /** Variance of that mean between replicates: what no predictor can know. */
  readonly gainVariance: number;
}

/** Of standardised columns, for some forty groups: enough to keep two nearly equal ones from fighting. */
const RIDGE = 2;

/** Of a data set's size, less than this share of the smallest that a predictor was made from is too few. */
const ENOUGH = 0.5;
/** The number of pairs is no property to predict by: the lab's data sets all have as many. */
const NUMBER = 'pairs';

/** A predictor whose properties are those two that predict worlds left out best, within these groups. */
export function makePredictor(groups: readonly Group[], names: readonly string[]): Predictor {
  return predictorOn(bestPair(groups, names), groups);
}

/** A predictor with properties that are given. */
export function predictorOn(properties: readonly string[], groups: readonly Group[]): Predictor {
  const errors = leaveOneWorldOut(groups, (others) => fitOf(others, properties)).flatMap(
    ({ group, made: fit }) =>
      group.properties.map((own) => group.gain - predict(fit, measuredOf(own, properties))),
  );
  return {
    properties,
    fit: fitOf(groups, properties),
    error: ownError(rootMeanSquare(errors), groups),
    ranges: properties.map((name) => {
      const values = groups.flatMap((group) => group.properties.map((own) => measured(own, name)));
      return [Math.min(...values), Math.max(...values)] as const;
    }),
    leastPairs: Math.floor(
      ENOUGH * Math.min(...groups.flatMap((group) => group.properties.map((own) => own[NUMBER] ?? 0))),
    ),
  };
}

/** For each group what was made of the groups of other worlds. */
export function leaveOneWorldOut<T>(
  groups: readonly Group[],
  make: (others: readonly Group[]) => T,
): { readonly group: Group; readonly made: T }[] {
  const made = new Map<string, T>();
  return groups.map((group) => {
    const known = made.get(group.world) ?? make(groups.filter(({ world }) => world !== group.world));
    made.set(group.world, known);
    return { group, made: known };
  });
}

/** How far predictions of worlds left out lie from what was found there, and how far the mean of the others does. */
export function errorLeftOut(groups: readonly Group[], make: (others: readonly Group[]) => Predictor) {
  const tried = leaveOneWorldOut(groups, (others) => ({
    predictor: make(others),
    centre: mean(others.map(({ gain }) => gain)),
  }));
  return {
    error: ownError(
      rootMeanSquare(
        tried.flatMap(({ group, made }) => predictions(group, made.predictor).map((one) => group.gain - one)),
      ),
      groups,
    ),
    naive: ownError(rootMeanSquare(tried.map(({ group, made }) => group.gain - made.centre)), groups),
  };
}

/** Of each data set of a group. */
export function predictions(group: Group, { properties, fit }: Predictor): number[] {
  return group.properties.map((own) => predict(fit, measuredOf(own, properties)));
}

/** What would have been said of data sets of worlds left out, and how often its sign was not that of their group. */
export function recordOf(
  groups: readonly Group[],
  make: (others: readonly Group[]) => Predictor,
): OutlookRecord & { readonly help: number; readonly hurt: number } {
  const said = leaveOneWorldOut(groups, make).flatMap(({ group, made }) =>
    group.properties.map((own) => ({ says: predictGain(own, made).says, gain: group.gain })),
  );
  const help = said.filter(({ says }) => says === 'help');
  const hurt = said.filter(({ says }) => says === 'hurt');
  return {
    dataSets: said.length,
    worlds: new Set(groups.map(({ world }) => world)).size,
    told: help.length + hurt.length,
    wrong: help.filter(({ gain }) => gain < 0).length + hurt.filter(({ gain }) => gain > 0).length,
    help: help.length,
    hurt: hurt.length,
  };
}

/** An error is never taken for less than this share of what was seen: variances of a few replicates are rough. */
const LEAST_OWN = 0.5;

/** √(e² − s²): the error in what a gain is on average, without that of measuring it with a few replicates. */
function ownError(seen: number, groups: readonly Group[]): number {
  const measuring = mean(groups.map(({ gainVariance }) => gainVariance));
  return Math.max(LEAST_OWN * seen, Math.sqrt(Math.max(0, seen ** 2 - measuring)));
}

function bestPair(groups: readonly Group[], names: readonly string[]): readonly string[] {
  let best: { pair: readonly string[]; error: number } = { pair: [], error: Number.POSITIVE_INFINITY };
  const candidates = names.filter((name) => name !== NUMBER);
  candidates.forEach((a, i) => {
    for (const b of candidates.slice(i + 1)) {
      const { error } = predictorOn([a, b], groups);
      if (error < best.error) best = { pair: [a, b], error };
    }
  });
  return best.pair;
}

function fitOf(groups: readonly Group[], names: readonly string[]) {
  return leastSquares(
    groups.map((group) => names.map((name) => mean(group.properties.map((own) => measured(own, name))))),
    groups.map(({ gain }) => gain),
    RIDGE,
  );
}

function measuredOf(own: Properties, names: readonly string[]): number[] {
  return names.map((name) => measured(own, name));
}

function measured(own: Properties, name: string): number {
  const value = own[name];
  if (value === null || value === undefined) throw new Error(`not measured: ${name}`);
  return value;
}

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(mean(values.map((value) => value ** 2)));
}
