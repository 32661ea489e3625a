import { type LinearFit, predict } from '../stats/least-squares.ts';
import { type DifficultyProfile, meanOfTenths, type Tenth } from './profile.ts';

const easyHalf = (tenths: readonly Tenth[], value: (tenth: Tenth) => number) =>
  meanOfTenths(tenths.slice(0, Math.ceil(tenths.length / 2)), value);
const hardFifth = (tenths: readonly Tenth[], value: (tenth: Tenth) => number) =>
  meanOfTenths(tenths.slice(-2), value);
const lossNats = (tenth: Tenth) => tenth.lossNats;
const lengthLead = (tenth: Tenth) => tenth.lengthLead;
const referenceLead = (tenth: Tenth) => tenth.referenceLead;

/**
 * What is known of a data set once its difficulty is, without a judge: numbers that an outlook may rest on. The lab
 * tries them all; a rule has those that predicted best. null: not measured (agreement needs two seeds).
 */
export const PROFILE_PROPERTIES: Readonly<Record<string, (profile: DifficultyProfile) => number | null>> = {
  'share of pairs above ln 2': ({ aboveLn2 }) => aboveLn2,
  'agreement between seeds': ({ agreement }) => agreement,
  'agreement between seeds, hardest 30 %': ({ agreementHard }) => agreementHard,
  'mean difficulty, nats': (profile) => profile.lossNats,
  'difficulty of the hardest 20 %, nats': ({ tenths }) => hardFifth(tenths, lossNats),
  'length lead, easiest half': ({ tenths }) => easyHalf(tenths, lengthLead),
  'length lead, hardest 20 %': ({ tenths }) => hardFifth(tenths, lengthLead),
  'length lead, easiest half − hardest 20 %': ({ tenths }) =>
    easyHalf(tenths, lengthLead) - hardFifth(tenths, lengthLead),
  'start model’s lead, easiest half': ({ tenths }) => easyHalf(tenths, referenceLead),
  'start model’s lead, hardest 20 %': ({ tenths }) => hardFifth(tenths, referenceLead),
  'share of pairs against their label': ({ suspicions }) => suspicions?.against ?? null,
};

/** How the gain of leaving out the hardest pairs is predicted; `winnow lab --full --study prediction` makes one. */
export interface OutlookRule {
  /** The share that is kept. */
  readonly keepFraction: number;
  /** Names in {@link PROFILE_PROPERTIES}. */
  readonly properties: readonly string[];
  /** Of the win rate on the easiest share − on all pairs, 0.01 for a point. */
  readonly fit: LinearFit;
  /** Root mean square of its errors in worlds that had no part in making it, 0.01 for a point. */
  readonly error: number;
  /** Least and greatest value of each property in the lab's worlds: beyond them the rule knows nothing. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Worlds with models left out in turn; for how many something was said, and how often its sign was wrong. */
  readonly record: { readonly groups: number; readonly told: number; readonly wrong: number };
  readonly source: string;
}

export interface Outlook {
  readonly keepFraction: number;
  readonly says: 'help' | 'hurt' | 'unknown';
  /** Why nothing is said; null where something is. */
  readonly because: 'not-measured' | 'unlike-the-lab' | 'within-error' | null;
  /** Win rate, easiest share − all pairs; null where a property is not measured. */
  readonly predicted: number | null;
  readonly error: number;
  readonly evidence: readonly {
    readonly property: string;
    readonly value: number | null;
    readonly low: number;
    readonly high: number;
  }[];
  readonly record: OutlookRule['record'];
}

/** One-sided 90 % of a normal error: nearer to no difference than this many of its errors, a rule cannot tell. */
export const TOLD_ERRORS = 1.2816;

/**
 * Whether leaving out the hardest pairs is likely to help, before any arm is trained. It speaks from worlds with a gold
 * judge and small models: a reason to try it, never to believe it.
 */
export function outlook(profile: DifficultyProfile, rule: OutlookRule): Outlook {
  const evidence = rule.properties.map((property, i) => {
    const [low, high] = rule.ranges[i] as readonly [number, number];
    const of = PROFILE_PROPERTIES[property];
    if (of === undefined) throw new Error(`outlook: no property ${property}`);
    return { property, value: of(profile), low, high };
  });
  const { keepFraction, error, record } = rule;
  const values = evidence.flatMap(({ value }) => (value === null ? [] : [value]));
  const predicted = values.length < evidence.length ? null : predict(rule.fit, values);
  const unlike = evidence.some(({ value, low, high }) => value !== null && (value < low || value > high));
  const because =
    predicted === null
      ? 'not-measured'
      : unlike
        ? 'unlike-the-lab'
        : Math.abs(predicted) < TOLD_ERRORS * error
          ? 'within-error'
          : null;
  const says = because !== null || predicted === null ? 'unknown' : predicted > 0 ? 'help' : 'hurt';
  return { keepFraction, says, because, predicted, error, evidence, record };
}
