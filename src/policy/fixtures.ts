import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../base/random.ts';
import {
  type Checkpoint,
  initCheckpoint,
  type LlamaShape,
  llamaConfig,
  openCheckpoint,
  writeCheckpoint,
} from '../model/checkpoint.ts';
import type { SharedPromptRow } from '../text/rows.ts';
import type { TokenizedPair } from '../text/tokenized.ts';

/** For tests: a tiny decoder with grouped queries, untied head and lively weights. */
export const TINY: LlamaShape = {
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  vocabSize: 23,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  tieWordEmbeddings: false,
  bosTokenId: 1,
  eosTokenIds: [2],
};

/** For tests: writes a random checkpoint and opens it; its folder goes with `dispose`. */
export function tinyCheckpoint(
  change: Partial<LlamaShape> = {},
  dtype: 'F32' | 'BF16' | 'F16' = 'F32',
): { checkpoint: Checkpoint; dispose: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'winnow-tiny-'));
  const config = llamaConfig({ ...TINY, ...change });
  const weights = initCheckpoint(config, 3);
  // The usual start is so small that everything is nearly uniform; tests want differences.
  for (const [name, { data }] of weights)
    if (!name.includes('norm')) for (let i = 0; i < data.length; i++) data[i] = 12 * (data[i] as number);
  writeCheckpoint(dir, config, weights, { dtype });
  return { checkpoint: openCheckpoint(dir), dispose: () => rmSync(dir, { recursive: true, force: true }) };
}

/** For tests: rows of random tokens with two completions of different lengths. */
export function randomRows(count: number, seed = 1, vocabSize = TINY.vocabSize): SharedPromptRow[] {
  const random = new Random(seed, 'rows');
  const tokens = (length: number) => Int32Array.from({ length }, () => random.integer(vocabSize));
  return Array.from({ length: count }, () => ({
    prompt: tokens(1 + random.integer(6)),
    completions: [tokens(1 + random.integer(7)), tokens(1 + random.integer(7))],
  }));
}

/** For tests: the same rows as pairs, `pair-0`, `pair-1`, … */
export function randomPairs(count: number, seed = 1): TokenizedPair[] {
  return randomRows(count, seed).map(({ prompt, completions }, row) => ({
    id: `pair-${row}`,
    row,
    prompt,
    chosen: completions[0] as Int32Array,
    rejected: completions[1] as Int32Array,
    promptTokensCut: 0,
  }));
}
