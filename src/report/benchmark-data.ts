import type { AlpacaEvalModel } from '../evaluate/alpaca-eval/alpaca-eval.ts';
import type { ArenaRow } from '../evaluate/arena-hard/arena-hard.ts';
import type { DuelResults, GradeResults } from '../evaluate/benchmark/results.ts';
import type { MtBenchRow } from '../evaluate/mt-bench/mt-bench.ts';
import type { Spending } from '../judge/chat.ts';

/** What `evaluation.json` of a benchmark holds; its page and its table are drawn from this alone. */
export interface BenchmarkData {
  readonly version: string;
  readonly command: string;
  readonly seed: number;
  readonly benchmark: { readonly name: string; readonly file: string; readonly questions: number };
  readonly licence: string | null;
  readonly judge: {
    readonly name: string;
    /** null for a judge that is no language model. */
    readonly model: string | null;
    readonly repeats: number;
    /** null for a judge that is asked nothing. */
    readonly template: string | null;
    /** Whether the benchmark's published values rest on this judge; null where nothing is published. */
    readonly official: boolean | null;
  };
  /** Whose answers every model's were compared with; null for grades. */
  readonly opponent: string | null;
  /** null for a judge that costs nothing. */
  readonly spending: Spending | null;
  readonly judgingSeconds: number;
  readonly duels: DuelResults | null;
  readonly grades: GradeResults | null;
  /** By the benchmark's own formulas, from the files of judgments beside this one; null for one's own prompts. */
  readonly published?: PublishedForm | null;
  /** Why judging ended before all was judged; the values are then of the questions that every model was judged on. */
  readonly stopped: string | null;
  /** How many these are. */
  readonly judgedQuestions: number;
  readonly notes: readonly string[];
}

/** As the verbs of the benchmarks give them: points or ratings. */
export type PublishedForm =
  | { readonly benchmark: 'alpaca-eval'; readonly models: readonly AlpacaEvalModel[] }
  | {
      readonly benchmark: 'arena-hard';
      readonly models: readonly ArenaRow[];
      readonly notes: readonly string[];
    }
  | {
      readonly benchmark: 'mt-bench';
      readonly models: readonly MtBenchRow[];
      readonly notes: readonly string[];
    };
