import { EMBEDDING, layerPrefix } from '../model/tensors.ts';
import type { HostTensor } from '../tensor/program.ts';
import type { RowBatch } from '../text/rows.ts';
import { embed, gatherPredicting, headChunks, sharedFeeds, targetFeed } from './forward.ts';
import { type CompletionLogProb, perCompletion } from './log-probs.ts';
import type { Parameter, Policy } from './policy.ts';

/**
 * Slopes of a loss from the log-probabilities, for every completion in the batch: ∂loss / ∂(log π(y | x)) where its
 * tokens share one slope, or ∂loss / ∂(log π(y_t | x, y_<t)) for each of its tokens.
 */
export type LossSlopes = (logProbs: readonly CompletionLogProb[]) => ArrayLike<number | ArrayLike<number>>;

/**
 * Adds the gradient of a loss to the policy's parameters: forward pass, slopes of the loss with respect to the
 * log-probabilities of completions or of their tokens, backward pass. Gives the log-probabilities of the forward pass.
 */
export async function accumulateGradient(
  policy: Policy,
  batch: RowBatch,
  slopes: LossSlopes,
): Promise<CompletionLogProb[]> {
  const { arena, programs, config } = policy;
  arena.release();
  const { rows, length } = batch;
  const saving = config.layers * programs.savedBytes({ B: rows, T: length }) <= policy.activationBytes;
  const shared = sharedFeeds(policy, batch);
  const kept: Record<string, HostTensor>[] = [];
  let hidden = await embed(policy, batch);
  for (let layer = 0; layer < config.layers; layer++) {
    const program = await programs.forward(layer, batch.segments.length, saving);
    const { out, ...saved } = await program.run(
      { hidden, ...shared(layer), ...policy.layerFeeds(layer) },
      arena.allocate,
    );
    kept.push({ hidden, ...saved });
    hidden = out as HostTensor;
  }
  const { logProbs, gradient } = await headGradient(policy, batch, hidden, slopes);
  let dOut: HostTensor = { data: gradient, shape: hidden.shape };
  for (let layer = config.layers - 1; layer >= 0; layer--) {
    const program = await programs.backward(layer, batch.segments.length, saving);
    const feeds = { ...kept[layer], ...shared(layer), ...policy.layerFeeds(layer), dOut };
    const grads = await program.run(feeds, arena.allocate);
    for (const [name, { data }] of Object.entries(grads))
      if (name !== 'd.hidden') addInto(policy.parameters.get(layerPrefix(layer) + name.slice(2)), data);
    if (grads['d.hidden'] !== undefined) dOut = grads['d.hidden'];
  }
  const table = policy.parameters.get(EMBEDDING);
  if (table !== undefined) scatterRows(table, batch, dOut.data as Float32Array, config.embeddingScale);
  return logProbs;
}

/** The head's part: log-probabilities, the gradient with respect to the last hidden states, its own gradients. */
async function headGradient(
  policy: Policy,
  batch: RowBatch,
  hidden: HostTensor,
  slopes: LossSlopes,
): Promise<{ logProbs: CompletionLogProb[]; gradient: Float32Array }> {
  const { arena, programs } = policy;
  const { at } = batch.predictions;
  const count = at.length;
  const tokens = new Float64Array(count);
  const gradient = arena.allocate(hidden.data.length).fill(0);
  const width = policy.config.hiddenSize;
  const program = await programs.head('gradients');
  const run = async (from: number, to: number, g: Float32Array) =>
    program.run(
      {
        hidden: gatherPredicting(policy, hidden, batch, from, to),
        targets: targetFeed(batch, from, to),
        g: { data: g, shape: [to - from, 1] },
        ...policy.outerFeeds,
      },
      arena.allocate,
    );
  const scatter = (from: number, rowGradients: Float32Array, factor: (n: number) => number) => {
    for (let n = 0; n * width < rowGradients.length; n++) {
      const target = (at[from + n] as number) * width;
      const f = factor(from + n);
      // The last prompt token predicts the first token of every completion: add, do not set.
      for (let i = 0; i < width; i++)
        gradient[target + i] = (gradient[target + i] as number) + f * (rowGradients[n * width + i] as number);
    }
  };
  if (policy.trained.method !== 'full') {
    // A frozen head: the gradient of each token's log-probability is formed in the same pass, before the loss's
    // slope is known; the slope is one number a token and is multiplied in afterwards.
    const perToken: { from: number; data: Float32Array }[] = [];
    for (const [from, to] of headChunks(policy, count)) {
      const result = await run(from, to, arena.allocate(to - from).fill(1));
      tokens.set(result.logProbs?.data as Float32Array, from);
      perToken.push({ from, data: result['d.hidden']?.data as Float32Array });
    }
    const logProbs = perCompletion(batch, tokens);
    const slope = perPrediction(batch, slopes(logProbs));
    for (const { from, data } of perToken) scatter(from, data, (n) => slope[n] as number);
    return { logProbs, gradient };
  }
  const forward = await programs.head('logProbs');
  for (const [from, to] of headChunks(policy, count)) {
    const mark = arena.mark();
    const feeds = {
      hidden: gatherPredicting(policy, hidden, batch, from, to),
      targets: targetFeed(batch, from, to),
    };
    const result = await forward.run({ ...feeds, ...policy.outerFeeds }, arena.allocate);
    tokens.set(result.logProbs?.data as Float32Array, from);
    arena.release(mark);
  }
  const logProbs = perCompletion(batch, tokens);
  const slope = perPrediction(batch, slopes(logProbs));
  for (const [from, to] of headChunks(policy, count)) {
    const mark = arena.mark();
    const g = arena.allocate(to - from);
    g.set(slope.subarray(from, to));
    const result = await run(from, to, g);
    scatter(from, result['d.hidden']?.data as Float32Array, () => 1);
    for (const [name, { data }] of Object.entries(result))
      if (name.startsWith('d.') && name !== 'd.hidden') addInto(policy.parameters.get(name.slice(2)), data);
    arena.release(mark);
  }
  return { logProbs, gradient };
}

/** The slopes of completions as one number a predicted token. */
function perPrediction(
  { predictions: { completion } }: RowBatch,
  slopes: ArrayLike<number | ArrayLike<number>>,
): Float64Array {
  let first = 0;
  return Float64Array.from(completion, (c, n) => {
    if (n > 0 && completion[n - 1] !== c) first = n;
    const slope = slopes[c] as number | ArrayLike<number>;
    return typeof slope === 'number' ? slope : (slope[n - first] as number);
  });
}

function addInto(parameter: Parameter | undefined, data: Float32Array | BigInt64Array): void {
  if (parameter === undefined) throw new Error('a gradient for what is not trained');
  const { gradient } = parameter;
  const source = data as Float32Array;
  for (let i = 0; i < gradient.length; i++) gradient[i] = (gradient[i] as number) + (source[i] as number);
}

/** The embedding's gradient: each token's row takes what arrives at the token's places. */
function scatterRows(table: Parameter, batch: RowBatch, gradient: Float32Array, factor: number): void {
  const width = table.shape[1] as number;
  for (let t = 0; t < batch.ids.length; t++) {
    const row = Number(batch.ids[t]) * width;
    for (let i = 0; i < width; i++)
      table.gradient[row + i] =
        (table.gradient[row + i] as number) + factor * (gradient[t * width + i] as number);
  }
}
