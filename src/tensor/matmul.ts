import { type Dim, multiplyDims, type Shape } from './dim.ts';
import { broadcastShape, reshape, sumTo } from './shape-ops.ts';
import { apply1, lastDim, ShapeError, type Value } from './value.ts';

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Factor of the product. */
  readonly alpha?: number;
}

/**
 * alpha · A·B over the last two dimensions, either transposed, leading dimensions broadcast.
 * Gradients: dA = alpha · dY·Bᵀ, dB = alpha · Aᵀ·dY, each in the operand's own orientation.
 */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const shape = matmulShape(a.shape, b.shape, transposeA, transposeB);
  const plain = !transposeA && !transposeB && alpha === 1;
  return apply1({
    op: plain ? 'MatMul' : 'FusedMatMul',
    domain: plain ? '' : 'com.microsoft',
    attributes: plain
      ? {}
      : { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } },
    inputs: [a, b],
    shape,
    backward: ([dy], wanted) => {
      if (!dy) return [undefined, undefined];
      // Y = op(A)·op(B):  d op(A) = dY·op(B)ᵀ,  d op(B) = op(A)ᵀ·dY; a transposed operand takes the transpose.
      const dA = () =>
        transposeA
          ? matmul(b, dy, { transposeA: transposeB, transposeB: true, alpha })
          : matmul(dy, b, { transposeB: !transposeB, alpha });
      const dB = () => {
        // A weight shared by all rows: one product over all of them instead of one a row and a sum.
        if (b.shape.length === 2 && a.shape.length > 2 && !transposeA) {
          const x = flattenRows(a);
          const g = flattenRows(dy);
          return transposeB
            ? matmul(g, x, { transposeA: true, alpha })
            : matmul(x, g, { transposeA: true, alpha });
        }
        return transposeB
          ? matmul(dy, a, { transposeA: true, transposeB: transposeA, alpha })
          : matmul(a, dy, { transposeA: !transposeA, alpha });
      };
      return [wanted[0] ? sumTo(dA(), a.shape) : undefined, wanted[1] ? sumTo(dB(), b.shape) : undefined];
    },
  });
}

/** Shape of a product over the last two dimensions; refuses operands that do not fit. */
export function matmulShape(a: Shape, b: Shape, transposeA: boolean, transposeB: boolean): Shape {
  if (a.length < 2 || b.length < 2) throw new ShapeError('matmul', [a, b], 'needs two dimensions each');
  const [rows, innerA] = lastTwo(a, transposeA);
  const [innerB, columns] = lastTwo(b, transposeB);
  if (innerA !== innerB)
    throw new ShapeError('matmul', [a, b], `inner dimensions ${innerA} and ${innerB} differ`);
  return [...broadcastShape('matmul', a.slice(0, -2), b.slice(0, -2)), rows, columns];
}

/** x·Wᵀ: a linear layer with its weight [out, in] as checkpoints store it. x [..., in] → [..., out]. */
export function linear(x: Value, weight: Value): Value {
  return matmul(x, weight, { transposeB: true });
}

function lastTwo(shape: Shape, transposed: boolean): [Dim, Dim] {
  const last = lastDim('matmul', shape);
  const before = shape.at(-2) as Dim;
  return transposed ? [last, before] : [before, last];
}

function flattenRows(x: Value): Value {
  return reshape(x, [multiplyDims(x.shape.slice(0, -1)), lastDim('matmul', x.shape)]);
}
