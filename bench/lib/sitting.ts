import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loraTargets } from '../../src/model/layer.ts';
import type { Precision } from '../../src/tensor/integer-products.ts';
import type { Job } from './job.ts';
import { drawLengths, type Lengths, type PairLengths, randomPairs, toPlain } from './pairs.ts';
import { type Answer, type Peer, startPeer, together } from './peer.ts';
import { ROOT, WORKER } from './places.ts';
import { type ShapeName, shapeConfig, shapeFolder } from './shapes.ts';
import { median, type Turns, takeTurns } from './turns.ts';

/** Work that several sides do in turns, on the same pairs with as many threads. */
export interface Work {
  readonly shape: ShapeName;
  readonly lengths: Lengths;
  /** Of each side. */
  readonly threads: number;
  /** Winnow's processes, which share the threads and the pairs of a turn, as workers of a run do. */
  readonly workers: number;
  readonly mode: 'train' | 'score';
  /** Pairs of one optimiser step. */
  readonly step: number;
  /** Pairs of one turn: whole steps. */
  readonly pairs: number;
  readonly rounds: number;
}

/** Who works, and in what: Winnow's precision is of scoring; TRL's bf16 is autocast over float32 weights. */
export type Side =
  | { readonly who: 'Winnow'; readonly precision: Precision }
  | { readonly who: 'TRL'; readonly precision: 'f32' | 'bf16'; readonly batch: number };

/** A finished sitting. */
export interface Sitting extends Work {
  readonly sides: readonly Side[];
  readonly turns: Turns;
  /** Of TRL and what it stands on. */
  readonly versions: Readonly<Record<string, string>>;
}

/** LoRA's rank; on every projection, with alpha = rank. */
export const RANK = 16;
/** A model of this size, random weights: the mean log-probabilities agree to this, relative. */
const SAME: Readonly<Record<Precision, number>> = { f32: 1e-3, int16: 1e-3, int8: 1e-2 };

/** Lengths of the pairs of a sitting, warm-up included. */
export function workLengths({ lengths, pairs, rounds }: Work): PairLengths[] {
  return drawLengths(lengths, pairs * (rounds + 1));
}

/** Where pairs lie, and TRL's python. */
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

/** One of our worker processes. */
export function startOurs(job: Job): Promise<Peer> {
  const threads = job.kind === 'write-shape' ? 1 : job.threads;
  return startPeer([process.execPath, WORKER, JSON.stringify(job)], threads);
}

async function start(arena: Arena, work: Work, side: Side, pairs: string): Promise<Peer> {
  const { shape, threads, workers, mode } = work;
  const model = shapeFolder(shape);
  if (side.who === 'Winnow') {
    const on = { model, threads: threads / workers, rank: RANK, precision: side.precision };
    const all = await Promise.all(
      shares(pairs, workers).map((own) =>
        startOurs(
          mode === 'train'
            ? { kind: mode, step: work.step / workers, pairs: own, ...on }
            : { kind: mode, pairs: own, ...on },
        ),
      ),
    );
    return workers === 1 ? (all[0] as Peer) : together(all);
  }
  const { step } = work;
  const { precision, batch } = side;
  const targets = loraTargets(shapeConfig(shape), 'all-linear');
  const job = { mode, model, pairs, precision, threads, batch, step, rank: RANK, targets };
  const script = join(ROOT, 'bench', 'trl_peer.py');
  return startPeer([arena.python, '-B', script, JSON.stringify(job)], threads);
}

/** Files with every n-th pair of a file each. */
function shares(file: string, count: number): string[] {
  if (count === 1) return [file];
  const pairs = JSON.parse(readFileSync(file, 'utf8')) as unknown[];
  return Array.from({ length: count }, (_, share) => {
    const own = `${file}-${share}`;
    writeFileSync(own, JSON.stringify(pairs.filter((_, i) => i % count === share)));
    return own;
  });
}

/** The sides work in turns. */
export async function sit(arena: Arena, work: Work, sides: readonly Side[]): Promise<Sitting> {
  const file = writePairFile(arena, work.shape, 'sitting', workLengths(work));
  const peers: Peer[] = [];
  try {
    for (const side of sides) peers.push(await start(arena, work, side, file));
    const turns = await takeTurns(peers, { pairs: work.pairs, rounds: work.rounds, warmups: 1 });
    if (work.mode === 'score') sameNumbers(sides, turns.last, work.workers);
    const trl = peers[sides.findIndex(({ who }) => who === 'TRL')];
    return { ...work, sides, turns, versions: (trl?.ready.versions ?? {}) as Record<string, string> };
  } finally {
    await Promise.all(peers.map((peer) => peer.close()));
  }
}

/** All sides computed the same: the mean log-probability of the chosen completions of the last turn. */
function sameNumbers(sides: readonly Side[], last: readonly Answer[], workers: number): void {
  const of = (side: number) => last[side]?.meanChosen as number;
  const exact = sides.findIndex(({ who, precision }) => who === 'TRL' && precision === 'f32');
  sides.forEach(({ who, precision }, side) => {
    if (who === 'TRL' || exact < 0) return;
    // Workers that share the pairs score other pairs than TRL does.
    if (workers > 1 || Math.abs(of(side) - of(exact)) <= SAME[precision] * Math.abs(of(exact))) return;
    throw new Error(
      `the sides do not compute the same: mean log-probability ${of(side)} in ${precision} here, ${of(exact)} in TRL`,
    );
  });
}

/** Pairs a second of TRL for several batch sizes, each in a process of its own: the median of `turns`. */
export async function searchBatch(
  arena: Arena,
  work: Work,
  precision: 'f32' | 'bf16',
  batches: readonly number[],
  turns: number,
): Promise<ReadonlyMap<number, number>> {
  const step = Math.max(...batches);
  const file = writePairFile(arena, work.shape, 'search', drawLengths(work.lengths, step));
  const rates = new Map<number, number>();
  for (const batch of batches) {
    const peer = await start(arena, { ...work, step }, { who: 'TRL', precision, batch }, file);
    try {
      // The first step opens things; asked once alone, it is counted for every batch alike.
      if (turns > 1) await peer.ask({ pairs: step });
      const found: number[] = [];
      for (let turn = 0; turn < turns; turn++)
        found.push(step / ((await peer.ask({ pairs: step })).seconds as number));
      rates.set(batch, median(found));
    } finally {
      await peer.close();
    }
  }
  return rates;
}
