import { bootstrapMean } from '../../stats/bootstrap.ts';
import type { TurnScore, TurnScores } from './judgments.ts';

export interface MtBenchOptions {
  /** Of the intervals' resamples. Default 42. */
  readonly seed?: number;
  /** Question id → category. Default: no results by category. */
  readonly categories?: ReadonlyMap<string, string>;
}

/** Mean scores, mostly of 1 to 10, of a model over some questions. */
export interface MtBenchMeans {
  /** Rows with a score. */
  readonly n: number;
  readonly questions: number;
  /** null where no row of the turn has a score. */
  readonly turn1: number | null;
  readonly turn2: number | null;
  /** Over all rows with a score: not the mean of the turns' means where rows were dropped. null without any. */
  readonly mean: number | null;
  /** 95 % interval of the mean. */
  readonly low: number | null;
  readonly high: number | null;
  /** Rows without a score, left out. */
  readonly dropped: number;
}

export interface MtBenchRow extends MtBenchMeans {
  readonly model: string;
  /** Rows that repeat an earlier one of the same question, turn and judge. They count. */
  readonly duplicates: number;
}

export interface MtBenchCategoryRow extends MtBenchMeans {
  readonly model: string;
  /** null: the question file does not know these questions. */
  readonly category: string | null;
}

export interface MtBench {
  readonly level: number;
  readonly seed: number;
  readonly resamples: number;
  readonly judges: readonly string[];
  /** The best first. */
  readonly models: readonly MtBenchRow[];
  /** Of each model in the order of the categories; empty without categories. */
  readonly categories: readonly MtBenchCategoryRow[];
  /** What a reader must know of these numbers. */
  readonly notes: readonly string[];
}

const LEVEL = 0.95;
const RESAMPLES = 2000;

/**
 * turn t = (1 / n_t) Σ scores of turn t;  mean = (1 / n) Σ all scores, rows without a score left out of both
 *
 * *Reference:* lm-sys/FastChat at 0e6d3e4, fastchat/llm_judge/show_result.py; repeated rows count, as there. The
 * interval is ours: a percentile bootstrap of the mean that draws questions, since the turns of one hang together.
 * A model without a score has null everywhere; one question gives low = high = mean, which is no certainty.
 */
export function mtBench({ scores, judges, duplicates }: TurnScores, options: MtBenchOptions = {}): MtBench {
  const { seed = 42, categories } = options;
  const rows = groupBy(scores, ({ model }) => model);
  const models = [...rows].map(
    ([model, own]): MtBenchRow => ({
      model,
      ...meansOf(own, seed),
      duplicates: duplicates.get(model) ?? 0,
    }),
  );
  models.sort((x, y) => (y.mean ?? -Infinity) - (x.mean ?? -Infinity) || (x.model < y.model ? -1 : 1));
  const order = [...new Set(categories?.values() ?? []), null];
  const byCategory =
    categories === undefined
      ? []
      : models.flatMap(({ model }) => {
          const parts = groupBy(
            rows.get(model) as readonly TurnScore[],
            ({ question }) => categories.get(question) ?? null,
          );
          return order.flatMap((category): MtBenchCategoryRow[] => {
            const own = parts.get(category);
            return own === undefined ? [] : [{ model, category, ...meansOf(own, seed) }];
          });
        });
  return {
    level: LEVEL,
    seed,
    resamples: RESAMPLES,
    judges,
    models,
    categories: byCategory,
    notes: notesOf(scores, judges, models, categories),
  };
}

function meansOf(rows: readonly TurnScore[], seed: number): MtBenchMeans {
  const scored = rows.filter((row): row is TurnScore & { score: number } => row.score !== null);
  const values = scored.map(({ score }) => score);
  const turn = (number: number) =>
    meanOf(scored.filter((row) => row.turn === number).map(({ score }) => score));
  const interval =
    values.length === 0
      ? null
      : bootstrapMean(values, {
          seed,
          resamples: RESAMPLES,
          level: LEVEL,
          clusters: scored.map(({ question }) => question),
        });
  return {
    n: values.length,
    questions: new Set(scored.map(({ question }) => question)).size,
    turn1: turn(1),
    turn2: turn(2),
    mean: interval?.value ?? null,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    dropped: rows.length - values.length,
  };
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const own = groups.get(keyOf(item));
    if (own === undefined) groups.set(keyOf(item), [item]);
    else own.push(item);
  }
  return groups;
}

/** FastChat's prompts ask for a rating from 1 to 10. */
const SCALE = { least: 1, most: 10 };

function notesOf(
  scores: readonly TurnScore[],
  judges: readonly string[],
  models: readonly MtBenchRow[],
  categories: ReadonlyMap<string, string> | undefined,
): readonly string[] {
  const notes: string[] = [];
  const total = (key: 'dropped' | 'duplicates') => models.reduce((sum, row) => sum + row[key], 0);
  if (judges.length > 1) notes.push(`The scores of ${judges.length} judges are pooled: ${judges.join(', ')}`);
  if (total('dropped') > 0) notes.push(`${total('dropped')} rows without a score are left out`);
  if (total('duplicates') > 0)
    notes.push(
      `${total('duplicates')} rows repeat an earlier one of the same model, question, turn and judge; all count, as in FastChat`,
    );
  const outside = scores.filter(
    ({ score }) => score !== null && (score < SCALE.least || score > SCALE.most),
  ).length;
  if (outside > 0) notes.push(`${outside} scores lie outside 1 to 10; they count`);
  const later = scores.filter(({ turn, score }) => turn > 2 && score !== null).length;
  if (later > 0) notes.push(`${later} scores are of a third or later turn; they count in the mean alone`);
  const unknown = new Set(
    categories === undefined
      ? []
      : scores.filter(({ question }) => !categories.has(question)).map(({ question }) => question),
  );
  if (unknown.size > 0)
    notes.push(`${unknown.size} questions are not in the question file: they have no category`);
  return notes;
}
