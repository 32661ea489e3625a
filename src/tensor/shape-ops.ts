import { addDims, type Dim, multiplyDims, type Shape } from './dim.ts';
import { apply, apply1, integers, ShapeError, type Value } from './value.ts';

/**
 * The same elements under another shape (row-major).
 * At run time a dimension is written as its number, as "the input's at this place", or, at most once, as
 * "what remains"; a shape that needs more cannot be expressed and is refused.
 */
export function reshape(x: Value, shape: Shape): Value {
  if (multiplyDims(x.shape) !== multiplyDims(shape))
    throw new ShapeError('reshape', [x.shape, shape], 'sizes differ');
  let inferred = false;
  const codes = shape.map((dim, place) => {
    if (typeof dim === 'number') return dim;
    if (x.shape[place] === dim) return 0;
    if (inferred)
      throw new ShapeError('reshape', [x.shape, shape], 'more than one dimension would have to be inferred');
    inferred = true;
    return -1;
  });
  return apply1({
    op: 'Reshape',
    inputs: [x, integers(codes)],
    shape,
    backward: ([dy]) => [dy && reshape(dy, x.shape), undefined],
  });
}

/** Dimensions in another order: output dimension i is input dimension `permutation[i]`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  const sorted = [...permutation].sort((a, b) => a - b);
  if (sorted.length !== x.shape.length || sorted.some((place, i) => place !== i))
    throw new ShapeError('transpose', [x.shape, permutation], 'not a permutation of the dimensions');
  const inverse: number[] = [];
  permutation.forEach((from, to) => {
    inverse[from] = to;
  });
  return apply1({
    op: 'Transpose',
    attributes: { perm: permutation },
    inputs: [x],
    shape: permutation.map((place) => x.shape[place] as Dim),
    backward: ([dy]) => [dy && transpose(dy, inverse)],
  });
}

/**
 * Cuts a dimension into parts. `sizes` [parts.length] tells their sizes at run time; numbers need none.
 * The gradient joins those of the parts.
 */
export function split(x: Value, axis: number, parts: readonly Dim[], sizes?: Value): Value[] {
  if (parts.reduce(addDims) !== x.shape[axis])
    throw new ShapeError('split', [x.shape, parts], `the parts do not make up dimension ${axis}`);
  return apply({
    op: 'Split',
    attributes: { axis },
    inputs: [x, sizes ?? integers(parts as readonly number[])],
    outputs: parts.map((part) => ({ shape: x.shape.map((dim, i) => (i === axis ? part : dim)) })),
    backward: (cotangents) => {
      if (!cotangents.every((dy) => dy !== undefined))
        throw new Error('split: a part that nothing uses has no gradient');
      return [concatenate(cotangents as Value[], axis), undefined];
    },
  });
}

/** Joins along an axis. The gradient is cut where the parts meet. */
export function concatenate(parts: readonly Value[], axis: number): Value {
  const first = parts[0];
  if (first === undefined) throw new RangeError('concatenate: no parts');
  if (parts.length === 1) return first;
  for (const part of parts)
    if (
      part.shape.length !== first.shape.length ||
      part.shape.some((dim, i) => i !== axis && dim !== first.shape[i])
    )
      throw new ShapeError('concatenate', [first.shape, part.shape], `differ beyond axis ${axis}`);
  const dims = parts.map((part) => part.shape[axis] as Dim);
  return apply1({
    op: 'Concat',
    attributes: { axis },
    inputs: parts,
    shape: first.shape.map((dim, i) => (i === axis ? dims.reduce(addDims) : dim)),
    dtype: first.dtype,
    backward: ([dy]) => {
      if (!dy) return parts.map(() => undefined);
      return split(
        dy,
        axis,
        dims,
        dims.every((dim) => typeof dim === 'number') ? undefined : lengths(parts, axis),
      );
    },
  });
}

/** [parts.length], i64: how long the parts are along an axis, at run time. */
function lengths(parts: readonly Value[], axis: number): Value {
  const one = (part: Value) =>
    apply1({
      op: 'Shape',
      attributes: { start: axis, end: axis + 1 },
      inputs: [part],
      shape: [1],
      dtype: 'i64',
    });
  return apply1({
    op: 'Concat',
    attributes: { axis: 0 },
    inputs: parts.map(one),
    shape: [parts.length],
    dtype: 'i64',
  });
}

/** The shape two operands broadcast to (numpy's rule). */
export function broadcastShape(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new ShapeError(op, [a, b], `dimensions ${left} and ${right} do not broadcast`);
  });
}

/** Sums out what broadcasting added, so that a gradient has the shape of its operand. */
export function sumTo(x: Value, shape: Shape): Value {
  const extra = x.shape.length - shape.length;
  const leading = Array.from({ length: extra }, (_, i) => i);
  const stretched = shape.flatMap((dim, i) => (dim === 1 && x.shape[i + extra] !== 1 ? [i + extra] : []));
  let out = x;
  if (stretched.length > 0) out = reduce('ReduceSum', out, stretched, true);
  if (leading.length > 0) out = reduce('ReduceSum', out, leading, false);
  return out;
}

function reduce(op: 'ReduceSum' | 'ReduceMean', x: Value, axes: readonly number[], keep: boolean): Value {
  const shape = x.shape.flatMap((dim, i) => (axes.includes(i) ? (keep ? [1] : []) : [dim]));
  return apply1({ op, attributes: { keepdims: keep ? 1 : 0 }, inputs: [x, integers(axes)], shape });
}

/** Sum over the last dimension, which becomes 1. */
export function sumLast(x: Value): Value {
  const rank = x.shape.length;
  const y = reduce('ReduceSum', x, [rank - 1], true);
  (y.producer as { backward?: unknown }).backward = ([dy]: readonly (Value | undefined)[]) => [
    dy && expandLike(dy, x),
  ];
  return y;
}

/** Mean over the last dimension, which becomes 1. */
export function meanLast(x: Value): Value {
  return reduce('ReduceMean', x, [x.shape.length - 1], true);
}

/** Broadcasts to the shape of another value (at run time). */
function expandLike(x: Value, like: Value): Value {
  const shape = apply1({ op: 'Shape', inputs: [like], shape: [like.shape.length], dtype: 'i64' });
  return apply1({
    op: 'Expand',
    inputs: [x, shape],
    shape: like.shape,
    backward: ([dy]) => [dy && sumTo(dy, x.shape), undefined],
  });
}
