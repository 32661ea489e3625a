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
import { describeWorld, type WorldDescription } from './describe.ts';
import { makePrompts } from './prompts.ts';
import { makePairs } from './world.ts';

export interface PilotOptions {
  readonly modelDir: string;
  readonly seed: number;
  readonly pairs: number;
  readonly evaluationPrompts: number;
  readonly tuningPrompts: number;
  /** How often style and correctness disagree: 0 never by design, 1 as in the first study's main world. */
  readonly conflict: number;
  readonly workers: number;
}

/** Files of the built-in pilot, in the forms that users bring their own data in. */
export interface Pilot {
  readonly pairsFile: string;
  readonly promptsFile: string;
  /** Prompts to choose the learning rate on; none of them is in another file. */
  readonly tuningFile: string;
  readonly world: WorldDescription;
}

/** More prompts than pairs: a prompt whose answers are all equally good makes no pair. */
const SPARE = 1.25;
/** Longest answer with both marks, and room to ramble. */
const ANSWER_TOKENS = 12;

/**
 * Makes the pilot's pairs and evaluation prompts: for each prompt answers of mixed quality, one of them the base
 * model's own (sampled at temperature 1), the best by the gold judge chosen over a worse one.
 */
export async function makePilot(context: StageContext, options: PilotOptions): Promise<Pilot> {
  const { modelDir, seed, pairs: count, conflict } = options;
  const folder = join(context.runDir, 'pilot');
  mkdirSync(folder, { recursive: true });
  const tokenizer = loadTokenizer(modelDir);
  const { prompts } = makePrompts({
    seed,
    count: Math.ceil(count * SPARE),
    label: 'pilot pairs',
    part: 'training',
  });
  const file = writePrompts(
    context.runDir,
    prompts.map(({ prompt }, i) => ({
      id: `pilot-${i}`,
      text: prompt,
      tokens: tokenizer.encode(prompt, { special: true }),
    })),
  );
  const base = { modelDir, modelHash: openCheckpoint(modelDir).hash, tokens: file };
  const unit = answersUnit(base, null, file, {
    maxNewTokens: ANSWER_TOKENS,
    temperature: 1,
    topP: 1,
    seed: deriveSeed(seed, 'base answers'),
    stopIds: [tokenizer.eosId],
    tokenizerHash: tokenizer.hash,
  });
  const talk = context.onStage('Answers of the base model', 1);
  const [result] = await runUnits(context.runDir, [unit], {
    workers: options.workers,
    threadsPerWorker: 1,
    command: context.command,
    onEvent: (event) => talk.event(event),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  talk.end();
  if (result === undefined) throw new Error('no answers of the base model');
  const baseAnswers = [...parseLines<Answer>(resultFile(result, 'answers.jsonl'))];
  const pairs = makePairs({ world: { seed, conflict }, prompts, count, baseAnswers });
  const promptFile = (name: string, count: number, part: 'tuning' | 'evaluation') => {
    const made = makePrompts({ seed, count, label: `pilot ${part}`, part });
    const path = join(folder, name);
    writeJsonLines(
      path,
      made.prompts.map(({ prompt, family, level }) => ({ prompt, family, level })),
    );
    return path;
  };
  const pairsFile = join(folder, 'pairs.jsonl');
  writeJsonLines(pairsFile, pairs);
  const promptsFile = promptFile('prompts.jsonl', options.evaluationPrompts, 'evaluation');
  const tuningFile = promptFile('tuning-prompts.jsonl', options.tuningPrompts, 'tuning');
  return { pairsFile, promptsFile, tuningFile, world: describeWorld(pairs) };
}
