import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inputError, machineError } from '../../base/errors.ts';
import { writeJson, writeJsonLines } from '../../base/json.ts';
import { parseLines } from '../../base/own-lines.ts';
import { checkpointDir, latestCheckpoint, sealCheckpoint, stepOf } from '../../run/checkpoint.ts';
import { WORKER_EXIT } from '../../run/exit-codes.ts';
import { stoppedError, type UnitContext, type UnitRunner } from '../../run/worker.ts';
import { place } from '../runners.ts';
import type { Hyper } from '../units.ts';
import { type Cut, cutStep, type OrderLine } from './batches.ts';
import { ENGINE_DIR, enginePython, runPython } from './python.ts';
import { readTrlSettings, type TrlSettings } from './settings.ts';

const CHECKPOINT_SECONDS = Number(process.env.WINNOW_CHECKPOINT_SECONDS ?? 300);
/** Pairs that are scored in one pass, for each that is trained on: nothing is kept for a backward pass. */
const SCORED_FOR_TRAINED = 4;

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
  /** What to say of a step whose loss or gradient is no number. */
  readonly diverged?: (found: { step: number; loss: number; gradNorm: number }) => Error;
  readonly [key: string]: unknown;
}

/** Starts the worker, on half as much where memory runs out; returns when it has done all of it. */
export async function work(context: UnitContext, { rowsFor, diverged, ...job }: Work): Promise<void> {
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
    // A try in this life that ran out of memory may have left checkpoints too.
    const resume = prepareResume(own === 0 ? context.checkpointFrom : latestCheckpoint(context.unitDir), dir);
    const file = join(dir, 'job.json');
    writeJson(file, {
      ...IDLE,
      ...job,
      rows,
      out: dir,
      checkpoints: join(dir, 'checkpoints'),
      resume,
      parallel,
      ...cut,
      scoreBatch: SCORED_FOR_TRAINED * cut.microBatch,
      saveSeconds: CHECKPOINT_SECONDS,
      attention: settings.attention,
      gradientCheckpointing: settings.gradientCheckpointing && job.train,
    });
    let fault: Error | undefined;
    const { code, says } = await runPython({
      command: commandOf(settings, processes, parallel, file),
      env: {
        OMP_NUM_THREADS: String(context.threads),
        TOKENIZERS_PARALLELISM: 'false',
        HF_HUB_OFFLINE: '1',
        TQDM_DISABLE: '1',
      },
      onEvent: (event) => {
        if (typeof event.diverged === 'number')
          fault = diverged?.({
            step: event.diverged,
            loss: Number(event.loss),
            gradNorm: Number(event.gradNorm),
          });
        else follow(context, dir, event);
      },
      shouldStop: context.shouldStop,
    });
    if (code === 0) return;
    if (code === WORKER_EXIT.stopped || context.shouldStop()) throw stoppedError();
    if (code === WORKER_EXIT.memory && cut.microBatch > 1) {
      context.note(`out of memory with ${cut.microBatch} pairs in a pass: again with half of them`);
      continue;
    }
    throw fault ?? workerError(context, code, says);
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

export function hyperOf(hyper: Hyper, steps: number) {
  const { warmupRatio, lossAlpha = 0, ...rest } = hyper;
  return { ...rest, warmupSteps: Math.ceil(warmupRatio * steps), labelSmoothing: lossAlpha };
}

export function plain(inputs: Parameters<UnitRunner>[0]) {
  return { dtype: inputs.dtype };
}

const ACCELERATE = new Set(['fsdp2', 'zero2', 'zero3']);

/** One process is started as it is, copies of a model by torchrun, shared models by Accelerate with its configuration. */
function commandOf(settings: TrlSettings, processes: number, parallel: string, job: string): string[] {
  const python = enginePython(settings.python);
  const worker = [join(ENGINE_DIR, 'worker.py'), job];
  if (parallel === 'ddp') {
    if (processes === 1) return [python, ...worker];
    const torchrun = ['-m', 'torch.distributed.run', '--standalone', `--nproc_per_node=${processes}`];
    return [python, ...torchrun, ...worker];
  }
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
function prepareResume(from: string | null, dir: string): string | null {
  for (const name of existsSync(dir) ? readdirSync(dir) : []) if (KEPT.test(name)) rmSync(join(dir, name));
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

function workerError(context: UnitContext, code: number, says: string) {
  const file = place(context, 'model');
  const got = says === '' ? {} : { got: says };
  if (code === WORKER_EXIT.memory)
    return machineError('out-of-memory', 'there is too little memory for one pair in a pass', {
      file,
      ...got,
      remedy:
        'Set text.maxLength shorter, trl.parallel fsdp2 or zero3 over more GPUs, or training.method lora',
    });
  if (code === WORKER_EXIT.input)
    return inputError('trl-input', 'the engine trl cannot use its input', { file, ...got });
  return machineError(
    'trl-failed',
    `the engine trl ended with exit code ${code}; its own words are in the log`,
    { file, ...got },
  );
}

/** Where the Python worker reads and writes, inside the attempt. */
export function workDir(context: UnitContext): string {
  return join(context.attemptDir, 'trl');
}
