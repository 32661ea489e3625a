/**
 * Our side of the benchmarks: a process that does one job on the engine's public functions, as the pipeline calls
 * them. `node worker.mjs JOB`; answers on stdout, a line of JSON each (`peer.ts`).
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { freeMemory } from '../../src/base/machine.ts';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { loraTargets } from '../../src/model/layer.ts';
import { accumulateGradient } from '../../src/policy/gradient.ts';
import { memoryUse } from '../../src/policy/held-weights.ts';
import { packPass } from '../../src/policy/pack.ts';
import { openPolicy, type Policy } from '../../src/policy/policy.ts';
import type { TokenizedPair } from '../../src/text/tokenized.ts';
import { scorePairs, trainPreference } from '../../src/train/preference.ts';
import type { Job, OnModel } from './job.ts';
import { memory } from './machine.ts';
import { fromPlain, type PlainPair } from './pairs.ts';
import { writeShape } from './shapes.ts';

const job = JSON.parse(process.argv[2] as string) as Job;
const answer = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
const commands = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Pairs that the next line asks for; null at the end. */
async function asked(): Promise<number | null> {
  const { value, done } = await commands.next();
  return done ? null : (JSON.parse(value) as { pairs: number }).pairs;
}

function open({ model, threads, rank, precision = 'f32' }: OnModel): Policy {
  const checkpoint = openCheckpoint(model);
  const targets = loraTargets(checkpoint.config, 'all-linear');
  const trained =
    rank === 0
      ? ({ method: 'none' } as const)
      : ({ method: 'lora', rank, alpha: rank, targets, seed: 1 } as const);
  // As the pipeline gives it to a worker that has the machine to itself (`resources.ts`), activations apart.
  const memory = memoryUse(checkpoint, trained, 0.5 * freeMemory());
  return openPolicy(checkpoint, { trained, threads, ...memory, precision });
}

function readPairs(file: string): TokenizedPair[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as PlainPair[]).map(fromPlain);
}

/** DPO in one training that waits, between steps, until pairs are asked for. */
async function train(file: string, step: number): Promise<void> {
  const policy = open(job as Job & { kind: 'train' });
  const pairs = readPairs(file);
  // About the start model's own: with random weights every token is about as likely as any other.
  const perToken = -Math.log(policy.config.vocabSize);
  const reference = pairs.map(({ chosen, rejected }) => ({
    chosen: perToken * chosen.length,
    rejected: perToken * rejected.length,
  }));
  answer({ ready: true });
  let left = 0;
  let start = 0;
  const next = async () => {
    const count = await asked();
    if (count === null) process.exit(0);
    left = count / step;
    start = performance.now();
  };
  await next();
  await trainPreference(
    policy,
    {
      pairs,
      reference,
      beta: 0.1,
      shuffleSeed: null,
      optimisation: {
        learningRate: 1e-5,
        schedule: 'constant',
        warmupRatio: 0,
        maxGradNorm: 1,
        batchSize: step,
        epochs: 1_000_000,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0,
      },
    },
    {
      afterStep: async () => {
        if (--left > 0) return;
        answer({ seconds: (performance.now() - start) / 1000, ...memory() });
        await next();
      },
    },
  );
}

async function score(file: string): Promise<void> {
  const policy = open(job as Job & { kind: 'score' });
  const all = readPairs(file);
  answer({ ready: true });
  let at = 0;
  for (let count = await asked(); count !== null; count = await asked()) {
    const pairs = Array.from({ length: count }, (_, n) => all[(at + n) % all.length] as TokenizedPair);
    at += count;
    const start = performance.now();
    const scores = await scorePairs(policy, pairs);
    const seconds = (performance.now() - start) / 1000;
    answer({
      seconds,
      meanChosen: scores.reduce((sum, { chosen }) => sum + chosen, 0) / scores.length,
      ...memory(),
    });
  }
}

/** From the start of this process to the end of the first gradient pass, and how long such a pass takes later. */
async function first(file: string): Promise<void> {
  const loadedSeconds = performance.now() / 1000;
  const policy = open(job as Job & { kind: 'first' });
  const [pair] = readPairs(file) as [TokenizedPair];
  const openSeconds = performance.now() / 1000;
  const pass = async () => {
    const start = performance.now();
    const batch = packPass(policy, [{ prompt: pair.prompt, completions: [pair.chosen, pair.rejected] }]);
    await accumulateGradient(policy, batch, () => [0.01, -0.01]);
    return (performance.now() - start) / 1000;
  };
  await pass();
  const firstGradientSeconds = performance.now() / 1000;
  const passes = [await pass(), await pass(), await pass()].sort((a, b) => a - b);
  answer({ loadedSeconds, openSeconds, firstGradientSeconds, passSeconds: passes[1], ...memory() });
}

if (job.kind === 'train') await train(job.pairs, job.step);
else if (job.kind === 'score') await score(job.pairs);
else if (job.kind === 'first') await first(job.pairs);
else if (job.kind === 'write-shape') {
  writeShape(job.shape);
  answer({ ready: true });
}
process.exit(0);
