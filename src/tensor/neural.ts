import { add, exponential, multiply, negate, softcap, subtract } from './elementwise.ts';
import { matmul, matmulShape } from './matmul.ts';
import { meanLast, sumLast, sumTo, transpose } from './shape-ops.ts';
import { apply, apply1, constant, type Node, ShapeError, type Value } from './value.ts';

/** softmax(x)_i = exp(x_i) / Σ_j exp(x_j) over the last dimension; dx = y·(dy − Σ dy·y). */
export function softmax(x: Value): Value {
  const y: Value = softmaxNode(x, ([dy]) => [dy && multiply(y, subtract(dy, sumLast(multiply(dy, y))))]);
  return y;
}

function softmaxNode(x: Value, backward: NonNullable<Node['backward']>): Value {
  return apply1({ op: 'Softmax', attributes: { axis: -1 }, inputs: [x], shape: x.shape, backward });
}

/**
 * Attention: O = P·V with P = softmax(α·Q·Kᵀ + mask), leading dimensions broadcast. With a cap c, α·Q·Kᵀ becomes
 * c·tanh(α·Q·Kᵀ / c) first (Gemma 2).
 * Q [..., T, d], K and V [..., S, d], mask broadcasts to [..., T, S].
 * Backward, with δ = Σ_d dO·O (= Σ_s dP·P, but d numbers a row instead of S; Dao et al. 2022, appendix B):
 *   dV = Pᵀ·dO,  dP = dO·Vᵀ,  d(scores) = P·(dP − δ).
 */
export function attention(
  q: Value,
  k: Value,
  v: Value,
  mask: Value,
  alpha: number,
  cap: number | null = null,
): Value {
  // wideᵀ·narrow, [.., S, T]·[.., T, d]. Narrow heads turn it over, so that what is transposed is narrow too: twice
  // as fast at d = 8, a quarter slower at d = 64 (measured).
  const turned = (narrow: Value, wide: Value, factor: number) =>
    Number(narrow.shape.at(-1)) < 32
      ? swapLast(matmul(swapLast(narrow), wide, { alpha: factor }))
      : matmul(wide, narrow, { transposeA: true, alpha: factor });
  const products = apply1({
    op: 'FusedMatMul',
    domain: 'com.microsoft',
    attributes: { transA: 0, transB: 1, alpha: { float: alpha } },
    inputs: [q, k],
    shape: matmulShape(q.shape, k.shape, false, true),
    backward: ([dScores], wanted) => [
      dScores && wanted[0] ? sumTo(matmul(dScores, k, { alpha }), q.shape) : undefined,
      dScores && wanted[1] ? sumTo(turned(q, dScores, alpha), k.shape) : undefined,
    ],
  });
  const scores = add(cap === null ? products : softcap(products, cap), mask);
  // P is private: what arrives at it is already the gradient of the scores.
  const p = softmaxNode(scores, ([dScores]) => [dScores]);
  const product = matmul(p, v);
  const o: Value = apply1({
    op: 'MatMul',
    inputs: [p, v],
    shape: product.shape,
    backward: ([dO], wanted) => {
      if (!dO) return [undefined, undefined];
      const delta = sumLast(multiply(dO, o));
      return [
        wanted[0] ? multiply(p, subtract(matmul(dO, v, { transposeB: true }), delta)) : undefined,
        wanted[1] ? sumTo(turned(dO, p, 1), v.shape) : undefined,
      ];
    },
  });
  return o;
}

function swapLast(x: Value): Value {
  const rank = x.shape.length;
  const order = Array.from({ length: rank }, (_, i) => i);
  return transpose(x, [...order.slice(0, -2), rank - 1, rank - 2]);
}

/**
 * RMSNorm(x) = x / sqrt(mean(x²) + ε) · w over the last dimension (Zhang and Sennrich 2019).
 * With r = 1 / sqrt(mean(x²) + ε):  dx = r·(dy·w − x·r²·mean(dy·w·x)),  dw = Σ_rows dy·x·r.
 * x [..., D], weight [D].
 */
export function rmsNorm(x: Value, weight: Value, epsilon: number): Value {
  if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1))
    throw new ShapeError('rmsNorm', [x.shape, weight.shape], 'the weight must have the last dimension of x');
  const [y, inverse] = apply({
    op: 'SimplifiedLayerNormalization',
    attributes: { axis: -1, epsilon: { float: epsilon }, stash_type: 1 },
    inputs: [x, weight],
    outputs: [{ shape: x.shape }, { shape: [...x.shape.slice(0, -1), 1] }],
    backward: ([dy], wanted) => {
      if (!dy) return [undefined, undefined];
      const normed = multiply(x, inverse as Value);
      const dNormed = multiply(dy, weight);
      const dx = () =>
        multiply(inverse as Value, subtract(dNormed, multiply(normed, meanLast(multiply(dNormed, normed)))));
      return [
        wanted[0] ? dx() : undefined,
        wanted[1] ? sumTo(multiply(dy, normed), weight.shape) : undefined,
      ];
    },
  }) as [Value, Value];
  return y;
}

/**
 * Rotary position embedding in the half-split layout of Hugging Face checkpoints (Su et al. 2021).
 * x [B, T, H·d]; positions [B, T]; cosine and sine [positions, d/2]. Tables of fewer columns turn the start of each
 * of the H heads only. A rotation (times the tables' own factor): its gradient is the rotation back.
 */
export function rotary(x: Value, positions: Value, cosine: Value, sine: Value, heads: number): Value {
  if (
    x.shape.length !== 3 ||
    positions.shape.length !== 2 ||
    x.shape[0] !== positions.shape[0] ||
    x.shape[1] !== positions.shape[1]
  )
    throw new ShapeError('rotary', [x.shape, positions.shape], 'needs x [B, T, H·d] and positions [B, T]');
  const turned = 2 * Number(cosine.shape[1]);
  const whole = turned * heads === x.shape[2];
  return apply1({
    op: 'RotaryEmbedding',
    domain: 'com.microsoft',
    attributes: whole ? {} : { num_heads: heads, rotary_embedding_dim: turned },
    inputs: [x, positions, cosine, sine],
    shape: x.shape,
    backward: ([dy]) => [
      dy && rotary(dy, positions, cosine, negate(sine), heads),
      undefined,
      undefined,
      undefined,
    ],
  });
}

/**
 * log softmax(logits)[target] for each row: the log-probability of the token that came.
 * logits [N, V], targets [N, 1] → [N, 1].  d logits = g·(onehot(target) − softmax(logits)).
 */
export function tokenLogProb(logits: Value, targets: Value): Value {
  if (
    logits.shape.length !== 2 ||
    targets.shape.length !== 2 ||
    targets.shape[0] !== logits.shape[0] ||
    targets.shape[1] !== 1
  )
    throw new ShapeError(
      'tokenLogProb',
      [logits.shape, targets.shape],
      'needs logits [N, V] and targets [N, 1]',
    );
  // The two nodes have one gradient, formed at the second; `all` is private here, so the first passes it on as it is.
  const all = apply1({
    op: 'LogSoftmax',
    attributes: { axis: -1 },
    inputs: [logits],
    shape: logits.shape,
    backward: ([dLogits]) => [dLogits],
  });
  const taken: Value = apply1({
    op: 'GatherElements',
    attributes: { axis: 1 },
    inputs: [all, targets],
    shape: targets.shape,
    backward: ([g]) => {
      if (!g) return [undefined, undefined];
      const elsewhere = negate(multiply(exponential(all), g));
      const atTarget = multiply(g, subtract(constant(1), exponential(taken)));
      return [
        apply1({
          op: 'ScatterElements',
          attributes: { axis: 1 },
          inputs: [elsewhere, targets, atTarget],
          shape: logits.shape,
        }),
        undefined,
      ];
    },
  });
  return taken;
}
