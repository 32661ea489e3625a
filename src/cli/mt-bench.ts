import type { Command } from 'commander';
import { readCategories } from '../evaluate/judged-rows.ts';
import { readTurnScores } from '../evaluate/mt-bench/judgments.ts';
import { type MtBench, type MtBenchMeans, type MtBenchRow, mtBench } from '../evaluate/mt-bench/mt-bench.ts';
import { csvTable, nameColumn, numberColumn, type TextColumn, textTable } from './columns.ts';
import { wholeNumber } from './options.ts';
import type { Outside } from './outside.ts';
import { checkResultFlags, printResult, type ResultFlags, withResultFlags } from './result-flags.ts';

interface MtBenchFlags extends ResultFlags {
  readonly judgments: readonly string[];
  readonly questions?: string;
  readonly seed: string;
}

/** `winnow mt-bench`: the benchmark from judgments that are there already. */
export function addMtBench(program: Command, outside: Outside): void {
  const command = program
    .command('mt-bench')
    .description('MT-Bench from published or own judgments of single answers, English or Japanese')
    .requiredOption('--judgments <files...>', 'JSONL of {question_id, model, judge, turn, score}')
    .option('--questions <file>', 'question file: results by category too')
    .option('--seed <n>', 'seed of the resamples', '42');
  withResultFlags(command).action(async (flags: MtBenchFlags) => {
    checkResultFlags(flags);
    const seed = wholeNumber('seed', flags.seed, 0);
    const categories = flags.questions === undefined ? undefined : await readCategories(flags.questions);
    const scores = await readTurnScores(flags.judgments);
    const result = mtBench(scores, { seed, ...(categories === undefined ? {} : { categories }) });
    printResult(outside, flags, {
      data: result,
      text: () => textOf(result),
      csv: () => csvOf(result),
    });
  });
}

const COLUMNS: readonly TextColumn<MtBenchRow>[] = [
  nameColumn('Model', 'model', ({ model }) => model),
  ...meanColumns<MtBenchRow>(),
  numberColumn('Repeated', 'duplicates', ({ duplicates }) => duplicates, 0),
];

function meanColumns<T extends MtBenchMeans>(): readonly TextColumn<T>[] {
  return [
    numberColumn('Turn 1', 'turn1', ({ turn1 }) => turn1, 3),
    numberColumn('Turn 2', 'turn2', ({ turn2 }) => turn2, 3),
    numberColumn('Mean', 'mean', ({ mean }) => mean, 3),
    numberColumn('95 % low', 'low', ({ low }) => low, 3),
    numberColumn('high', 'high', ({ high }) => high, 3),
    numberColumn('n', 'n', ({ n }) => n, 0),
    numberColumn('Questions', 'questions', ({ questions }) => questions, 0),
    numberColumn('Dropped', 'dropped', ({ dropped }) => dropped, 0),
  ];
}

const UNKNOWN = '(no category)';

function textOf({ models, categories, judges, resamples, seed, notes }: MtBench): string {
  const by = judges.length === 0 ? '' : ` judged by ${judges.join(', ')}`;
  return [
    `MT-Bench${by}; 95 % intervals of ${resamples} resamples of questions, seed ${seed}`,
    '',
    textTable(COLUMNS, models),
    ...(categories.length === 0 ? [] : ['', 'Mean by category:', categoryTable({ models, categories })]),
    ...(notes.length === 0 ? [] : ['']),
    ...notes.map((note) => `${note}.`),
  ].join('\n');
}

/** Models down, categories across. */
function categoryTable({ models, categories }: Pick<MtBench, 'models' | 'categories'>): string {
  const names = [...new Set(categories.map(({ category }) => category))];
  const mean = (model: string, name: string | null) =>
    categories.find((row) => row.model === model && row.category === name)?.mean ?? null;
  return textTable<MtBenchRow>(
    [
      nameColumn('Model', 'model', ({ model }) => model),
      ...names.map((name) =>
        numberColumn<MtBenchRow>(name ?? UNKNOWN, name ?? UNKNOWN, ({ model }) => mean(model, name), 2),
      ),
    ],
    models,
  );
}

/** Rows by category stand below the models' own, which have none. */
function csvOf({ models, categories }: MtBench): string {
  if (categories.length === 0) return csvTable(COLUMNS, models);
  type Row = MtBenchMeans & {
    readonly model: string;
    readonly category: string;
    readonly duplicates: number | null;
  };
  const rows: readonly Row[] = [
    ...models.map((row) => ({ ...row, category: '' })),
    ...categories.map((row) => ({ ...row, category: row.category ?? UNKNOWN, duplicates: null })),
  ];
  return csvTable<Row>(
    [
      nameColumn('Model', 'model', ({ model }) => model),
      nameColumn('Category', 'category', ({ category }) => category),
      ...meanColumns<Row>(),
      numberColumn('Repeated', 'duplicates', ({ duplicates }) => duplicates, 0),
    ],
    rows,
  );
}
