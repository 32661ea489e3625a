import type { Agreement } from '../evaluate/agreement.ts';
import { type LabelCheck, meanOf } from '../evaluate/check-labels.ts';
import type { JudgeCheck } from '../evaluate/judge-check.ts';
import { count, fixed, MISSING, points } from '../report/numbers.ts';
import type { Interval } from '../stats/interval.ts';
import type { TextColumn } from './columns.ts';

/** A rater, human or judge, in the table of agreement. */
export interface RaterRow {
  readonly name: string;
  /** With the majority; for an annotator, that of the others. */
  readonly agreement: Agreement;
  /** Mean over single annotators; null where there is one. */
  readonly meanAccuracy: number | null;
  readonly meanKappa: number | null;
}

/** Annotators first, then judges. */
export function raterRows(labels: LabelCheck, judges: readonly JudgeCheck[]): RaterRow[] {
  const humans = labels.ceiling?.againstOthers.map(({ annotator, ...agreement }): RaterRow => {
    const own = labels.ceiling?.betweenTwo.filter(({ a, b }) => a === annotator || b === annotator) ?? [];
    return {
      name: annotator,
      agreement,
      meanAccuracy: meanOf(own.map(({ accuracy }) => accuracy)),
      meanKappa: meanOf(own.map(({ kappa }) => kappa)),
    };
  });
  const checked = judges.map(({ judge, againstMajority, meanAccuracy, meanKappa }) => ({
    name: judge,
    agreement: againstMajority,
    ...(labels.ceiling === null ? { meanAccuracy: null, meanKappa: null } : { meanAccuracy, meanKappa }),
  }));
  return [...(humans ?? []), ...checked];
}

/** For people: `63.2 (60.1 to 66.2)`. */
function share(interval: Interval | null): string | null {
  return interval === null
    ? null
    : `${fixed(100 * interval.value, 1)} (${fixed(100 * interval.low, 1)} to ${fixed(100 * interval.high, 1)})`;
}

/** A share for people, of 100; a dash where it is not known. */
function hundred(value: number | null): string {
  return fixed(value === null ? null : 100 * value, 1);
}

function two(interval: Interval | null): string | null {
  return interval === null
    ? null
    : `${fixed(interval.value, 2)} (${fixed(interval.low, 2)} to ${fixed(interval.high, 2)})`;
}

/** A column of an interval: for programs its value. */
function column<T>(
  heading: string,
  name: string,
  of: (row: T) => Interval | null,
  show: (interval: Interval | null) => string | null,
): TextColumn<T> {
  return { heading, name, show: (row) => show(of(row)), value: (row) => of(row)?.value ?? null };
}

export const RATER_COLUMNS: readonly TextColumn<RaterRow>[] = [
  { heading: 'Rater', name: 'rater', show: ({ name }) => name, value: ({ name }) => name },
  {
    heading: 'Pairs',
    name: 'pairs',
    show: ({ agreement }) => count(agreement.n),
    value: ({ agreement }) => agreement.n,
  },
  column('Agrees %', 'accuracy', ({ agreement }) => agreement.accuracy, share),
  column('κ', 'kappa', ({ agreement }) => agreement.kappa, two),
  column('Without ties %', 'decided', ({ agreement }) => agreement.decided, share),
];

export const SINGLE_COLUMNS: readonly TextColumn<RaterRow>[] = [
  {
    heading: 'With one %',
    name: 'meanAccuracy',
    show: ({ meanAccuracy }) => hundred(meanAccuracy),
    value: ({ meanAccuracy }) => meanAccuracy,
  },
  {
    heading: 'κ',
    name: 'meanKappa',
    show: ({ meanKappa }) => fixed(meanKappa, 2),
    value: ({ meanKappa }) => meanKappa,
  },
];

export const LENGTH_COLUMNS: readonly TextColumn<JudgeCheck>[] = [
  { heading: 'Judge', name: 'judge', show: ({ judge }) => judge, value: ({ judge }) => judge },
  { heading: 'Pairs', name: 'pairs', show: ({ length }) => count(length.n), value: ({ length }) => length.n },
  column('Takes longer %', 'longerShare', ({ length }) => length.longerShare, share),
  column('Labels %', 'labelLongerShare', ({ length }) => length.labelLongerShare, share),
  column(
    'Difference',
    'difference',
    ({ length }) => length.difference,
    (interval) =>
      interval && `${points(interval.value)} (${points(interval.low)} to ${points(interval.high)})`,
  ),
  column('Errors to longer %', 'errorsLonger', ({ length }) => length.errorsLonger, share),
  {
    heading: 'By chance %',
    name: 'errorsLongerByChance',
    show: ({ length }) => hundred(length.errorsLongerByChance),
    value: ({ length }) => length.errorsLongerByChance,
  },
  column('Partial r', 'partialCorrelation', ({ length }) => length.partialCorrelation, two),
];

/** Whether the judge prefers a place, in words. */
export function positionSentence({ judge, position }: JudgeCheck): string {
  if (!position.known) {
    const { firstShare, labelFirstShare, difference, n } = position;
    const apart =
      difference === null
        ? ''
        : `: ${points(difference.value)} points (${points(difference.low)} to ${points(difference.high)})`;
    return `${judge}: not known, as only one order was asked. It prefers the first answer in ${share(firstShare) ?? MISSING} % of ${count(n)} pairs, the labels in ${share(labelFirstShare) ?? MISSING} %${apart}`;
  }
  const { n, consistent, firstShare, alwaysFirst, alwaysSecond, p } = position;
  return `${judge}: of ${count(n)} pairs in both orders ${share(consistent) ?? MISSING} % have the same verdict; the answer shown first is preferred in ${share(firstShare) ?? MISSING} % of the verdicts that prefer one, in both orders of ${count(alwaysFirst)} pairs, the one shown second of ${count(alwaysSecond)} (${pValue(p)})`;
}

/** What was judged, in words. */
export function countSentence({ judge, judged, ties, unreadable, notAsked, unknownIds }: JudgeCheck): string {
  const rest = [
    [unreadable, 'could not be read'],
    [notAsked, 'were not asked'],
    [unknownIds, 'belong to no pair'],
  ] as const;
  const said = rest.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${what}`);
  return `${judge}: ${count(judged)} verdicts, ${count(ties)} of them ties${said.length === 0 ? '' : `; ${said.join(', ')}`}`;
}

/** What the labels are, in words. */
export function labelSentences(labels: LabelCheck): string[] {
  const { a, b, tie, none } = labels.majority;
  const counts = `${count(a)} prefer the first answer, ${count(b)} the second, ${count(tie)} tie${none === 0 ? '' : `, ${count(none)} have no label that most give`}`;
  const lines = [
    `${count(labels.pairs)} pairs on ${count(labels.prompts)} prompts, ${labels.annotators.length === 1 ? 'one label each' : `${labels.annotators.length} annotators`}: ${counts}`,
    `Of the labels that prefer an answer, ${share(labels.longer) ?? MISSING} % prefer the longer one`,
  ];
  const { ceiling } = labels;
  if (ceiling === null) return lines;
  return [
    ...lines,
    `Two annotators agree in ${hundred(ceiling.meanAccuracy)} % of the pairs (mean κ ${fixed(ceiling.meanKappa, 2)}, Fleiss’ κ ${two(ceiling.fleissKappa) ?? MISSING}): what a judge’s agreement with one of them is to be held against`,
  ];
}

function pValue(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${fixed(p, 3)}`;
}
