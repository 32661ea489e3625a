import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inputError, machineError } from '../../base/errors.ts';
import { writeJson, writeJsonLines } from '../../base/json.ts';
import { parseLines } from '../../base/own-lines.ts';
import { deriveSeed } from '../../base/random.ts';
import type { ScoreRow } from '../../difficulty/scores.ts';
import { readAdapter, writeAdapter } from '../../model/adapter.ts';
import { openCheckpoint } from '../../model/checkpoint.ts';
import { hubName } from '../../model/hub.ts';
import { adapterOf } from '../../policy/adapter.ts';
import { initialParameters } from '../../policy/policy.ts';
import { checkpointDir, sealCheckpoint, stepOf } from '../../run/checkpoint.ts';
import { WORKER_EXIT } from '../../run/exit-codes.ts';
import { stoppedError, type UnitContext, type UnitRunner } from '../../run/worker.ts';
import type { TokenizedPair } from '../../text/tokenized.ts';
import { totalSteps } from '../../train/optimise.ts';
import type { PairScore } from '../../train/preference.ts';
import { needFinite } from '../finite.ts';
import { type LogProbRow, logProbLine, readIds, readReference, readTokens, readWeights } from '../inputs.ts';
import { checkpointAt, pick, place, scoreRow, trainedOf } from '../runners.ts';
import type { Hyper } from '../units.ts';
import { type Cut, cutStep, type OrderLine, takenBySteps, trainingRows } from './batches.ts';
import { ENGINE_DIR, enginePython, runPython } from './python.ts';
import { readTrlSettings, type TrlSettings } from './settings.ts';

const CHECKPOINT_SECONDS = Number(process.env.WINNOW_CHECKPOINT_SECONDS ?? 300);
/** Pairs that are scored in one pass, for each that is trained on: nothing is kept for a backward pass. */
const SCORED_FOR_TRAINED = 4;
/** Tries in one life of the worker when memory runs out. */
const OWN_HALVINGS = 1;

type ScoredPair = PairScore & { readonly id: string; readonly row: number };

/** What each kind of unit does where TRL is the engine: the same files as `RUNNERS` write. */
export const TRL_RUNNERS: Readonly<Record<string, UnitRunner>> = {
  reference: async (inputs, context) => {
    if (inputs.byToken === true) throw new Error('trl has no log-probabilities by token');
    return logProbs(context, inputs, [...readTokens(place(context, 'tokens')).values()], null);
  },
  'held-out': async (inputs, context) => {
    const ids = readIds(place(context, 'rows'));
    return logProbs(
      context,
      inputs,
      pick(readTokens(place(context, 'tokens'), ids), ids),
      place(context, 'trained'),
    );
  },
  scoring: scoringRun,
  training: armTraining,
};

async function logProbs(
  context: UnitContext,
  inputs: Parameters<UnitRunner>[0],
  pairs: readonly TokenizedPair[],
  trained: string | null,
) {
  const whole = trained !== null && existsSync(join(trained, 'model')) ? join(trained, 'model') : null;
  const adapter =
    whole !== null ? null : trained !== null ? join(trained, 'adapter') : (context.places.adapter ?? null);
  const model = whole ?? place(context, 'model');
  await work(context, {
    ...plain(inputs),
    model,
    adapter,
    train: false,
    heldOut: writeHeldOut(context, pairs),
    steps: 0,
  });
  const found = readScored(context, 'log-probs', pairs);
  pairs.forEach((pair) => {
    needFinite(found.get(pair.id) as ScoredPair, pair, { model, start: trained === null });
  });
  const lines = pairs.map(({ id, row }) => logProbLine({ ...(found.get(id) as LogProbRow), id, row }));
  const rows = writeJsonLines(join(context.attemptDir, 'log-probs.jsonl'), lines);
  return { files: ['log-probs.jsonl'], rows: { 'log-probs.jsonl': rows } };
}

async function scoringRun(inputs: Parameters<UnitRunner>[0], context: UnitContext) {
  const hyper = inputs.training as unknown as Hyper;
  const [seed, part, checkpoints] = [
    inputs.seed as number,
    inputs.part as number,
    inputs.checkpoints as number,
  ];
  const trainIds = readIds(place(context, 'trainOn'));
  const scoreIds = readIds(place(context, 'score'));
  const tokens = readTokens(place(context, 'tokens'), [...trainIds, ...scoreIds]);
  const heldOut = pick(tokens, scoreIds);
  const total = totalSteps(trainIds.length, hyper);
  const scoreAt = Array.from({ length: total }, (_, i) => i + 1).filter(
    (step) => checkpointAt(step, total, checkpoints) !== null,
  );
  await train(context, inputs, {
    pairs: pick(tokens, trainIds),
    shuffleSeed: deriveSeed(seed, 'scoring order', part),
    initSeed: deriveSeed(seed, 'scoring', part),
    heldOut,
    scoreAt,
    keep: false,
  });
  const before = readReference(place(context, 'scoringReference'), scoreIds);
  const scores = scoreAt.flatMap((step): ScoreRow[] => {
    const found = readScored(context, `scores-${step}`, heldOut);
    const checkpoint = checkpointAt(step, total, checkpoints) as number;
    return heldOut.map((pair) => {
      const { id, row } = pair;
      const after = found.get(id) as ScoredPair;
      needFinite(after, pair, { model: place(context, 'model'), start: false, step });
      return scoreRow(after, before.get(id) as LogProbRow, hyper.beta, {
        id,
        row,
        part,
        seed,
        checkpoint,
        step,
      });
    });
  });
  const rows = writeJsonLines(join(context.attemptDir, 'scores.jsonl'), scores);
  return { files: ['scores.jsonl', 'steps.jsonl'], rows: { 'scores.jsonl': rows } };
}

async function armTraining(inputs: Parameters<UnitRunner>[0], context: UnitContext) {
  const seed = inputs.seed as number;
  const ids = readIds(place(context, 'order'));
  const pairs = pick(readTokens(place(context, 'tokens'), ids), ids);
  const consumed = await train(context, inputs, {
    pairs,
    shuffleSeed: inputs.shuffleSeed as number | null,
    initSeed: deriveSeed(seed, 'training'),
    ...(context.places.weights && { weights: readWeights(context.places.weights) }),
    heldOut: [],
    scoreAt: [],
    keep: true,
  });
  writeJsonLines(
    join(context.attemptDir, 'order.jsonl'),
    consumed.map((i) => (pairs[i] as TokenizedPair).id),
  );
  const folder = (inputs.training as unknown as Hyper).method === 'full' ? 'model' : 'adapter';
  const files = readdirSync(join(context.attemptDir, folder)).map((name) => `${folder}/${name}`);
  return { files: ['steps.jsonl', 'order.jsonl', ...files], rows: {} };
}

interface Training {
  readonly pairs: readonly TokenizedPair[];
  readonly shuffleSeed: number | null;
  readonly initSeed: number;
  readonly weights?: readonly number[];
  readonly heldOut: readonly TokenizedPair[];
  readonly scoreAt: readonly number[];
  readonly keep: boolean;
}

/** Trains; writes `steps.jsonl`, and with `keep` what was trained. Gives the places of the pairs as they were taken. */
async function train(
  context: UnitContext,
  inputs: Parameters<UnitRunner>[0],
  { pairs, shuffleSeed, initSeed, weights, heldOut, scoreAt, keep }: Training,
): Promise<number[]> {
  const hyper = inputs.training as unknown as Hyper;
  const model = place(context, 'model');
  const reference = readReference(
    place(context, 'reference'),
    pairs.map(({ id }) => id),
  );
  const job = { pairs, reference, shuffleSeed, hyper, ...(weights && { weights }) };
  const trained = trainedOf(hyper, initSeed);
  const start = context.places.adapter === undefined ? null : readAdapter(context.places.adapter);
  const adapter = trained.method === 'lora' ? join(workDir(context), 'start') : null;
  if (trained.method === 'lora') {
    mkdirSync(workDir(context), { recursive: true });
    writeAdapter(
      adapter as string,
      start ?? adapterOf(initialParameters(openCheckpoint(model), trained), trained, hubName(model)),
    );
  }
  const steps = totalSteps(pairs.length, hyper);
  const folder = trained.method === 'lora' ? 'adapter' : 'model';
  const cut = await work(context, {
    ...plain(inputs),
    ...hyperOf(hyper, steps),
    model,
    adapter,
    train: true,
    heldOut: heldOut.length === 0 ? null : writeHeldOut(context, heldOut),
    steps,
    scoreAt,
    keep: keep ? join(context.attemptDir, folder) : null,
    rowsFor: ({ perStep }) => trainingRows(job, { perStep }),
  });
  const ranks = rankFiles(context, 'order').map((file) => [...parseLines<OrderLine>(file)]);
  const taken = takenBySteps(ranks);
  // What the loop recorded, not what was asked for: the two must agree.
  const consumed: number[] = [];
  const asked = [...trainingRows(job, cut)];
  const placeOf = new Map(pairs.map((pair, i) => [key(pair), i]));
  const records = Array.from({ length: steps }, (_, step) => {
    const rows = taken.get(step + 1) ?? [];
    const need = Array.from({ length: cut.perStep }, (_, k) => step * cut.perStep + k);
    if (rows.join() !== need.join())
      throw machineError('order-differs', 'the training did not take the pairs in the order asked for', {
        got: `step ${step + 1}: rows ${rows.slice(0, 8).join()}`,
        need: `rows ${need.slice(0, 8).join()}`,
        remedy: 'This is a fault in the engine, not in your data: its results are not used',
      });
    const own = need
      .map((row) => asked[row] as (typeof asked)[number])
      .filter(({ weight }, k) => weight !== 0 || k < (pairs.length % hyper.batchSize || hyper.batchSize));
    const places = own.map(
      (row) =>
        placeOf.get(
          key({ prompt: row.prompt_ids, chosen: row.chosen_ids, rejected: row.rejected_ids }),
        ) as number,
    );
    consumed.push(...places);
    const line = ranks[0]?.find((one) => one.step === step + 1) as OrderLine;
    return { step: step + 1, loss: line.loss, learningRate: line.learningRate, rows: places };
  });
  writeJsonLines(join(context.attemptDir, 'steps.jsonl'), records);
  return consumed;
}

function key({
  prompt,
  chosen,
  rejected,
}: Record<'prompt' | 'chosen' | 'rejected', ArrayLike<number>>): string {
  return [prompt, chosen, rejected].map((ids) => Array.from(ids).join()).join('|');
}

interface Work {
  readonly model: string;
  readonly adapter: string | null;
  readonly train: boolean;
  readonly dtype: unknown;
  readonly heldOut: string | null;
  readonly steps: number;
  readonly scoreAt?: readonly number[];
  readonly keep?: string | null;
  readonly rowsFor?: (cut: Cut) => Iterable<unknown>;
  readonly [key: string]: unknown;
}

/** Starts the worker, on half as much where memory runs out; returns when it has done all of it. */
async function work(context: UnitContext, { rowsFor, ...job }: Work): Promise<Cut> {
  const settings = readTrlSettings(place(context, 'engine'));
  // A model that is only asked fits where one is trained: a copy for each process, nothing shared out.
  const { processes, parallel } = job.train ? settings : { ...settings, parallel: 'ddp' };
  const dir = workDir(context);
  mkdirSync(dir, { recursive: true });
  const batchSize = (job.batchSize as number | undefined) ?? 4 * processes;
  for (let own = 0; ; own++) {
    const halvings = context.halvings + own;
    const cut = cutStep(batchSize, { processes, microBatch: settings.microBatch, halvings });
    const rows = join(dir, 'rows.jsonl');
    writeJsonLines(rows, rowsFor?.(cut) ?? []);
    const resume = prepareResume(context, dir);
    const file = join(dir, 'job.json');
    writeJson(file, {
      ...IDLE,
      ...job,
      rows,
      out: dir,
      checkpoints: join(dir, 'checkpoints'),
      resume,
      ...cut,
      scoreBatch: SCORED_FOR_TRAINED * cut.microBatch,
      saveSeconds: CHECKPOINT_SECONDS,
      attention: settings.attention,
      gradientCheckpointing: settings.gradientCheckpointing && job.train,
    });
    const code = await runPython({
      command: commandOf(settings, processes, parallel, file),
      env: { OMP_NUM_THREADS: String(context.threads), TOKENIZERS_PARALLELISM: 'false', HF_HUB_OFFLINE: '1' },
      onEvent: (event) => follow(context, dir, event),
      shouldStop: context.shouldStop,
    });
    if (code === 0) return cut;
    if (code === WORKER_EXIT.stopped || context.shouldStop()) throw stoppedError();
    if (code === WORKER_EXIT.memory && own < OWN_HALVINGS && cut.microBatch > 1) {
      context.note(`out of memory with ${cut.microBatch} pairs in a pass: again with half of them`);
      continue;
    }
    throw workerError(context, code);
  }
}

/** What a job says of training where there is none. */
const IDLE = {
  method: 'none',
  scoreAt: [],
  keep: null,
  learningRate: 0,
  schedule: 'constant',
  warmupSteps: 0,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 1,
  beta: 0.1,
  loss: 'sigmoid',
  labelSmoothing: 0,
};

function hyperOf(hyper: Hyper, steps: number) {
  const { warmupRatio, lossAlpha = 0, ...rest } = hyper;
  return { ...rest, warmupSteps: Math.ceil(warmupRatio * steps), labelSmoothing: lossAlpha };
}

function plain(inputs: Parameters<UnitRunner>[0]) {
  return { dtype: inputs.dtype };
}

const ACCELERATE = new Set(['ddp', 'fsdp2', 'zero2', 'zero3']);

function commandOf(settings: TrlSettings, processes: number, parallel: string, job: string): string[] {
  const python = enginePython(settings.python);
  const worker = [join(ENGINE_DIR, 'worker.py'), job];
  if (processes === 1 && parallel === 'ddp') return [python, ...worker];
  const config = ACCELERATE.has(parallel) ? join(ENGINE_DIR, `${parallel}.yaml`) : parallel;
  const launch = ['-m', 'accelerate.commands.launch', '--config_file', config];
  return [python, ...launch, '--num_processes', String(processes), '--main_process_port', '0', ...worker];
}

/** What the worker says while it works. */
function follow(context: UnitContext, dir: string, event: Readonly<Record<string, unknown>>): void {
  if (typeof event.saved === 'number') seal(context, dir, event.saved);
  else if (
    typeof event.done === 'number' &&
    typeof event.total === 'number' &&
    typeof event.what === 'string'
  ) {
    const loss = typeof event.loss === 'number' ? { loss: event.loss } : {};
    context.report({ done: event.done, total: event.total, what: event.what, ...loss });
  }
}

const KEPT = /^(order|scores-\d+)\.\d+\.jsonl$/;

/** A checkpoint of the trainer becomes one of the unit, with what was scored and taken up to it. */
function seal(context: UnitContext, dir: string, step: number): void {
  const to = checkpointDir(context.attemptDir, step);
  mkdirSync(join(to, '..'), { recursive: true });
  renameSync(join(dir, 'checkpoints', `checkpoint-${step}`), join(to));
  for (const name of readdirSync(dir)) if (KEPT.test(name)) copyFileSync(join(dir, name), join(to, name));
  sealCheckpoint(to);
  for (const name of readdirSync(join(to, '..')))
    if (stepOf(name) !== step) rmSync(join(to, '..', name), { recursive: true });
}

/** Puts beside the worker what earlier attempts have scored and taken; null: from the start. */
function prepareResume(context: UnitContext, dir: string): string | null {
  for (const name of existsSync(dir) ? readdirSync(dir) : []) if (KEPT.test(name)) rmSync(join(dir, name));
  const from = context.checkpointFrom;
  if (from === null) return null;
  const step = stepOf(from);
  for (const name of readdirSync(from).filter((one) => KEPT.test(one))) {
    if (!name.startsWith('order.')) copyFileSync(join(from, name), join(dir, name));
    else {
      const lines = [...parseLines<OrderLine>(join(from, name))].filter((line) => line.step <= step);
      writeJsonLines(join(dir, name), lines);
    }
  }
  return from;
}

function workerError(context: UnitContext, code: number) {
  const model = place(context, 'model');
  if (code === WORKER_EXIT.memory)
    return machineError('out-of-memory', 'the GPU has too little memory for one pair in a pass', {
      file: model,
      remedy:
        'Set text.maxLength shorter, trl.parallel fsdp2 or zero3 over more GPUs, or training.method lora',
    });
  if (code === WORKER_EXIT.notFinite)
    return machineError('diverged', 'training diverged: the loss of a step is no number', {
      file: model,
      remedy: 'Lower training.learningRate, or set trl.dtype to float32',
    });
  if (code === WORKER_EXIT.input)
    return inputError('trl-input', 'the engine trl cannot use its input; its own words are in the log', {
      file: model,
    });
  return machineError(
    'trl-failed',
    `the engine trl ended with exit code ${code}; its own words are in the log`,
    {
      file: model,
    },
  );
}

function workDir(context: UnitContext): string {
  return join(context.attemptDir, 'trl');
}

function writeHeldOut(context: UnitContext, pairs: readonly TokenizedPair[]): string {
  const file = join(workDir(context), 'held-out.jsonl');
  mkdirSync(workDir(context), { recursive: true });
  writeJsonLines(
    file,
    pairs.map(({ id, row, prompt, chosen, rejected }) => ({
      id,
      row,
      prompt_ids: [...prompt],
      chosen_ids: [...chosen],
      rejected_ids: [...rejected],
    })),
  );
  return file;
}

function rankFiles(context: UnitContext, name: string): string[] {
  const dir = workDir(context);
  const files: string[] = [];
  for (let rank = 0; existsSync(join(dir, `${name}.${rank}.jsonl`)); rank++)
    files.push(join(dir, `${name}.${rank}.jsonl`));
  return files;
}

/** Scores of all ranks, by id; each pair once, and each of them there. */
function readScored(
  context: UnitContext,
  name: string,
  pairs: readonly TokenizedPair[],
): Map<string, ScoredPair> {
  const found = new Map<string, ScoredPair>();
  for (const file of rankFiles(context, name))
    for (const line of parseLines<ScoredPair>(file)) {
      const { id, row, chosen, rejected, chosenEven, rejectedEven } = line;
      if (found.has(id))
        throw machineError('unit-rows', 'the engine trl has scored a pair twice', { file, pair: id });
      found.set(id, { id, row, chosen, rejected, chosenEven, rejectedEven });
    }
  const missing = pairs.find(({ id }) => !found.has(id));
  if (missing !== undefined || found.size !== pairs.length)
    throw machineError('unit-rows', 'the engine trl did not score the pairs that it should have', {
      need: `${pairs.length} pairs`,
      got: `${found.size} pairs`,
      pair: missing?.id,
    });
  return found;
}
