import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../base/hash.ts';
import { writeJson } from '../base/json.ts';
import { peakResident } from '../base/machine.ts';
import { openCheckpoint } from '../model/checkpoint.ts';
import { generate } from '../policy/generate.ts';
import type { Trained } from '../policy/policy.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import type { UnitSpec } from '../run/unit.ts';
import type { UnitRunner } from '../run/worker.ts';
import type { Precision } from '../tensor/integer-products.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { adamWStep, clipFactor, gradientNorm, newAdamW } from '../train/adamw.ts';
import { totalSteps } from '../train/optimise.ts';
import { type PairScore, scorePairs, trainPreference } from '../train/preference.ts';
import { needFinite } from './finite.ts';
import { type InputFile, readPrompts, readTokens } from './inputs.ts';
import type { Lanes } from './resources.ts';
import type { GenerationInputs, Hyper, UnitBase } from './units.ts';
import { ENGINE } from './version.ts';
import { workerPolicy } from './worker-policy.ts';

/** What a worker found when it tried the model on a few of the pairs and prompts. Seconds, by the clock. */
export interface Probe {
  /** From the start of the process to the first pass of scoring, of training, of answering. */
  readonly startScore: number;
  readonly startTrain: number;
  readonly startAnswer: number;
  /** The sample's pairs, scored once; and trained on once, without the optimiser. */
  readonly score: number;
  readonly train: number;
  /** The same scored in the precision of the scoring runs, and what it takes to begin with it in a training. */
  readonly rounded: number;
  readonly startRounded: number;
  /** The optimiser's part of a step. */
  readonly step: number;
  /** A batch of prompts, and each further round of new tokens. */
  readonly prompts: number;
  readonly round: number;
}

export interface ProbeResult {
  readonly seconds: Probe;
  /** Prompts in the batch. */
  readonly prompts: number;
  /** Rounds until the batch's last answer ended, or until the probe had enough. */
  readonly rounds: number;
  readonly ended: boolean;
  /** The worker's life, seconds. */
  readonly aliveSeconds: number;
  /** Most memory that the worker ever had, bytes. */
  readonly peakBytes: number;
}

/** Work of the probe's passes: enough to be steady, little beside a run. FLOP. */
const PROBE_WORK = 2e11;
const MOST_TOKENS = 4000;
const MOST_PROMPTS = 32;
const MOST_ROUNDS = 40;
/** Below, the clock is not to be trusted. Seconds. */
const LEAST_SECONDS = 0.1;
const MOST_REPEATS = 5;

/** How many pairs of this mean length the probe takes: at least one. */
export function probePairs(parameters: number, meanTokens: number): number {
  const tokens = Math.min(MOST_TOKENS, PROBE_WORK / (8 * parameters));
  return Math.max(1, Math.floor(tokens / meanTokens));
}

/** How many new tokens the probe makes for each of its prompts. */
export function probeRounds(parameters: number, maxNewTokens: number): number {
  const rounds = Math.min(MOST_ROUNDS, Math.max(8, Math.floor(PROBE_WORK / (2 * parameters * MOST_PROMPTS))));
  return Math.min(maxNewTokens, rounds);
}

/** Items that stand for all: the middles of equal parts of the order by length. */
export function representatives<T>(items: readonly T[], lengthOf: (item: T) => number, count: number): T[] {
  const sorted = [...items].sort((a, b) => lengthOf(a) - lengthOf(b));
  const n = Math.min(count, sorted.length);
  return Array.from({ length: n }, (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / n)] as T);
}

/** Tokens that a pair takes in a row that shares its prompt. */
export function pairTokens({ prompt, chosen, rejected }: TokenizedPair): number {
  return prompt.length + chosen.length + rejected.length;
}

export interface ProbeInputs {
  readonly sample: InputFile;
  readonly prompts: InputFile;
  readonly hyper: Hyper;
  readonly generation: GenerationInputs;
  readonly precision: Precision;
  /** Rounds of new tokens at most. */
  readonly rounds: number;
  readonly lanes: Lanes;
  /** Tells workers apart that measure side by side. */
  readonly lane: number;
}

/** Measures this machine on this model, pairs and prompts. */
export function probeUnit(base: UnitBase, inputs: ProbeInputs): UnitSpec {
  const { sample, prompts, hyper, generation, precision, rounds, lanes, lane } = inputs;
  const machine = `${cpus()[0]?.model ?? 'unknown'} × ${cpus().length}`;
  return {
    kind: 'probe',
    inputs: {
      engine: ENGINE,
      model: base.modelHash,
      sample: sample.hash,
      prompts: prompts.hash,
      training: hyper as unknown as Json,
      precision,
      generation: { ...generation, stopIds: [...generation.stopIds], maxNewTokens: rounds },
      machine,
      workers: lanes.workers,
      threads: lanes.threads,
      lane,
    },
    places: { model: base.modelDir, sample: sample.path, prompts: prompts.path },
  };
}

export function readProbe(result: UnitResult): ProbeResult {
  return JSON.parse(readFileSync(resultFile(result, 'probe.json'), 'utf8')) as ProbeResult;
}

/** Scores, trains and answers, each once to warm up and then by the clock. */
export const probe: UnitRunner = async (inputs, context) => {
  const hyper = inputs.training as unknown as Hyper;
  const generation = inputs.generation as unknown as GenerationInputs;
  const place = (name: string) => context.places[name] as string;
  const pairs = [...readTokens(place('sample')).values()];
  const prompts = readPrompts(place('prompts')).map(({ tokens }) => Int32Array.from(tokens));
  const precision = inputs.precision as Precision;
  const checkpoint = openCheckpoint(place('model'));
  const policy = workerPolicy(context, checkpoint, probedPolicy(hyper));
  const opened = process.uptime();
  const inPrecision = async (scoring: Precision) => {
    const other = workerPolicy(context, checkpoint, { method: 'none' }, scoring);
    const first = await seconds(() => scorePairs(other, pairs));
    const rounded = await steady(() => scorePairs(other, pairs));
    await other.dispose();
    return { rounded, startRounded: Math.max(0, first - rounded) };
  };
  const adam = { beta1: hyper.adamBeta1, beta2: hyper.adamBeta2, epsilon: hyper.adamEpsilon };
  const optimisation = { ...hyper, ...adam, learningRate: 0, epochs: 1 };

  let reference: PairScore[] = [];
  const first = await seconds(async () => {
    reference = await scorePairs(policy, pairs);
  });
  for (const [i, score] of reference.entries())
    needFinite(score, pairs[i] as TokenizedPair, { model: place('model'), start: true });
  const training = { pairs, reference, beta: hyper.beta, shuffleSeed: 0, optimisation };
  const train = () => trainPreference(policy, training);
  const firstTrain = await seconds(train);
  const state = newAdamW(policy.parameters);
  const step = await steady(async () => {
    const norm = gradientNorm(policy.parameters);
    adamWStep(policy.parameters, state, 0, clipFactor(norm, 1), optimisation);
  });
  const trained = await steady(train);
  const score = await steady(() => scorePairs(policy, pairs));
  const { rounded, startRounded } =
    precision === 'f32' ? { rounded: score, startRounded: 0 } : await inPrecision(precision);
  const answer = (maxNewTokens: number) => generate(policy, prompts, { ...generation, maxNewTokens });
  const firstAnswer = await seconds(() => answer(1));
  // Warmed up; a batch of long prompts takes long enough to be steady.
  const one = await seconds(() => answer(1));
  const begun = performance.now();
  const answers = await answer(generation.maxNewTokens);
  const all = (performance.now() - begun) / 1000;
  const rounds = Math.max(0, ...answers.map(({ tokens, ended }) => tokens.length + (ended ? 1 : 0)));
  await policy.dispose();
  const found: ProbeResult = {
    seconds: {
      startScore: opened + Math.max(0, first - score),
      startTrain: opened + Math.max(0, firstTrain - trained),
      startAnswer: opened + Math.max(0, firstAnswer - one),
      score,
      train: Math.max(0, trained - step * totalSteps(pairs.length, optimisation)),
      rounded,
      startRounded,
      step,
      prompts: one,
      round: Math.max(0, all - one) / Math.max(1, rounds - 1),
    },
    prompts: prompts.length,
    rounds,
    ended: answers.every(({ ended }) => ended),
    aliveSeconds: process.uptime(),
    peakBytes: peakResident(),
  };
  writeJson(join(context.attemptDir, 'probe.json'), found);
  return { files: ['probe.json'], rows: {} };
};

/** A policy as fast as any that is trained so. */
export function probedPolicy({ method, rank, alpha, targets }: Hyper): Trained {
  return method === 'full' ? { method } : { method, rank, alpha, targets, seed: 0 };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

/** The mean of as many repeats as the clock needs. */
async function steady(work: () => Promise<unknown>): Promise<number> {
  let [sum, count] = [0, 0];
  while (count === 0 || (sum < LEAST_SECONDS && count < MOST_REPEATS)) {
    sum += await seconds(work);
    count++;
  }
  return sum / count;
}
