import type { DuelResult, GradeResult } from '../../evaluate/benchmark/results.ts';
import { dollars } from '../../judge/estimate.ts';
import type { BenchmarkData } from '../../report/benchmark-data.ts';
import { publishedValue } from '../../report/benchmark-published.ts';
import { benchmarkTrust, benchmarkVerdicts } from '../../report/benchmark-verdict.ts';
import { lengthText } from '../../report/length-sentence.ts';
import { count, fixed, percent } from '../../report/numbers.ts';
import { csvTable, type TextColumn, textTable } from '../columns.ts';

/** For people: the table, what the differences say, and what a reader must know. */
export function benchmarkText(data: BenchmarkData): string {
  const { duels, grades, judge, opponent, benchmark } = data;
  const against = opponent === null ? '' : ` against ${opponent}`;
  const asked = judge.repeats > 1 ? `, each question ${judge.repeats} times` : '';
  const table =
    duels !== null
      ? textTable(duelColumns(data), duels.models)
      : textTable(GRADE_COLUMNS, (grades as NonNullable<typeof grades>).models);
  return [
    `${benchmark.questions} questions of ${benchmark.file}${against}, judged by ${judge.name}${asked}`,
    '',
    table,
    '',
    ...sentences(data),
  ].join('\n');
}

export function benchmarkCsv(data: BenchmarkData): string {
  return data.duels !== null
    ? csvTable(duelColumns(data), data.duels.models)
    : csvTable(GRADE_COLUMNS, data.grades?.models ?? []);
}

function sentences(data: BenchmarkData): string[] {
  const { spending, notes } = data;
  return [
    ...[...benchmarkVerdicts(data), ...benchmarkTrust(data)].map(({ en }) => en),
    ...notes,
    ...(spending === null
      ? []
      : [
          `Judge: ${count(spending.paid)} questions paid, ${count(spending.cached)} answered by the cache, ${count(spending.promptTokens)} tokens in, ${count(spending.completionTokens)} out${spending.usd === null ? '' : `, ${dollars(spending.usd)} USD`}${spending.possiblyUsd ? ` (and at most ${dollars(spending.possiblyUsd)} USD for lost replies)` : ''}`,
        ]),
  ];
}

function duelColumns({ published }: BenchmarkData): readonly TextColumn<DuelResult>[] {
  return [
    { heading: 'Model', name: 'model', show: ({ model }) => model, value: ({ model }) => model },
    share('Win rate %', 'winRate', ({ winRate }) => winRate?.value),
    {
      heading: '95 %',
      name: 'winRateLow',
      show: ({ winRate }) => (winRate === null ? null : `${rate(winRate.low)}–${rate(winRate.high)}`),
      value: ({ winRate }) => winRate?.low ?? null,
    },
    hidden('winRateHigh', ({ winRate }) => winRate?.high),
    {
      heading: 'Length-controlled %',
      name: 'lengthControlledWinRate',
      show: ({ lengthControlled: own }) =>
        own === null
          ? null
          : `${rate(own.winRate)}${own.standardError === null ? '' : ` ± ${rate(own.standardError)}`}`,
      value: ({ lengthControlled: own }) => own?.winRate ?? null,
    },
    hidden('lengthControlledError', ({ lengthControlled: own }) => own?.standardError),
    ...publishedColumn(published),
    {
      heading: 'Rank',
      name: 'rankBest',
      show: ({ rank }) => rankText(rank),
      value: ({ rank }) => rank?.best ?? null,
    },
    hidden('rankWorst', ({ rank }) => rank?.worst),
    {
      heading: 'Length (chars)',
      name: 'meanLengthChars',
      show: ({ lengths }) =>
        lengths === null
          ? null
          : `${lengthText(lengths.meanLength.model)} / ${lengthText(lengths.meanLength.opponent)}`,
      value: ({ lengths }) => lengths?.meanLength.model ?? null,
    },
    hidden('meanLengthOpponentChars', ({ lengths }) => lengths?.meanLength.opponent),
    share('Ended %', 'endedShare', ({ endedShare }) => endedShare),
    whole('Judged', 'verdicts', ({ verdicts }) => verdicts),
    whole('No verdict', 'withoutVerdict', ({ withoutVerdict }) => withoutVerdict),
    whole('No answer', 'unanswered', ({ unanswered }) => unanswered),
  ];
}

/** The benchmark's own value, where it is another than the win rate beside it. */
function publishedColumn(published: BenchmarkData['published']): TextColumn<DuelResult>[] {
  const own = publishedValue(published);
  if (own === null) return [];
  const { name, heading, digits, of } = own;
  return [
    {
      heading: `${heading} %`,
      name,
      show: (row) => (of(row) === null ? null : fixed(of(row), digits)),
      value: of,
    },
  ];
}

const GRADE_COLUMNS: readonly TextColumn<GradeResult>[] = [
  { heading: 'Model', name: 'model', show: ({ model }) => model, value: ({ model }) => model },
  number('Turn 1', 'turn1', ({ turns }) => turns[0]),
  number('Turn 2', 'turn2', ({ turns }) => turns[1]),
  number('Mean', 'mean', ({ mean }) => mean?.value),
  {
    heading: '95 %',
    name: 'meanLow',
    show: ({ mean }) => (mean === null ? null : `${fixed(mean.low, 2)}–${fixed(mean.high, 2)}`),
    value: ({ mean }) => mean?.low ?? null,
  },
  {
    heading: 'Rank',
    name: 'rankBest',
    show: ({ rank }) => rankText(rank),
    value: ({ rank }) => rank?.best ?? null,
  },
  whole('Length (chars)', 'meanLengthChars', ({ meanLengthChars }) => meanLengthChars),
  whole('Ratings', 'ratings', ({ ratings }) => ratings),
  whole('No rating', 'withoutVerdict', ({ withoutVerdict }) => withoutVerdict),
  whole('No answer', 'unanswered', ({ unanswered }) => unanswered),
];

type Maybe = number | null | undefined;

function rankText(rank: DuelResult['rank']): string | null {
  if (rank === null) return null;
  return rank.best === rank.worst ? String(rank.best) : `${rank.best}–${rank.worst}`;
}

function rate(value: number): string {
  return fixed(100 * value, 1);
}

function share(heading: string, name: string, of: (row: DuelResult) => Maybe): TextColumn<DuelResult> {
  return {
    heading,
    name,
    show: (row) => (of(row) === null || of(row) === undefined ? null : percent(of(row)).replace('%', '')),
    value: (row) => of(row) ?? null,
  };
}

/** For programs alone. */
function hidden(name: string, of: (row: DuelResult) => Maybe): TextColumn<DuelResult> {
  return { heading: '', name, show: null, value: (row) => of(row) ?? null };
}

function whole<T>(heading: string, name: string, of: (row: T) => Maybe): TextColumn<T> {
  return {
    heading,
    name,
    show: (row) => (of(row) === null || of(row) === undefined ? null : count(of(row))),
    value: (row) => of(row) ?? null,
  };
}

function number<T>(heading: string, name: string, of: (row: T) => Maybe): TextColumn<T> {
  return { ...whole(heading, name, of), show: (row) => (of(row) == null ? null : fixed(of(row), 2)) };
}
