import { apply1, lastDim, ShapeError, type Value } from './value.ts';

/**
 * Rows of a table by their numbers: table [V, D], ids [...] → [..., D].
 * Not differentiable in the graph: the host adds the few rows that a batch touches into a table's gradient.
 */
export function gatherRows(table: Value, ids: Value): Value {
  if (table.shape.length !== 2)
    throw new ShapeError('gatherRows', [table.shape, ids.shape], 'needs a table [V, D]');
  return apply1({
    op: 'Gather',
    attributes: { axis: 0 },
    inputs: [table, ids],
    shape: [...ids.shape, lastDim('gatherRows', table.shape)],
  });
}
