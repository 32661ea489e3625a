/**
 * How cost grows, and that it does not grow with time: `npm run bench -- growth [--only sizes,lengths,steady]`.
 *
 * sizes: random decoders from 4 M to 0.5 B parameters, pairs of prompt 200 / chosen 250 / rejected 200 tokens.
 * lengths: 15.7 M parameters, pairs of 128 to 2,048 tokens, in three equal parts.
 * steady: 1,000 optimiser steps of one pair each, lengths like hh-rlhf's, 4 M parameters: speed and memory by hundreds.
 *
 * LoRA r = 16 on all projections; scoring in float32 and with products of integers. One process a row; the median of
 * three turns after one that does not count; memory is the most that the process ever had, mapped files included.
 * How time and memory grow with the number of pairs: `npm run bench -- pairs`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { computeEnvironment, keepsMemory } from '../src/base/malloc.ts';
import type { Precision } from '../src/tensor/integer-products.ts';
import { digits, gigabytes, replacePart, table } from './lib/document.ts';
import { machineLine } from './lib/machine.ts';
import { drawLengths, type PairLengths } from './lib/pairs.ts';
import { ROOT } from './lib/places.ts';
import { SHAPES, type ShapeName, shapeFolder } from './lib/shapes.ts';
import { type Arena, RANK, startOurs, writePairFile } from './lib/sitting.ts';
import { median } from './lib/turns.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'sizes,lengths,steady' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const parts = values.only.split(',');
const threads = Number(values.threads);
const TURNS = 3;

interface Cost {
  /** Of one pair. */
  readonly seconds: number;
  readonly peakBytes: number;
}

if (!keepsMemory()) Object.assign(process.env, computeEnvironment);
const arena: Arena = { python: '', scratch: mkdtempSync(join(tmpdir(), 'winnow-growth-')) };
const say = (text: string) => process.stderr.write(`${text}\n`);

/** What `pairs` pairs of these lengths cost. */
async function cost(
  shape: ShapeName,
  lengths: PairLengths,
  pairs: number,
  work: { readonly kind: 'train' | 'score'; readonly precision?: Precision },
): Promise<Cost> {
  const list = new Array<PairLengths>(pairs).fill(lengths);
  const on = {
    model: shapeFolder(shape),
    threads,
    rank: RANK,
    pairs: writePairFile(arena, shape, 'growth', list),
  };
  const peer = await startOurs(
    work.kind === 'train'
      ? { ...on, ...work, kind: 'train', step: pairs }
      : { ...on, ...work, kind: 'score' },
  );
  try {
    await peer.ask({ pairs });
    const times: number[] = [];
    let peakBytes = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const answer = await peer.ask({ pairs });
      times.push(answer.seconds as number);
      peakBytes = answer.peakBytes as number;
    }
    return { seconds: median(times) / pairs, peakBytes };
  } finally {
    await peer.close();
  }
}

const HEADING = ['Training, s a pair', 'GB', 'Scoring, s a pair', 'GB', 'int16', 'GB', 'int8', 'GB'];

async function row(shape: ShapeName, lengths: PairLengths, pairs: number): Promise<string[]> {
  const costs = [await cost(shape, lengths, pairs, { kind: 'train' })];
  for (const precision of ['f32', 'int16', 'int8'] as const)
    costs.push(await cost(shape, lengths, pairs, { kind: 'score', precision }));
  return costs.flatMap(({ seconds, peakBytes }) => [digits(seconds), gigabytes(peakBytes)]);
}

function write(part: string, text: string): void {
  const whole = `${machineLine()}, ${threads} thread${threads > 1 ? 's' : ''}. ${new Date().toISOString().slice(0, 10)}.\n\n${text}`;
  replacePart(join(ROOT, 'docs', 'benchmarks.md'), part, whole);
  console.log(whole);
}

async function sizes(): Promise<void> {
  const rows: string[][] = [];
  const [lengths] = drawLengths('fixed', 1) as [PairLengths];
  for (const [shape, pairs] of [
    ['tiny', 8],
    ['small', 4],
    ['middle', 2],
    ['half', 1],
  ] as const) {
    await (await startOurs({ kind: 'write-shape', shape })).close();
    rows.push([SHAPES[shape].title, ...(await row(shape, lengths, pairs))]);
    say(rows.at(-1)?.join(' | ') ?? '');
  }
  write('sizes', table(['Model', ...HEADING], rows));
}

async function lengths(): Promise<void> {
  const rows: string[][] = [];
  await (await startOurs({ kind: 'write-shape', shape: 'small' })).close();
  for (const tokens of [128, 256, 512, 1024, 2048]) {
    const third = Math.round(tokens / 3);
    const list = { prompt: tokens - 2 * third, chosen: third, rejected: third };
    rows.push([tokens.toLocaleString('en-US'), ...(await row('small', list, Math.max(1, 1024 / tokens)))]);
    say(rows.at(-1)?.join(' | ') ?? '');
  }
  write('lengths', table(['Tokens of a pair', ...HEADING], rows));
}

async function steady(): Promise<void> {
  const [steps, turns] = [100, 10];
  await (await startOurs({ kind: 'write-shape', shape: 'tiny' })).close();
  const pairs = writePairFile(arena, 'tiny', 'steady', drawLengths('hh', steps * turns));
  const peer = await startOurs({
    kind: 'train',
    model: shapeFolder('tiny'),
    threads,
    rank: RANK,
    pairs,
    step: 1,
  });
  const rows: string[][] = [];
  try {
    for (let turn = 0; turn < turns; turn++) {
      const { seconds, residentBytes, peakBytes } = await peer.ask({ pairs: steps });
      const lengths = drawLengths('hh', steps * turns).slice(turn * steps, (turn + 1) * steps);
      const tokens = lengths.reduce((sum, pair) => sum + pair.prompt + pair.chosen + pair.rejected, 0);
      rows.push([
        `${turn * steps + 1} to ${(turn + 1) * steps}`,
        digits(tokens / (seconds as number)),
        gigabytes(residentBytes as number),
        gigabytes(peakBytes as number),
      ]);
      say(rows.at(-1)?.join(' | ') ?? '');
    }
  } finally {
    await peer.close();
  }
  write('steady', table(['Steps', 'Tokens/s', 'Resident, GB', 'Most, GB'], rows));
}

try {
  if (parts.includes('sizes')) await sizes();
  if (parts.includes('lengths')) await lengths();
  if (parts.includes('steady')) await steady();
} finally {
  rmSync(arena.scratch, { recursive: true, force: true });
}
