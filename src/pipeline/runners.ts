import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonLines } from '../base/json.ts';
import { deriveSeed } from '../base/random.ts';
import type { ScoreRow } from '../difficulty/scores.ts';
import type { Answer } from '../evaluate/answers.ts';
import { readAdapter, writeAdapter } from '../model/adapter.ts';
import { openCheckpoint, type Weight, writeCheckpoint } from '../model/checkpoint.ts';
import { hubName } from '../model/hub.ts';
import { adapterOf, loraOf, setAdapter } from '../policy/adapter.ts';
import { generate } from '../policy/generate.ts';
import type { Policy, Trained } from '../policy/policy.ts';
import { breathe, stoppedError, type UnitContext, type UnitRunner } from '../run/worker.ts';
import type { Precision } from '../tensor/integer-products.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { weighsTokens } from '../train/losses.ts';
import type { Optimisation, TrainingState } from '../train/optimise.ts';
import { type PairScore, scorePairs, trainPreference } from '../train/preference.ts';
import { dpoLoss, implicitMargin } from '../train/preference-loss.ts';
import { type Checkpointing, checkpointing } from './checkpointing.ts';
import { needFinite } from './finite.ts';
import {
  type EvaluationPrompt,
  type LogProbRow,
  logProbLine,
  readIds,
  readPrompts,
  readReference,
  readTokens,
  readWeights,
} from './inputs.ts';
import { probe } from './probe.ts';
import { rewards } from './rewards.ts';
import { needModelUnchanged, needSameAdapter, needSameModel, needSameTokenizer } from './same-model.ts';
import type { GenerationInputs, Hyper } from './units.ts';
import { workerPolicy } from './worker-policy.ts';

type Inputs = Parameters<UnitRunner>[0];

/** What each kind of unit does, in the child process. */
export const RUNNERS: Readonly<Record<string, UnitRunner>> = {
  reference: async (inputs, context) => {
    const pairs = [...readTokens(place(context, 'tokens')).values()];
    const byToken = inputs.byToken === true;
    const use = (policy: Policy) => logProbs(policy, pairs, context, byToken);
    return withPolicy(context, place(context, 'model'), { method: 'none' }, use, scoringIn(inputs));
  },
  'held-out': async (_, context) => {
    const ids = readIds(place(context, 'rows'));
    const pairs = pick(readTokens(place(context, 'tokens'), ids), ids);
    return withTrained(context, (policy) => logProbs(policy, pairs, context));
  },
  scoring: scoringRun,
  training: armTraining,
  answers: answerPrompts,
  rewards,
  trial,
  probe,
};

async function logProbs(
  policy: Policy,
  pairs: readonly TokenizedPair[],
  context: UnitContext,
  byToken = false,
) {
  const onProgress = async (done: number) => {
    context.report({ done, total: pairs.length, what: 'pairs' });
    await breathe();
    if (context.shouldStop()) throw stoppedError();
  };
  const scores = await scorePairs(policy, pairs, onProgress, { byToken });
  scores.forEach((score, i) => {
    needFinite(score, pairs[i] as TokenizedPair, {
      model: place(context, 'model'),
      start: context.spec.kind === 'reference',
    });
  });
  const rows = writeJsonLines(
    join(context.attemptDir, 'log-probs.jsonl'),
    scores.map((score, i) => {
      const { id, row } = pairs[i] as TokenizedPair;
      return logProbLine({ id, row, ...score });
    }),
  );
  return { files: ['log-probs.jsonl'], rows: { 'log-probs.jsonl': rows } };
}

/** Trains on the pairs outside a part, and scores those inside at the checkpoints. */
async function scoringRun(inputs: Inputs, context: UnitContext) {
  const hyper = inputs.training as unknown as Hyper;
  const [seed, part, checkpoints] = [
    inputs.seed as number,
    inputs.part as number,
    inputs.checkpoints as number,
  ];
  const trainIds = readIds(place(context, 'trainOn'));
  const scoreIds = readIds(place(context, 'score'));
  const tokens = readTokens(place(context, 'tokens'), [...trainIds, ...scoreIds]);
  const trainOn = pick(tokens, trainIds);
  const heldOut = pick(tokens, scoreIds);
  const reference = referenceFor(context, hyper, trainIds);
  const before = readReference(place(context, 'scoringReference'), scoreIds);
  const scores: ScoreRow[] = [];
  const score = async (policy: Policy, step: number, checkpoint: number) => {
    const rows = await scorePairs(policy, heldOut, async () => breathe());
    rows.forEach((after, i) => {
      const pair = heldOut[i] as TokenizedPair;
      const { id, row } = pair;
      needFinite(after, pair, { model: place(context, 'model'), start: false, step });
      scores.push(
        scoreRow(after, before.get(id) as LogProbRow, hyper.beta, {
          id,
          row,
          part,
          seed,
          checkpoint,
          step,
        }),
      );
    });
  };
  const trained = trainedOf(hyper, deriveSeed(seed, 'scoring', part));
  const run = async (policy: Policy) => {
    const steps = await trainHere(context, policy, {
      pairs: trainOn,
      reference,
      hyper,
      shuffleSeed: deriveSeed(seed, 'scoring order', part),
      lossSeed: deriveSeed(seed, 'scoring loss', part),
      keepBeside: { file: 'scores.jsonl', rows: scores },
      async afterStep(step, total) {
        const checkpoint = checkpointAt(step, total, checkpoints);
        if (checkpoint !== null) await score(policy, step, checkpoint);
      },
    });
    writeJsonLines(join(context.attemptDir, 'scores.jsonl'), scores);
    writeJsonLines(join(context.attemptDir, 'steps.jsonl'), steps.records);
    // What it should have written, not what it did: rows of a checkpoint are among them.
    const rows = heldOut.length * Math.min(checkpoints, steps.records.length);
    return { files: ['scores.jsonl', 'steps.jsonl'], rows: { 'scores.jsonl': rows } };
  };
  return withPolicy(context, place(context, 'model'), trained, run, scoringIn(inputs));
}

/** The precision that a unit scores in; training is float32's. */
function scoringIn(inputs: Inputs): Precision {
  return (inputs.precision ?? 'f32') as Precision;
}

/** Checkpoint j of c is taken after ⌈total·j / c⌉ steps; null where none falls on this step. */
export function checkpointAt(step: number, total: number, checkpoints: number): number | null {
  const count = Math.min(checkpoints, total);
  for (let j = 1; j <= count; j++) if (Math.ceil((total * j) / count) === step) return j;
  return null;
}

export function scoreRow(
  after: PairScore,
  before: PairScore,
  beta: number,
  labels: Pick<ScoreRow, 'id' | 'row' | 'part' | 'seed' | 'checkpoint' | 'step'>,
): ScoreRow {
  const pair = {
    chosen: after.chosen,
    rejected: after.rejected,
    refChosen: before.chosen,
    refRejected: before.rejected,
  };
  return {
    ...labels,
    chosenLogProb: after.chosen,
    rejectedLogProb: after.rejected,
    refChosenLogProb: before.chosen,
    refRejectedLogProb: before.rejected,
    loss: dpoLoss(implicitMargin(pair, beta)),
    evenTokenMargin: after.chosenEven - before.chosenEven - (after.rejectedEven - before.rejectedEven),
  };
}

/** Trains an arm and writes what was trained, and the order in which the pairs were really taken. */
async function armTraining(inputs: Inputs, context: UnitContext) {
  const hyper = inputs.training as unknown as Hyper;
  const seed = inputs.seed as number;
  const shuffleSeed = inputs.shuffleSeed as number | null;
  const ids = readIds(place(context, 'order'));
  const pairs = pick(readTokens(place(context, 'tokens'), ids), ids);
  const trained = trainedOf(hyper, deriveSeed(seed, 'training'));
  return withPolicy(context, place(context, 'model'), trained, async (policy) => {
    const steps = await trainHere(context, policy, {
      pairs,
      reference: referenceFor(context, hyper, ids),
      hyper,
      shuffleSeed,
      ...(context.places.weights && { weights: readWeights(context.places.weights) }),
      lossSeed: deriveSeed(seed, 'training loss'),
    });
    writeJsonLines(join(context.attemptDir, 'steps.jsonl'), steps.records);
    // What the loop recorded, not what was asked for: the two are compared in a test.
    const consumed = steps.records.flatMap(({ rows }) => rows);
    writeJsonLines(
      join(context.attemptDir, 'order.jsonl'),
      consumed.map((i) => (pairs[i] as TokenizedPair).id),
    );
    const folder = writeTrained(context, policy);
    const files = readdirSync(join(context.attemptDir, folder)).map((name) => `${folder}/${name}`);
    return { files: ['steps.jsonl', 'order.jsonl', ...files], rows: { 'steps.jsonl': steps.records.length } };
  });
}

async function answerPrompts(inputs: Inputs, context: UnitContext) {
  const generation = inputs.generation as unknown as GenerationInputs;
  const prompts = readPrompts(place(context, 'tokens'));
  return withTrained(context, (policy) => answersOf(policy, prompts, generation, context));
}

/** Generates and writes `answers.jsonl`. */
async function answersOf(
  policy: Policy,
  prompts: readonly EvaluationPrompt[],
  generation: GenerationInputs,
  context: UnitContext,
) {
  const tokenizer = loadTokenizer(place(context, 'tokenizer'));
  needSameTokenizer(generation.tokenizerHash, tokenizer);
  const step = 32;
  const answers: Answer[] = [];
  for (let from = 0; from < prompts.length; from += step) {
    // The whole list is ordered by length inside `generate`; cut here only so that it can be stopped between.
    const some = prompts.slice(from, from + step);
    const generations = await generate(
      policy,
      some.map(({ tokens }) => Int32Array.from(tokens)),
      {
        ...generation,
        seed: deriveSeed(generation.seed, 'answers', from),
      },
    );
    some.forEach(({ id, text }, i) => {
      const { tokens, ended } = generations[i] as { tokens: Int32Array; ended: boolean };
      answers.push({ id, prompt: text, text: tokenizer.decode([...tokens]), tokens: tokens.length, ended });
    });
    context.report({ done: answers.length, total: prompts.length, what: 'prompts' });
    await breathe();
    if (context.shouldStop()) throw stoppedError();
  }
  const rows = writeJsonLines(join(context.attemptDir, 'answers.jsonl'), answers);
  return { files: ['answers.jsonl'], rows: { 'answers.jsonl': rows } };
}

/** Trains an arm and at once evaluates it; what was trained is not kept. */
async function trial(inputs: Inputs, context: UnitContext) {
  const hyper = inputs.training as unknown as Hyper;
  const ids = readIds(place(context, 'order'));
  const held = readIds(place(context, 'heldOut'));
  const tokens = readTokens(place(context, 'tokens'), [...ids, ...held]);
  const seed = inputs.seed as number;
  const trained = trainedOf(hyper, deriveSeed(seed, 'training'));
  return withPolicy(context, place(context, 'model'), trained, async (policy) => {
    const { records } = await trainHere(context, policy, {
      pairs: pick(tokens, ids),
      reference: referenceFor(context, hyper, ids),
      hyper,
      shuffleSeed: inputs.shuffleSeed as number | null,
      lossSeed: deriveSeed(seed, 'training loss'),
    });
    const steps = writeJsonLines(
      join(context.attemptDir, 'losses.jsonl'),
      records.map(({ loss }) => loss),
    );
    const scored = await logProbs(policy, pick(tokens, held), context);
    const prompts = readPrompts(place(context, 'prompts'));
    const generation = inputs.generation as unknown as GenerationInputs;
    const answered = await answersOf(policy, prompts, generation, context);
    return {
      files: ['losses.jsonl', ...scored.files, ...answered.files],
      rows: { 'losses.jsonl': steps, ...scored.rows, ...answered.rows },
    };
  });
}

interface TrainingHere extends Checkpointing {
  readonly pairs: readonly TokenizedPair[];
  readonly reference: ReadonlyMap<string, LogProbRow>;
  readonly hyper: Hyper;
  readonly shuffleSeed: number | null;
  readonly weights?: readonly number[];
  /** Of what the loss draws, which a curriculum has too. */
  readonly lossSeed: number;
}

/** What a training needs of the reference: log-probabilities by token for a loss that weighs tokens. */
function referenceFor(context: UnitContext, { loss }: Hyper, ids: readonly string[]) {
  return readReference(place(context, 'reference'), ids, { byToken: weighsTokens(loss) });
}

/** DPO on these pairs, with the loss of the hyper-parameters, from the newest whole checkpoint if there is one. */
async function trainHere(context: UnitContext, policy: Policy, job: TrainingHere): Promise<TrainingState> {
  const { hyper, pairs, shuffleSeed } = job;
  const optimisation: Optimisation = {
    ...hyper,
    beta1: hyper.adamBeta1,
    beta2: hyper.adamBeta2,
    epsilon: hyper.adamEpsilon,
  };
  const reference = pairs.map(({ id }) => job.reference.get(id) as LogProbRow);
  const loss = {
    name: hyper.loss,
    alpha: hyper.lossAlpha,
    beta: hyper.lossBeta,
    anchorWeight: hyper.anchorWeight,
    seed: job.lossSeed,
  };
  const given = { pairs, reference, ...(job.weights && { weights: job.weights }) };
  const task = { ...given, beta: hyper.beta, loss, shuffleSeed, optimisation };
  return trainPreference(policy, task, checkpointing(context, policy, job));
}

/** What is trained, as the policy takes it. */
export function trainedOf(
  hyper: Pick<Hyper, 'method' | 'rank' | 'alpha' | 'targets'>,
  seed: number,
): Trained {
  return hyper.method === 'full'
    ? { method: 'full' }
    : { method: 'lora', rank: hyper.rank, alpha: hyper.alpha, targets: hyper.targets, seed };
}

/** Writes the adapter, or the whole checkpoint; gives the folder's name. */
function writeTrained(context: UnitContext, policy: Policy): 'adapter' | 'model' {
  const model = place(context, 'model');
  if (policy.trained.method !== 'lora') {
    const weights = new Map<string, Weight>(
      [...policy.parameters].map(([name, { shape, data }]) => [name, { shape, data }]),
    );
    writeCheckpoint(join(context.attemptDir, 'model'), policy.config, weights, { copyTokenizerFrom: model });
    return 'model';
  }
  writeAdapter(
    join(context.attemptDir, 'adapter'),
    adapterOf(policy.parameters, policy.trained, hubName(model)),
  );
  return 'adapter';
}

/** Opens what an arm's training wrote (or the start model), uses it, closes it. */
async function withTrained<T>(context: UnitContext, use: (policy: Policy) => Promise<T>): Promise<T> {
  const folder = context.places.trained;
  if (folder === undefined) return withPolicy(context, place(context, 'model'), { method: 'none' }, use);
  if (existsSync(join(folder, 'model')))
    return withPolicy(context, join(folder, 'model'), { method: 'none' }, use);
  const adapter = readAdapter(join(folder, 'adapter'));
  return withPolicy(context, place(context, 'model'), loraOf(adapter), async (policy) => {
    setAdapter(policy, adapter);
    return use(policy);
  });
}

/** Opens a model as a policy; the start model comes with the adapter that it was given with. */
async function withPolicy<T>(
  context: UnitContext,
  model: string,
  trained: Trained,
  use: (policy: Policy) => Promise<T>,
  precision?: Precision,
): Promise<T> {
  const folder = model === context.places.model ? context.places.adapter : undefined;
  const start = folder === undefined ? null : readAdapter(folder);
  const shape = start !== null && trained.method === 'none' ? loraOf(start) : trained;
  const checkpoint = openCheckpoint(model);
  needSameModel(context, checkpoint);
  if (start !== null) needSameAdapter(context, checkpoint);
  const policy = workerPolicy(context, checkpoint, shape, precision);
  if (start !== null) setAdapter(policy, start);
  try {
    const output = await use(policy);
    needModelUnchanged(context, checkpoint);
    return output;
  } finally {
    await policy.dispose();
  }
}

export function place(context: UnitContext, name: string): string {
  const path = context.places[name];
  if (path === undefined) throw new Error(`unit ${context.spec.kind}: no place named ${name}`);
  return path;
}

/** These pairs, in this order. */
export function pick(tokens: ReadonlyMap<string, TokenizedPair>, ids: readonly string[]): TokenizedPair[] {
  return ids.map((id) => {
    const pair = tokens.get(id);
    if (pair === undefined) throw new Error(`no tokens for pair ${id}`);
    return pair;
  });
}
