import { type LinearFit, predict } from '../stats/least-squares.ts';
import { type DifficultyProfile, meanOfTenths, type Tenth } from './profile.ts';

/** Properties of a data set by name; null: not measured (agreement needs two seeds). `pairs` is their number. */
export type Properties = Readonly<Record<string, number | null>>;

/**
 * What is known of a data set once its difficulty is, without a judge: numbers that an outlook may rest on. The lab
 * tries them all; a rule has those that predicted best.
 */
export function profileProperties(profile: DifficultyProfile): Properties {
  const easyHalf = profile.tenths.slice(0, Math.ceil(profile.tenths.length / 2));
  const hardFifth = profile.tenths.slice(-2);
  const lossNats = (tenth: Tenth) => tenth.lossNats;
  const lengthLead = (tenth: Tenth) => tenth.lengthLead;
  const referenceLead = (tenth: Tenth) => tenth.referenceLead;
  return {
    pairs: profile.pairs,
    'share of pairs above ln 2': profile.aboveLn2,
    'agreement between seeds': profile.agreement,
    'agreement between seeds, hardest 30 %': profile.agreementHard,
    'mean difficulty, nats': profile.lossNats,
    'difficulty of the hardest 20 %, nats': meanOfTenths(hardFifth, lossNats),
    'length lead, easiest half': meanOfTenths(easyHalf, lengthLead),
    'length lead, hardest 20 %': meanOfTenths(hardFifth, lengthLead),
    'length lead, easiest half − hardest 20 %':
      meanOfTenths(easyHalf, lengthLead) - meanOfTenths(hardFifth, lengthLead),
    'start model’s lead, easiest half': meanOfTenths(easyHalf, referenceLead),
    'start model’s lead, hardest 20 %': meanOfTenths(hardFifth, referenceLead),
    'share of pairs against their label': profile.suspicions?.against ?? null,
  };
}

/** How the gain of leaving out the hardest pairs is predicted from properties. */
export interface Predictor {
  /** Names of {@link profileProperties}. */
  readonly properties: readonly string[];
  /** Of the win rate on the easiest share − on all pairs, 0.01 for a point. */
  readonly fit: LinearFit;
  /** Root mean square of its errors on data sets of worlds that had no part in making it, 0.01 for a point. */
  readonly error: number;
  /** Least and greatest value of each property where it was made: far beyond them it knows nothing. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Fewer pairs teach scoring runs less than those it was made from: what it rests on then means something else. */
  readonly leastPairs: number;
}

/** A predictor with what is known of its honesty; `winnow lab --full --study prediction` makes one. */
export interface OutlookRule extends Predictor {
  /** The share that is kept. */
  readonly keepFraction: number;
  /** Data sets of worlds left out in turn; for how many something was said, and how often its sign was wrong. */
  readonly record: OutlookRecord;
  readonly source: string;
}

export interface OutlookRecord {
  readonly dataSets: number;
  readonly worlds: number;
  readonly told: number;
  readonly wrong: number;
}

/** What a predictor says of one data set. */
export interface Prediction {
  readonly says: 'help' | 'hurt' | 'unknown';
  /** Why nothing is said; null where something is. */
  readonly because: 'not-measured' | 'too-few-pairs' | 'unlike-the-lab' | 'within-error' | null;
  /** Win rate, easiest share − all pairs; null where a property is not measured. */
  readonly predicted: number | null;
  readonly evidence: readonly {
    readonly property: string;
    readonly value: number | null;
    /** Between these something is known. */
    readonly low: number;
    readonly high: number;
  }[];
}

export interface Outlook extends Prediction {
  readonly pairs: number;
  readonly leastPairs: number;
  readonly keepFraction: number;
  readonly error: number;
  readonly record: OutlookRecord;
}

/** One-sided 90 % of a normal error: nearer to no difference than this many of its errors, it cannot tell. */
const TOLD_ERRORS = 1.2816;
/** So much of a range's width beyond its ends still counts as within: its ends are those of a few dozen data sets. */
const BEYOND = 0.1;

/** Help, hurt, or nothing: only where the prediction lies beyond its error and within what is known. */
export function predictGain(properties: Properties, predictor: Predictor): Prediction {
  const evidence = predictor.properties.map((property, i) => {
    const [least, most] = predictor.ranges[i] as readonly [number, number];
    const [low, high] = [least - BEYOND * (most - least), most + BEYOND * (most - least)];
    return { property, value: properties[property] ?? null, low, high };
  });
  const values = evidence.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length < evidence.length)
    return { says: 'unknown', because: 'not-measured', predicted: null, evidence };
  const predicted = predict(predictor.fit, values);
  if ((properties.pairs ?? 0) < predictor.leastPairs)
    return { says: 'unknown', because: 'too-few-pairs', predicted, evidence };
  const unlike = evidence.some(({ value, low, high }) => value !== null && (value < low || value > high));
  if (unlike) return { says: 'unknown', because: 'unlike-the-lab', predicted, evidence };
  if (Math.abs(predicted) < TOLD_ERRORS * predictor.error)
    return { says: 'unknown', because: 'within-error', predicted, evidence };
  return { says: predicted > 0 ? 'help' : 'hurt', because: null, predicted, evidence };
}

/**
 * Whether leaving out the hardest pairs is likely to help, before any arm is trained. The rule comes from worlds with a
 * gold judge and small models: a reason to try it, never to believe it.
 */
export function outlook(profile: DifficultyProfile, rule: OutlookRule): Outlook {
  const { keepFraction, error, record, leastPairs } = rule;
  const said = predictGain(profileProperties(profile), rule);
  return { ...said, pairs: profile.pairs, leastPairs, keepFraction, error, record };
}
