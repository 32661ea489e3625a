import { Random } from '../base/random.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { Trained } from '../policy/policy.ts';
import { Programs } from '../policy/programs.ts';
import type { SharedPromptRow } from '../text/rows.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { passFlop, passShape, passWork } from '../train/cost.ts';
import { microBatches } from '../train/micro-batches.ts';

/** Work of a run's units before they run, in the unit of `passWork`: the very passes that they will make. */
export class WorkModel {
  readonly #checkpoint: Pick<Checkpoint, 'config' | 'weights'>;
  readonly #trained: Trained;
  readonly #activationBytes: number;
  /** Graphs alone; nothing is compiled. */
  readonly #programs: Programs;

  constructor(checkpoint: Pick<Checkpoint, 'config' | 'weights'>, trained: Trained, activationBytes: number) {
    this.#checkpoint = checkpoint;
    this.#trained = trained;
    this.#activationBytes = activationBytes;
    const lora = trained.method === 'lora' ? trained : null;
    this.#programs = new Programs({ config: checkpoint.config, files: checkpoint.weights, lora, threads: 1 });
  }

  scoring(pairs: readonly TokenizedPair[]): number {
    return this.#passes(pairs.map(sharedRow), false);
  }

  /** One pass over each of texts of these lengths, nothing predicted. */
  texts(lengths: readonly number[]): number {
    return this.#passes(textRows(lengths), false);
  }

  /** One epoch in batches of a shuffled order: which order it is hardly matters. */
  epoch(pairs: readonly TokenizedPair[], batchSize: number): number {
    const rows = new Random(0, 'work').shuffle(pairs.map(sharedRow));
    let work = 0;
    for (let from = 0; from < rows.length; from += batchSize)
      work += this.#passes(rows.slice(from, from + batchSize), true);
    return work;
  }

  /** So many rounds of new tokens for prompts of this length, one token a prompt and round. */
  rounds(prompts: number, promptTokens: number, count: number): number {
    const { config } = this.#checkpoint;
    const trained = { method: 'none' } as const;
    const shape = { rows: prompts, tokens: 1, scores: promptTokens + count / 2, predictions: prompts };
    return count * passWork(config, passFlop(config, shape, { trained, gradient: false }));
  }

  #passes(rows: readonly SharedPromptRow[], gradient: boolean): number {
    const { config } = this.#checkpoint;
    const programs = this.#programs;
    return microBatches({ config, programs }, rows, gradient).reduce((sum, pass) => {
      const shape = passShape(
        config,
        pass.map((i) => rows[i] as SharedPromptRow),
      );
      const saved = config.layers * programs.savedBytes({ B: shape.rows, T: shape.tokens });
      const again = saved > this.#activationBytes;
      return sum + passWork(config, passFlop(config, shape, { trained: this.#trained, gradient, again }));
    }, 0);
  }
}

/** Rows of texts of these lengths, for what counts on lengths alone. */
export function textRows(lengths: readonly number[]): SharedPromptRow[] {
  const longest = new Int32Array(lengths.reduce((most, length) => Math.max(most, length), 0));
  return lengths.map((length) => ({ prompt: longest.subarray(0, length), completions: [] }));
}

export function sharedRow({ prompt, chosen, rejected }: TokenizedPair): SharedPromptRow {
  return { prompt, completions: [chosen, rejected] };
}
