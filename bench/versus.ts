/**
 * Winnow's engine beside TRL's DPOTrainer on the CPU, in one sitting, in turns on the same pairs:
 * `npm run bench -- versus [--quick] [--json] [--rounds n] [--only small,half] [--lengths fixed,hh]`, which
 * `npm run bench` runs by itself.
 *
 * All train LoRA r = 16 on all projections of the same random weights, with given reference log-probabilities, or
 * score pairs without gradients, on all cores: TRL by so many threads, Winnow too, or, for the small model, by as many
 * workers of one thread, as it runs such models. TRL uses the batch size that was fastest for it in a search before.
 * The whole comparison writes its table to docs/benchmarks.md; `--quick` takes the fixed lengths alone and writes
 * nothing. `--json` prints ratios of pairs a second, ours over theirs, the least favourable of several.
 *
 * TRL runs in the Python environment of `scripts/python-env.mjs`, which is made where it is missing (several GB, once).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { computeEnvironment, keepsMemory } from '../src/base/malloc.ts';
import { digits, gigabytes, replacePart, table } from './lib/document.ts';
import { pairFlops } from './lib/flops.ts';
import { machineLine, packageVersion } from './lib/machine.ts';
import { drawLengths, type Lengths } from './lib/pairs.ts';
import { measurePeak, type Peak } from './lib/peak.ts';
import { ROOT, requirePython } from './lib/places.ts';
import { SHAPES, shapeConfig, shapeFolder } from './lib/shapes.ts';
import {
  type Arena,
  RANK,
  type Side,
  type Sitting,
  searchBatch,
  sit,
  startOurs,
  type Work,
  workLengths,
  writePairFile,
} from './lib/sitting.ts';
import { rateOf, ratioOf } from './lib/turns.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: 'small,half' },
    lengths: { type: 'string' },
  },
});
const say = (text: string) => process.stderr.write(`${text}\n`);

const CORES = availableParallelism();
type Model = 'small' | 'half';
/** Pairs of a turn, the batches that TRL may choose from, and Winnow's workers where it has the whole machine. */
const SIZES = {
  small: { train: 8, score: 8, batches: [1, 4, 8], workers: CORES },
  half: { train: 1, score: 2, batches: [1, 2], workers: 1 },
} as const;

const models = values.only.split(',') as Model[];
const lengthKinds = (values.lengths ?? (values.quick ? 'fixed' : 'fixed,hh')).split(',') as Lengths[];

function worksOf(shape: Model): Work[] {
  const { train, score, workers } = SIZES[shape];
  // Pairs like hh-rlhf's differ in length: more of them a turn.
  const more = (lengths: Lengths) => (lengths === 'hh' && shape === 'half' ? 2 : 1);
  return lengthKinds.flatMap((lengths) =>
    (['train', 'score'] as const).map((mode): Work => {
      const pairs = (mode === 'train' ? train : score) * more(lengths);
      const rounds = Number(values.rounds);
      return { shape, lengths, threads: CORES, workers, mode, step: pairs, pairs, rounds };
    }),
  );
}

/** TRL with the batch that is the fastest for this work. */
async function best(arena: Arena, work: Work, precision: 'f32' | 'bf16'): Promise<Side> {
  const { batches } = SIZES[work.shape as Model];
  const rates = await searchBatch(arena, work, precision, batches, values.quick ? 1 : 2);
  // A step holds whole batches.
  const usable = [...rates].filter(([batch]) => work.step % batch === 0);
  const [batch] = usable.sort(([, a], [, b]) => b - a)[0] as [number, number];
  const found = [...rates].map(([size, rate]) => `${size}: ${digits(rate)}`).join(', ');
  say(`${nameOf(work)}: TRL ${precision}, pairs/s by batch ${found}`);
  return { who: 'TRL', precision, batch };
}

const nameOf = ({ shape, lengths, mode, threads }: Work) => `${shape} ${lengths} ${mode} ${threads}`;

/** One of ours beside one of theirs. */
interface Row {
  readonly sitting: Sitting;
  readonly ours: number;
  readonly theirs: number;
}

const PRECISIONS = ['f32', 'int16', 'int8'] as const;

async function rowsOf(arena: Arena, work: Work): Promise<Row[]> {
  const training = work.mode === 'train';
  const mine: Side[] = (
    training ? (['f32'] as const) : values.quick ? (['f32', 'int8'] as const) : PRECISIONS
  ).map((precision) => ({ who: 'Winnow', precision }));
  const theirs: Side[] = [await best(arena, work, 'f32')];
  if (training) theirs.push(await best(arena, work, 'bf16'));
  const sitting = await sit(arena, work, [...mine, ...theirs]);
  const rows = mine.flatMap((_, ours) =>
    theirs.map((_, i): Row => ({ sitting, ours, theirs: mine.length + i })),
  );
  for (const row of rows) say(`${nameOf(work)}: ${shown(row, null).slice(3).join(' | ')}`);
  return rows;
}

/** What share of the machine's float32 peak our products were; nothing is counted twice. */
function shareOfPeak({ sitting, ours }: Row, peak: Peak): number {
  const lengths = workLengths(sitting);
  const config = shapeConfig(sitting.shape);
  const options = { training: sitting.mode === 'train', rank: RANK };
  const flops = lengths.reduce((sum, pair) => sum + pairFlops(config, pair, options), 0) / lengths.length;
  return (flops * rateOf(sitting.turns, ours)) / (1e9 * peak.gflops);
}

const peakBytes = ({ sitting }: Row, side: number) => sitting.turns.last[side]?.peakBytes as number;

function shown(row: Row, peak: Peak | null): string[] {
  const { sitting, ours, theirs } = row;
  const { ratio, range } = ratioOf(sitting.turns, ours, theirs);
  const [mine, other] = [sitting.sides[ours], sitting.sides[theirs]] as [Side, Side & { batch: number }];
  return [
    SHAPES[sitting.shape].title,
    sitting.lengths === 'fixed' ? '200 / 250 / 200' : 'like hh-rlhf',
    `${sitting.mode}, ${sitting.workers > 1 ? `${sitting.workers} workers / ` : ''}${sitting.threads} thread${sitting.threads > 1 ? 's' : ''}`,
    mine.precision,
    `${other.precision}, batch ${other.batch}`,
    digits(rateOf(sitting.turns, ours)),
    digits(rateOf(sitting.turns, theirs)),
    `**${digits(ratio)}** (${range.map(digits).join('–')})`,
    peak === null || mine.precision !== 'f32' ? '' : `${(100 * shareOfPeak(row, peak)).toFixed(0)} %`,
    gigabytes(peakBytes(row, ours)),
    gigabytes(peakBytes(row, theirs)),
  ];
}

const HEADING = [
  'Model',
  'Prompt / chosen / rejected',
  'Work',
  'Winnow in',
  'TRL in',
  'Winnow, pairs/s',
  'TRL, pairs/s',
  'Ratio (range)',
  'Of f32 peak',
  'Winnow, GB',
  'TRL, GB',
];

/** From the start of our process to the end of its first gradient pass over one pair, and what such a pass takes later. */
async function firstGradient(arena: Arena): Promise<{ first: number; later: number }> {
  const pairs = writePairFile(arena, 'half', 'first', drawLengths('fixed', 1));
  const on = { model: shapeFolder('half'), threads: CORES, rank: RANK, pairs } as const;
  const peer = await startOurs({ kind: 'first', ...on });
  await peer.close();
  const { firstGradientSeconds, passSeconds } = peer.ready as Record<string, number>;
  return { first: firstGradientSeconds as number, later: passSeconds as number };
}

// Our workers are started with the memory settings that Winnow's own have; they inherit them.
if (!keepsMemory()) Object.assign(process.env, computeEnvironment);

const arena: Arena = { python: requirePython(), scratch: mkdtempSync(join(tmpdir(), 'winnow-versus-')) };
try {
  const begun = performance.now();
  for (const shape of models) await (await startOurs({ kind: 'write-shape', shape })).close();
  const rows: Row[] = [];
  const peaks = new Map<number, Peak>();
  for (const work of models.flatMap(worksOf)) {
    if (!peaks.has(work.threads)) peaks.set(work.threads, await measurePeak(work.threads));
    rows.push(...(await rowsOf(arena, work)));
  }
  const peakOf = ({ sitting }: Row) => peaks.get(sitting.threads) as Peak;
  const start = models.includes('half') ? await firstGradient(arena) : null;

  const select = (shape: Model | null, mode: Work['mode'], ours: string, theirs: string) =>
    rows.filter(
      ({ sitting, ...row }) =>
        (shape === null || sitting.shape === shape) &&
        sitting.mode === mode &&
        sitting.sides[row.ours]?.precision === ours &&
        sitting.sides[row.theirs]?.precision === theirs,
    );
  const least = (list: readonly Row[]) =>
    list.length === 0
      ? null
      : Math.min(...list.map(({ sitting, ours, theirs }) => ratioOf(sitting.turns, ours, theirs).ratio));
  const ofModel = (shape: Model) => ({
    vsTrlF32: least(select(shape, 'train', 'f32', 'f32')),
    vsTrlBf16: least(select(shape, 'train', 'f32', 'bf16')),
  });
  const largest = select(models.at(-1) ?? 'half', 'train', 'f32', 'f32');
  const figures = {
    small: ofModel('small'),
    half: ofModel('half'),
    scoringVsTrl: least(select(null, 'score', 'f32', 'f32')),
    scoringInt8VsTrl: least(select(null, 'score', 'int8', 'f32')),
    shareOfPeak: Math.min(...largest.map((row) => shareOfPeak(row, peakOf(row)))),
    memoryVsTrl: Math.max(...largest.map((row) => peakBytes(row, row.ours) / peakBytes(row, row.theirs))),
    firstGradientSeconds: start?.first ?? null,
    peakGflops: Object.fromEntries([...peaks].map(([threads, { gflops }]) => [threads, gflops])),
    minutes: (performance.now() - begun) / 60_000,
  };
  const [{ sitting }] = rows as [Row];
  const packages = Object.entries({
    node: process.versions.node,
    'onnxruntime-node': packageVersion(ROOT, 'onnxruntime-node'),
    ...sitting.versions,
  });
  const peakText = [...peaks].map(
    ([threads, { gflops }]) => `${gflops.toFixed(0)} GFLOP/s with ${threads} thread${threads > 1 ? 's' : ''}`,
  );
  const text = [
    `${machineLine()}. ${packages.map(([what, version]) => `${what} ${version}`).join(', ')}. ${new Date().toISOString().slice(0, 10)}.`,
    '',
    `Float32 peak (${[...peaks.values()][0]?.source}): ${peakText.join(', ')}. Medians of ${values.rounds} rounds.`,
    ...(start === null
      ? []
      : [
          '',
          `First gradient of ${SHAPES.half.title}, ${CORES} threads: ${digits(start.first)} s after the start of the process; such a pass takes ${digits(start.later)} s later.`,
        ]),
    '',
    table(
      HEADING,
      rows.map((row) => shown(row, peakOf(row))),
    ),
  ].join('\n');
  if (!values.quick && values.only === 'small,half' && values.lengths === undefined)
    replacePart(join(ROOT, 'docs', 'benchmarks.md'), 'versus', text);
  console.log(values.json ? JSON.stringify(figures, null, 2) : text);
} finally {
  rmSync(arena.scratch, { recursive: true, force: true });
}
