import { Random } from '../base/random.ts';
import type { LayerKind } from '../model/architecture.ts';
import type { HostTensor } from '../tensor/program.ts';
import { UNSEEN } from '../text/rows.ts';
import { Arena } from './arena.ts';
import type { Policy } from './policy.ts';

export interface GenerationOptions {
  readonly maxNewTokens: number;
  /** 0: greedy. */
  readonly temperature: number;
  /** Nucleus: sample among the likeliest tokens that together reach this probability. 1: all. */
  readonly topP: number;
  readonly seed: number;
  /** Tokens that end an answer; they are not part of it. */
  readonly stopIds: readonly number[];
  /** Rows generated together. Default 32. */
  readonly batchRows?: number;
  readonly onProgress?: (done: number) => void;
}

export interface Generation {
  readonly tokens: Int32Array;
  /** A stop token came before the limit of new tokens or of the context. */
  readonly ended: boolean;
}

/**
 * Continues prompts (each at least one token), with a key/value cache, in batches of similar lengths. Every
 * prompt draws from a random stream of its own place in the list, so neither the batches nor the other prompts
 * change what is drawn.
 */
export async function generate(
  policy: Policy,
  prompts: readonly Int32Array[],
  options: GenerationOptions,
): Promise<Generation[]> {
  const order = prompts
    .map((_, i) => i)
    .sort((a, b) => (prompts[a] as Int32Array).length - (prompts[b] as Int32Array).length || a - b);
  const out: Generation[] = new Array(prompts.length);
  const step = options.batchRows ?? 32;
  for (let from = 0; from < order.length; from += step) {
    const indices = order.slice(from, from + step);
    const generations = await generateBatch(
      policy,
      indices.map((i) => prompts[i] as Int32Array),
      indices,
      options,
    );
    indices.forEach((index, row) => {
      out[index] = generations[row] as Generation;
    });
    options.onProgress?.(Math.min(from + step, order.length));
  }
  return out;
}

interface Cache {
  readonly keys: HostTensor;
  readonly values: HostTensor;
}

async function generateBatch(
  policy: Policy,
  prompts: readonly Int32Array[],
  labels: readonly number[],
  options: GenerationOptions,
): Promise<Generation[]> {
  const { config } = policy;
  const rows = prompts.length;
  const width = Math.max(...prompts.map((prompt) => prompt.length));
  // Prompts are aligned at their end; what is before a shorter one is seen by nothing.
  const padding = prompts.map((prompt) => width - prompt.length);
  const randoms = labels.map((label) => new Random(options.seed, 'generate', label));
  const produced: number[][] = prompts.map(() => []);
  const ended = new Array<boolean>(rows).fill(false);
  const full = new Array<boolean>(rows).fill(false);
  const arenas = [new Arena(), new Arena()] as const;

  let ids = new BigInt64Array(rows * width);
  let positions = new BigInt64Array(rows * width);
  prompts.forEach((prompt, row) => {
    prompt.forEach((token, t) => {
      const at = row * width + (padding[row] as number) + t;
      ids[at] = BigInt(token);
      positions[at] = BigInt(t);
    });
  });
  const empty = { data: new Float32Array(0), shape: [rows, config.kvHeads, 0, config.headDim] };
  let caches: Cache[] = Array.from({ length: config.layers }, () => ({ keys: empty, values: empty }));
  for (let round = 0; round < options.maxNewTokens; round++) {
    const arena = arenas[round % 2] as Arena;
    arena.release();
    const fresh = round === 0 ? width : 1;
    const seen = round === 0 ? 0 : width + round - 1;
    const pass = await decode(policy, arena, { rows, fresh, seen, ids, positions, padding, caches });
    caches = pass.caches;
    ids = new BigInt64Array(rows);
    positions = new BigInt64Array(rows);
    for (let row = 0; row < rows; row++) {
      const length = (prompts[row] as Int32Array).length + (produced[row] as number[]).length;
      if (!ended[row] && length >= config.maxPositions) full[row] = true;
      if (ended[row] || full[row]) continue;
      const logits = pass.logits.subarray(row * config.vocabSize, (row + 1) * config.vocabSize);
      const token = sample(logits, options, randoms[row] as Random);
      if (options.stopIds.includes(token)) ended[row] = true;
      else (produced[row] as number[]).push(token);
      ids[row] = BigInt(token);
      positions[row] = BigInt(length);
    }
    if (ended.every((done, row) => done || full[row])) break;
  }
  return produced.map((tokens, row) => ({ tokens: Int32Array.from(tokens), ended: ended[row] as boolean }));
}

interface DecodeState {
  readonly rows: number;
  /** Tokens a row that are new in this pass. */
  readonly fresh: number;
  /** Tokens a row in the caches. */
  readonly seen: number;
  readonly ids: BigInt64Array;
  readonly positions: BigInt64Array;
  readonly padding: readonly number[];
  readonly caches: readonly Cache[];
}

async function decode(
  policy: Policy,
  arena: Arena,
  state: DecodeState,
): Promise<{ logits: Float32Array; caches: Cache[] }> {
  const { config, programs } = policy;
  const { rows, fresh, seen } = state;
  const keys = seen + fresh;
  const positions = { data: state.positions, shape: [rows, fresh] };
  const masks = new Map<number | null, HostTensor>();
  for (const { window } of config.layerKinds)
    if (!masks.has(window)) masks.set(window, cacheMask(arena, state, window));
  const embedder = await programs.embed();
  const embedded = await embedder.run(
    { ids: { data: state.ids, shape: [rows, fresh] }, ...policy.outerFeeds },
    arena.allocate,
  );
  let hidden = embedded.hidden as HostTensor;
  const caches: Cache[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const program = await programs.decode(layer);
    const { window, rope } = config.layerKinds[layer] as LayerKind;
    const shared = { positions, mask0: masks.get(window) as HostTensor, ...policy.rotary(rope, keys) };
    const { keys: pastKeys, values: pastValues } = state.caches[layer] as Cache;
    const result = await program.run(
      { hidden, pastKeys, pastValues, ...shared, ...policy.layerFeeds(layer) },
      arena.allocate,
    );
    hidden = result.out as HostTensor;
    caches.push({ keys: result.keys as HostTensor, values: result.values as HostTensor });
  }
  const width = config.hiddenSize;
  const last = arena.allocate(rows * width);
  for (let row = 0; row < rows; row++) {
    const at = ((row + 1) * fresh - 1) * width;
    last.set((hidden.data as Float32Array).subarray(at, at + width), row * width);
  }
  const head = await programs.head('logits');
  const { logits } = await head.run(
    { hidden: { data: last, shape: [rows, width] }, ...policy.outerFeeds },
    arena.allocate,
  );
  return { logits: logits?.data as Float32Array, caches };
}

/** What each new token sees of the cache and of the new tokens, [B, 1, 1, T, P + T]; window as in `LayerKind`. */
function cacheMask(
  arena: Arena,
  { rows, fresh, seen, padding }: DecodeState,
  window: number | null,
): HostTensor {
  const keys = seen + fresh;
  const data = arena.allocate(rows * fresh * keys).fill(UNSEEN);
  for (let row = 0; row < rows; row++)
    for (let t = 0; t < fresh; t++) {
      const line = (row * fresh + t) * keys;
      const itself = seen + t;
      const oldest = window === null ? 0 : itself - window + 1;
      // A padding token sees itself, or its softmax would have nothing to stand on.
      const from = Math.min(Math.max(padding[row] as number, oldest), itself);
      data.fill(0, line + from, line + itself + 1);
    }
  return { data, shape: [rows, 1, 1, fresh, keys] };
}

/** The next token: the likeliest (the first of equals), or drawn from softmax(logits / temperature) within the nucleus. */
export function sample(
  logits: Float32Array,
  options: Pick<GenerationOptions, 'temperature' | 'topP'>,
  random: Random,
): number {
  let best = 0;
  for (let v = 1; v < logits.length; v++) if ((logits[v] as number) > (logits[best] as number)) best = v;
  if (options.temperature === 0) return best;
  const top = logits[best] as number;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - top) / options.temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (options.topP >= 1) return draw(weights, weights.keys(), total, random);
  const order = [...weights.keys()].sort((a, b) => (weights[b] as number) - (weights[a] as number) || a - b);
  let kept = 0;
  let mass = 0;
  while (kept < order.length && mass < options.topP * total)
    mass += weights[order[kept++] as number] as number;
  return draw(weights, order.slice(0, kept), mass, random);
}

function draw(weights: Float64Array, among: Iterable<number>, total: number, random: Random): number {
  let rest = random.uniform() * total;
  let last = 0;
  for (const v of among) {
    last = v;
    rest -= weights[v] as number;
    if (rest < 0) return v;
  }
  return last;
}
