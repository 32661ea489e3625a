/**
 * Winnow's engine beside TRL's DPOTrainer on the CPU, in one sitting, the two in turns on the same pairs:
 * `npm run bench -- versus [--quick] [--json] [--rounds n] [--only small,half]`, which `npm run bench` runs by itself.
 *
 * Both train LoRA r = 16 on all projections of the same random weights, with given reference log-probabilities, or
 * score pairs without gradients; both have the same number of threads. TRL uses the batch size that was fastest for it
 * in a search before. The whole comparison writes its table to docs/benchmarks.md; `--quick` takes one kind of
 * lengths and writes nothing. `--json` prints ratios of pairs a second, ours over theirs.
 *
 * Needs the Python environment of `node scripts/python-env.mjs`; without it, exit code 2 and how to make it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { computeEnvironment, keepsMemory } from '../src/base/malloc.ts';
import {
  type Arena,
  type Contest,
  contestLengths,
  type Effort,
  hold,
  ours,
  RANK,
  type Result,
  searchBatch,
  writePairFile,
} from './lib/contest.ts';
import { digits, gigabytes, replacePart, table } from './lib/document.ts';
import { pairFlops } from './lib/flops.ts';
import { machineLine, packageVersion } from './lib/machine.ts';
import { drawLengths, type Lengths } from './lib/pairs.ts';
import { measurePeak, type Peak } from './lib/peak.ts';
import { ROOT, requirePython } from './lib/places.ts';
import { SHAPES, type ShapeName, shapeConfig, shapeFolder } from './lib/shapes.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: 'small,half' },
  },
});
const say = (text: string) => process.stderr.write(`${text}\n`);

/** Threads: the small model runs as Winnow runs it, one thread a worker; the large one takes the machine. */
const CORES = availableParallelism();
interface Arrangement {
  readonly threads: number;
  /** Pairs of an optimiser step, and of a turn. */
  readonly step: number;
  readonly pairs: number;
  /** What TRL may choose from: pairs a pass. */
  readonly batches: readonly number[];
}
const TRAINING: Readonly<Record<'small' | 'half', Arrangement>> = {
  small: { threads: 1, step: 8, pairs: 8, batches: [1, 2, 4, 8] },
  half: { threads: CORES, step: 2, pairs: 2, batches: [1, 2] },
};
const SCORING: Readonly<Record<'small' | 'half', Arrangement>> = {
  small: { threads: 1, step: 16, pairs: 16, batches: [1, 4, 8, 16] },
  half: { threads: CORES, step: 4, pairs: 4, batches: [1, 2, 4] },
};

const shapes = values.only.split(',') as ('small' | 'half')[];
const lengthKinds: readonly Lengths[] = values.quick ? ['fixed'] : ['fixed', 'hh'];
const rounds = Number(values.rounds);

function contests(): Contest[] {
  const list: Contest[] = [];
  for (const shape of shapes)
    for (const lengths of lengthKinds) {
      const { threads } = TRAINING[shape];
      const train = { shape, lengths, mode: 'train', threads, ours: 'f32' } as const;
      list.push({ ...train, precision: 'f32' }, { ...train, precision: 'bf16' });
      const score = { shape, lengths, mode: 'score', threads: SCORING[shape].threads } as const;
      list.push({ ...score, precision: 'f32', ours: 'f32' }, { ...score, precision: 'f32', ours: 'int8' });
    }
  return list;
}

const arrangement = ({ mode, shape }: Contest) =>
  (mode === 'train' ? TRAINING : SCORING)[shape as 'small' | 'half'];

/** TRL's fastest batch for work like this. */
async function bestBatch(arena: Arena, contest: Contest): Promise<number> {
  const { batches, pairs } = arrangement(contest);
  const rates = await searchBatch(arena, contest, batches, { pairs, turns: values.quick ? 1 : 2 });
  const [best] = [...rates].sort(([, a], [, b]) => b - a)[0] as [number, number];
  const found = [...rates].map(([batch, rate]) => `${batch}: ${digits(rate)}`).join(', ');
  say(`${name(contest)}: TRL's pairs/s by batch ${found}`);
  return best;
}

const name = ({ shape, lengths, mode, precision, ours }: Contest) =>
  `${shape} ${lengths} ${mode}, ours ${ours}, TRL ${precision}`;

/** A result, and what share of the machine's float32 peak our products were, re-computation not counted. */
interface Row extends Result {
  readonly share: number;
}

function shareOfPeak(result: Result, peak: Peak): number {
  const { shape, mode, effort, oursPairsPerSecond } = result;
  const lengths = contestLengths(result, effort);
  const config = shapeConfig(shape);
  const options = { training: mode === 'train', rank: RANK };
  const flops = lengths.reduce((sum, pair) => sum + pairFlops(config, pair, options), 0) / lengths.length;
  return (flops * oursPairsPerSecond) / (1e9 * peak.gflops);
}

/** From the start of our process to the end of its first gradient pass over one pair, seconds. */
async function firstGradient(arena: Arena): Promise<number> {
  const pairs = writePairFile(arena, 'half', 'first', drawLengths('fixed', 1));
  const job = { kind: 'first', model: shapeFolder('half'), threads: CORES, rank: RANK, pairs } as const;
  const peer = await ours(job);
  await peer.close();
  return (peer.ready as { firstGradientSeconds: number }).firstGradientSeconds;
}

function shown(row: Row): string[] {
  const { shape, lengths, mode, precision, threads, batch } = row;
  return [
    SHAPES[shape].title,
    lengths === 'fixed' ? '200 / 250 / 200' : 'like hh-rlhf',
    mode,
    row.ours,
    `${precision}, batch ${batch}`,
    String(threads),
    digits(row.oursPairsPerSecond),
    digits(row.theirsPairsPerSecond),
    `**${digits(row.ratio)}** (${row.ratioRange.map(digits).join('–')})`,
    `${(100 * row.share).toFixed(0)} %`,
    gigabytes(row.oursPeakBytes),
    gigabytes(row.theirsPeakBytes),
  ];
}

const HEADING = [
  'Model',
  'Prompt / chosen / rejected',
  'Work',
  'Winnow',
  'TRL',
  'Threads',
  'Winnow, pairs/s',
  'TRL, pairs/s',
  'Ratio (range)',
  'Of f32 peak',
  'Winnow, GB',
  'TRL, GB',
];

// Our workers are started with the memory settings that Winnow's own have; they inherit them.
if (!keepsMemory()) Object.assign(process.env, computeEnvironment);

const arena: Arena = { python: requirePython(), scratch: mkdtempSync(join(tmpdir(), 'winnow-versus-')) };
try {
  const begun = performance.now();
  for (const shape of shapes) await (await ours({ kind: 'write-shape', shape })).close();
  const rows: Row[] = [];
  const peaks = new Map<number, Peak>();
  for (const contest of contests()) {
    const { threads } = contest;
    if (!peaks.has(threads)) peaks.set(threads, await measurePeak(threads));
    const { step, pairs } = arrangement(contest);
    const effort: Effort = { step, pairs, rounds };
    const result = await hold(arena, contest, effort, await bestBatch(arena, contest));
    const row = { ...result, share: shareOfPeak(result, peaks.get(threads) as Peak) };
    rows.push(row);
    say(`${name(contest)}: ${shown(row).slice(6).join(' | ')}`);
  }
  const first = shapes.includes('half') ? await firstGradient(arena) : null;
  const minutes = (performance.now() - begun) / 60_000;

  const of = (shape: ShapeName, mode: Contest['mode'], precision: Contest['precision']) =>
    rows.filter((row) => row.shape === shape && row.mode === mode && row.precision === precision);
  /** The least favourable of several. */
  const least = (list: readonly Row[]) => (list.length === 0 ? null : Math.min(...list.map((r) => r.ratio)));
  const scored = (precision: Contest['ours']) =>
    rows.filter(({ mode, ours }) => mode === 'score' && ours === precision);
  const training = rows.filter(({ shape, mode }) => shape === shapes.at(-1) && mode === 'train');
  const f32 = training.filter(({ precision }) => precision === 'f32');
  const figures = {
    small: { vsTrlF32: least(of('small', 'train', 'f32')), vsTrlBf16: least(of('small', 'train', 'bf16')) },
    half: { vsTrlF32: least(of('half', 'train', 'f32')), vsTrlBf16: least(of('half', 'train', 'bf16')) },
    scoringVsTrl: least(scored('f32')),
    scoringInt8VsTrl: least(scored('int8')),
    shareOfPeak: Math.min(...f32.map(({ share }) => share)),
    memoryVsTrl: Math.max(...f32.map((row) => row.oursPeakBytes / row.theirsPeakBytes)),
    firstGradientSeconds: first,
    peakGflops: Object.fromEntries([...peaks].map(([threads, { gflops }]) => [threads, gflops])),
    minutes,
  };
  const [{ versions }] = rows as [Row];
  const packages = Object.entries({
    node: process.versions.node,
    'onnxruntime-node': packageVersion(ROOT, 'onnxruntime-node'),
    ...versions,
  });
  const text = [
    `${machineLine()}. ${packages.map(([what, version]) => `${what} ${version}`).join(', ')}. ${new Date().toISOString().slice(0, 10)}.`,
    '',
    `Float32 peak (${[...peaks.values()][0]?.source}): ${[...peaks].map(([threads, { gflops }]) => `${gflops.toFixed(0)} GFLOP/s with ${threads} thread${threads > 1 ? 's' : ''}`).join(', ')}.` +
      (first === null ? '' : ` First gradient of ${SHAPES.half.title}: ${digits(first)} s after the start.`),
    '',
    table(HEADING, rows.map(shown)),
  ].join('\n');
  if (!values.quick && values.only === 'small,half')
    replacePart(join(ROOT, 'docs', 'benchmarks.md'), 'versus', text);
  console.log(values.json ? JSON.stringify(figures, null, 2) : text);
} finally {
  rmSync(arena.scratch, { recursive: true, force: true });
}
