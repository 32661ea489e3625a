import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loraTargets } from '../../src/model/layer.ts';
import type { Precision } from '../../src/tensor/integer-products.ts';
import { type Duel, duel, median } from './duel.ts';
import type { Job } from './job.ts';
import { drawLengths, type Lengths, type PairLengths, randomPairs, toPlain } from './pairs.ts';
import { type Answer, type Peer, startPeer } from './peer.ts';
import { ROOT, WORKER } from './places.ts';
import { type ShapeName, shapeConfig, shapeFolder } from './shapes.ts';

/** What TRL computes in; bf16: autocast over float32 weights. */
export type Theirs = 'f32' | 'bf16';

/** One comparison: the same work on the same pairs. */
export interface Contest {
  readonly shape: ShapeName;
  readonly lengths: Lengths;
  readonly threads: number;
  readonly mode: 'train' | 'score';
  /** TRL's. */
  readonly precision: Theirs;
  /** Ours. */
  readonly ours: Precision;
}

/** How much of it. */
export interface Effort {
  /** Pairs of one optimiser step. */
  readonly step: number;
  /** Pairs of one turn: whole steps. */
  readonly pairs: number;
  readonly rounds: number;
}

/** A finished comparison. */
export interface Result extends Contest, Duel {
  /** TRL's pairs of one forward and backward pass. */
  readonly batch: number;
  readonly effort: Effort;
  readonly versions: Readonly<Record<string, string>>;
}

/** LoRA's rank; on every projection, with alpha = rank. */
export const RANK = 16;
/** A model of this size, random weights: the sums of log-probabilities agree to this. */
const SAME: Readonly<Record<Precision, number>> = { f32: 1e-3, int16: 1e-3, int8: 1e-2 };

/** Lengths of the pairs that a comparison uses, warm-up included. */
export function contestLengths({ lengths }: Contest, { pairs, rounds }: Effort): PairLengths[] {
  return drawLengths(lengths, pairs * (rounds + 1));
}

/** The arena of all comparisons: where pairs lie, and TRL's python. */
export interface Arena {
  readonly python: string;
  readonly scratch: string;
}

export function writePairFile(arena: Arena, shape: ShapeName, name: string, lengths: PairLengths[]): string {
  const file = join(arena.scratch, `pairs-${shape}-${name}.json`);
  const pairs = randomPairs(lengths, shapeConfig(shape).vocabSize).map(toPlain);
  writeFileSync(file, JSON.stringify(pairs));
  return file;
}

function trl(arena: Arena, contest: Contest, pairs: string, step: number, batch: number): Promise<Peer> {
  const { shape, threads, mode, precision } = contest;
  const targets = loraTargets(shapeConfig(shape), 'all-linear');
  const job = {
    mode,
    model: shapeFolder(shape),
    pairs,
    precision,
    threads,
    batch,
    step,
    rank: RANK,
    targets,
  };
  const script = join(ROOT, 'bench', 'trl_peer.py');
  return startPeer([arena.python, '-B', script, JSON.stringify(job)], threads);
}

export function ours(job: Job): Promise<Peer> {
  const threads = job.kind === 'write-shape' ? 1 : job.threads;
  return startPeer([process.execPath, WORKER, JSON.stringify(job)], threads);
}

/** Runs a comparison, the two sides in turns. */
export async function hold(arena: Arena, contest: Contest, effort: Effort, batch: number): Promise<Result> {
  const { shape, threads, mode, ours: precision } = contest;
  const file = writePairFile(arena, shape, 'contest', contestLengths(contest, effort));
  const job = { model: shapeFolder(shape), pairs: file, threads, rank: RANK, precision };
  const mine = await ours(
    mode === 'train' ? { kind: 'train', step: effort.step, ...job } : { kind: mode, ...job },
  );
  const theirs = await trl(arena, contest, file, effort.step, batch);
  try {
    const met = await duel(mine, theirs, { pairs: effort.pairs, rounds: effort.rounds, warmups: 1 });
    if (mode === 'score' && contest.precision === 'f32') sameNumbers(met.last, precision);
    const versions = theirs.ready.versions as Record<string, string>;
    return { ...contest, ...met, batch, effort, versions };
  } finally {
    await Promise.all([mine.close(), theirs.close()]);
  }
}

/** Both sides computed the same: the mean log-probability of the chosen completions of the last turn. */
function sameNumbers([mine, theirs]: readonly [Answer, Answer], precision: Precision): void {
  const [a, b] = [mine.meanChosen as number, theirs.meanChosen as number];
  if (!(Math.abs(a - b) <= SAME[precision] * Math.abs(b)))
    throw new Error(`the two sides do not compute the same: mean log-probability ${a} here, ${b} in TRL`);
}

/** Pairs a second of TRL for several batch sizes, each in a process of its own: the median of `turns`. */
export async function searchBatch(
  arena: Arena,
  contest: Contest,
  batches: readonly number[],
  { pairs, turns }: { readonly pairs: number; readonly turns: number },
): Promise<ReadonlyMap<number, number>> {
  const file = writePairFile(arena, contest.shape, 'search', drawLengths(contest.lengths, pairs));
  const rates = new Map<number, number>();
  for (const batch of batches) {
    const peer = await trl(arena, contest, file, pairs, batch);
    try {
      await peer.ask({ pairs });
      const found: number[] = [];
      for (let turn = 0; turn < turns; turn++)
        found.push(pairs / ((await peer.ask({ pairs })).seconds as number));
      rates.set(batch, median(found));
    } finally {
      await peer.close();
    }
  }
  return rates;
}
