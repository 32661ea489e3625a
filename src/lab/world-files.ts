import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { deriveSeed } from '../base/random.ts';
import type { Answer } from '../evaluate/answers.ts';
import { openCheckpoint } from '../model/checkpoint.ts';
import type { StageContext } from '../pipeline/execute.ts';
import { writePrompts } from '../pipeline/inputs.ts';
import { answersUnit } from '../pipeline/units.ts';
import { resultFile } from '../run/done.ts';
import { runUnits } from '../run/pool.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import type { AnswerSource, BaseAnswer } from './candidates.ts';
import { describeWorld, type WorldDescription } from './describe.ts';
import { type LabPrompt, makePrompts } from './prompts.ts';
import { makePairs, type WorldConfig } from './world.ts';

export interface WorldFileOptions {
  readonly world: WorldConfig;
  /** The base model whose answers take part. */
  readonly modelDir: string;
  readonly pairs: number;
  readonly evaluationPrompts: number;
  readonly tuningPrompts: number;
}

/** A world as files, in the forms that users bring their own data in. */
export interface WorldFiles {
  readonly pairsFile: string;
  readonly promptsFile: string;
  /** Prompts to choose the learning rate on; none of them is in another file. */
  readonly tuningFile: string;
  readonly description: WorldDescription;
}

/** More prompts than pairs: a prompt whose answers are all equally good makes no pair. */
const SPARE: Readonly<Record<AnswerSource, number>> = { mixed: 1.25, 'near-miss': 1.05, 'on-policy': 2 };
/** Answers of the base model for each prompt. */
const BASE_ANSWERS: Readonly<Record<AnswerSource, number>> = { mixed: 1, 'near-miss': 0, 'on-policy': 2 };
/** Longest answer with both marks, and room to ramble. */
export const ANSWER_TOKENS = 12;

/**
 * Makes a world's pairs and prompts in the folder `pilot/` of the run: for each prompt answers as the world has them,
 * those of the base model sampled at temperature 1, the best by the gold judge chosen over a worse one.
 */
export async function makeWorldFiles(context: StageContext, options: WorldFileOptions): Promise<WorldFiles> {
  const { world, pairs: count } = options;
  const { seed, source = 'mixed', hardness } = world;
  const folder = join(context.runDir, 'pilot');
  mkdirSync(folder, { recursive: true });
  const drawn = { seed, ...(hardness === undefined ? {} : { hardness }) };
  const { prompts } = makePrompts({
    ...drawn,
    count: Math.ceil(count * SPARE[source]),
    label: 'pilot pairs',
    part: 'training',
  });
  const baseAnswers = await sampleBase(context, options.modelDir, prompts, seed, BASE_ANSWERS[source]);
  const pairs = makePairs({ world, prompts, count, ...(baseAnswers === null ? {} : { baseAnswers }) });
  const promptFile = (name: string, count: number, part: 'tuning' | 'evaluation') => {
    const made = makePrompts({ ...drawn, count, label: `pilot ${part}`, part });
    const path = join(folder, name);
    writeJsonLines(
      path,
      made.prompts.map(({ prompt, family, level }) => ({ prompt, family, level })),
    );
    return path;
  };
  const pairsFile = join(folder, 'pairs.jsonl');
  // Columns, so that `--within meta.family` and the like find them in the file as in a user's own.
  writeJsonLines(
    pairsFile,
    pairs.map(({ meta, ...pair }) => ({ ...pair, ...meta })),
  );
  const promptsFile = promptFile('prompts.jsonl', options.evaluationPrompts, 'evaluation');
  const tuningFile = promptFile('tuning-prompts.jsonl', options.tuningPrompts, 'tuning');
  return { pairsFile, promptsFile, tuningFile, description: describeWorld(pairs) };
}

/** So many samples of the base model for each prompt; null for none. */
async function sampleBase(
  context: StageContext,
  modelDir: string,
  prompts: readonly LabPrompt[],
  seed: number,
  samples: number,
): Promise<BaseAnswer[][] | null> {
  if (samples === 0) return null;
  const tokenizer = loadTokenizer(modelDir);
  const file = writePrompts(
    context.runDir,
    prompts.map(({ prompt }, i) => ({
      id: `pilot-${i}`,
      text: prompt,
      tokens: tokenizer.encode(prompt, { special: true }),
    })),
  );
  const base = { modelDir, modelHash: openCheckpoint(modelDir).hash, tokens: file };
  const units = Array.from({ length: samples }, (_, sample) =>
    answersUnit(base, null, file, {
      maxNewTokens: ANSWER_TOKENS,
      temperature: 1,
      topP: 1,
      seed: sample === 0 ? deriveSeed(seed, 'base answers') : deriveSeed(seed, 'base answers', sample),
      stopIds: [tokenizer.eosId],
      tokenizerHash: tokenizer.hash,
    }),
  );
  const talk = context.onStage('Answers of the base model', units.length);
  const results = await runUnits(context.runDir, units, {
    workers: 1,
    threadsPerWorker: 1,
    command: context.command,
    onEvent: (event) => talk.event(event),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  talk.end();
  const columns = results.map((result) => [...parseLines<Answer>(resultFile(result, 'answers.jsonl'))]);
  return prompts.map((_, i) => columns.map((column) => column[i] as BaseAnswer));
}
