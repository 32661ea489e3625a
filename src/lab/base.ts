import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { deriveSeed } from '../base/random.ts';
import {
  type DecoderConfig,
  initCheckpoint,
  llamaConfig,
  openCheckpoint,
  type Weight,
  writeCheckpoint,
} from '../model/checkpoint.ts';
import { checkpointing } from '../pipeline/checkpointing.ts';
import { ENGINE } from '../pipeline/version.ts';
import { openPolicy } from '../policy/policy.ts';
import type { UnitSpec } from '../run/unit.ts';
import type { UnitRunner } from '../run/worker.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { type Demonstration, trainLanguage } from '../train/language.ts';
import { makeBaseText } from './prompts.ts';
import { BOS_ID, EOS_ID, LAB_TOKENS, labTokenizer } from './tokenizer.ts';

/** Sizes of base models, by layers and width: about 27, 102, 336 thousand and 1.8 million parameters. */
export const BASE_SIZES = {
  s: { layers: 2, hiddenSize: 32, intermediateSize: 88 },
  m: { layers: 2, hiddenSize: 64, intermediateSize: 172 },
  l: { layers: 3, hiddenSize: 96, intermediateSize: 256 },
  xl: { layers: 4, hiddenSize: 192, intermediateSize: 512 },
} as const;
export type BaseSize = keyof typeof BASE_SIZES;

/** The recipe of a base model: what it is trained on decides how often it errs, on purpose. */
export interface BaseRecipe {
  readonly size: BaseSize;
  readonly seed: number;
  readonly texts: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
}

/**
 * Texts, batch, rates and the six passes (3,750 steps) of the small ones are those of the first study of this world;
 * the larger ones learn from fewer passes and are imperfect all the same.
 */
export function baseRecipe(size: BaseSize, seed: number): BaseRecipe {
  const { epochs, learningRate } = {
    s: { epochs: 6, learningRate: 3e-3 },
    m: { epochs: 6, learningRate: 3e-3 },
    l: { epochs: 4, learningRate: 2e-3 },
    xl: { epochs: 3, learningRate: 1.5e-3 },
  }[size];
  return { size, seed, texts: 80_000, epochs, batchSize: 128, learningRate };
}

const HEADS = 4;

function configOf(size: BaseSize): DecoderConfig {
  const shape = BASE_SIZES[size];
  return llamaConfig({
    ...shape,
    heads: HEADS,
    kvHeads: HEADS,
    headDim: shape.hiddenSize / HEADS,
    vocabSize: LAB_TOKENS.length,
    maxPositions: 64,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    tieWordEmbeddings: true,
    bosTokenId: BOS_ID,
    eosTokenIds: [EOS_ID],
  });
}

/** A base model, trained from scratch. Output `model/…` (Hugging Face layout), `steps.jsonl`. */
export function baseUnit(recipe: BaseRecipe): UnitSpec {
  return { kind: 'lab-base', inputs: { engine: ENGINE, ...recipe } };
}

/** Writes the lab's tokenizer into a checkpoint folder. */
export function writeLabTokenizer(dir: string): void {
  for (const [name, content] of Object.entries(labTokenizer())) writeJson(join(dir, name), content);
}

/** Trains a base model on right answers with styles at random: full parameters, AdamW, cosine. */
export const trainBase: UnitRunner = async (inputs, context) => {
  const recipe = inputs as unknown as BaseRecipe;
  const config = configOf(recipe.size);
  const start = join(context.attemptDir, 'start');
  writeCheckpoint(start, config, initCheckpoint(config, deriveSeed(recipe.seed, 'lab base')));
  writeLabTokenizer(start);
  const tokenizer = loadTokenizer(start);
  const texts = makeBaseText({ seed: recipe.seed, count: recipe.texts }).map(
    ({ prompt, completion }): Demonstration => ({
      prompt: Int32Array.from(tokenizer.encode(prompt, { special: true })),
      completion: Int32Array.from([...tokenizer.encode(completion, { special: false }), EOS_ID]),
    }),
  );
  const policy = openPolicy(openCheckpoint(start), { trained: { method: 'full' }, threads: context.threads });
  const { records } = await trainLanguage(
    policy,
    texts,
    deriveSeed(recipe.seed, 'lab base order'),
    {
      learningRate: recipe.learningRate,
      schedule: 'cosine',
      warmupRatio: 0.05,
      maxGradNorm: 1,
      batchSize: recipe.batchSize,
      epochs: recipe.epochs,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
    },
    checkpointing(context, policy),
  );
  const weights = new Map<string, Weight>(
    [...policy.parameters].map(([name, { shape, data }]) => [name, { shape, data }]),
  );
  writeCheckpoint(join(context.attemptDir, 'model'), config, weights, { copyTokenizerFrom: start });
  await policy.dispose();
  writeJsonLines(join(context.attemptDir, 'steps.jsonl'), records);
  const files = readdirSync(join(context.attemptDir, 'model')).map((name) => `model/${name}`);
  return { files: ['steps.jsonl', ...files], rows: { 'steps.jsonl': records.length } };
};
