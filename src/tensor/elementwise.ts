import { broadcastShape, sumTo } from './shape-ops.ts';
import { apply1, constant, type Value } from './value.ts';

/** a + b, broadcasting. */
export function add(a: Value, b: Value): Value {
  return apply1({
    op: 'Add',
    inputs: [a, b],
    shape: broadcastShape('add', a.shape, b.shape),
    backward: ([dy], wanted) => [
      dy && wanted[0] ? sumTo(dy, a.shape) : undefined,
      dy && wanted[1] ? sumTo(dy, b.shape) : undefined,
    ],
  });
}

/** a − b, broadcasting. */
export function subtract(a: Value, b: Value): Value {
  return apply1({
    op: 'Sub',
    inputs: [a, b],
    shape: broadcastShape('subtract', a.shape, b.shape),
    backward: ([dy], wanted) => [
      dy && wanted[0] ? sumTo(dy, a.shape) : undefined,
      dy && wanted[1] ? sumTo(negate(dy), b.shape) : undefined,
    ],
  });
}

/** a · b element by element, broadcasting. */
export function multiply(a: Value, b: Value): Value {
  return apply1({
    op: 'Mul',
    inputs: [a, b],
    shape: broadcastShape('multiply', a.shape, b.shape),
    backward: ([dy], wanted) => [
      dy && wanted[0] ? sumTo(multiply(dy, b), a.shape) : undefined,
      dy && wanted[1] ? sumTo(multiply(dy, a), b.shape) : undefined,
    ],
  });
}

/** x times a number. */
export function scale(x: Value, factor: number): Value {
  return multiply(x, constant(factor));
}

/** −x. */
export function negate(x: Value): Value {
  return apply1({ op: 'Neg', inputs: [x], shape: x.shape, backward: ([dy]) => [dy && negate(dy)] });
}

/** σ(x) = 1 / (1 + exp(−x)); σ' = σ(1 − σ). */
export function sigmoid(x: Value): Value {
  const y: Value = apply1({
    op: 'Sigmoid',
    inputs: [x],
    shape: x.shape,
    backward: ([dy]) => [dy && multiply(dy, multiply(y, subtract(constant(1), y)))],
  });
  return y;
}

/**
 * SiLU(x) = x·σ(x), as one operation (QuickGelu with alpha 1).
 * Derivative σ(x) + SiLU(x)·(1 − σ(x)).
 */
export function silu(x: Value): Value {
  const y: Value = apply1({
    op: 'QuickGelu',
    domain: 'com.microsoft',
    attributes: { alpha: { float: 1 } },
    inputs: [x],
    shape: x.shape,
    backward: ([dy]) => {
      if (!dy) return [undefined];
      const s = sigmoid(x);
      return [multiply(dy, add(s, multiply(y, subtract(constant(1), s))))];
    },
  });
  return y;
}

/** exp(x). */
export function exponential(x: Value): Value {
  const y: Value = apply1({
    op: 'Exp',
    inputs: [x],
    shape: x.shape,
    backward: ([dy]) => [dy && multiply(dy, y)],
  });
  return y;
}

/** tanh(x); derivative 1 − tanh². */
export function hyperbolicTangent(x: Value): Value {
  const y: Value = apply1({
    op: 'Tanh',
    inputs: [x],
    shape: x.shape,
    backward: ([dy]) => [dy && multiply(dy, subtract(constant(1), multiply(y, y)))],
  });
  return y;
}

/** c·tanh(x / c): keeps x within ±c (Bello et al. 2017; Gemma 2). */
export function softcap(x: Value, cap: number): Value {
  return scale(hyperbolicTangent(scale(x, 1 / cap)), cap);
}

/**
 * GELU(x) in its tanh form (Hendrycks and Gimpel 2016), as one operation: x·σ(u) with
 * u = 2·√(2/π)·(x + 0.044715·x³), because (1 + tanh z) / 2 = σ(2z).
 * Derivative σ(u)·(1 + x·(1 − σ(u))·u').
 */
export function geluTanh(x: Value): Value {
  return apply1({
    op: 'Gelu',
    attributes: { approximate: { text: 'tanh' } },
    inputs: [x],
    shape: x.shape,
    backward: ([dy]) => {
      if (!dy) return [undefined];
      const slope = 2 * Math.sqrt(2 / Math.PI);
      const cubic = multiply(scale(multiply(x, x), 0.044715 * slope), x);
      const s = sigmoid(add(scale(x, slope), cubic));
      const du = add(constant(slope), scale(multiply(x, x), 3 * 0.044715 * slope));
      const bend = multiply(multiply(x, subtract(constant(1), s)), du);
      return [multiply(dy, multiply(s, add(constant(1), bend)))];
    },
  });
}
