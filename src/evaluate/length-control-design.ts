import { inputError } from '../base/errors.ts';
import type { LogisticRows } from '../stats/l1-logistic.ts';
import { meanWithError } from '../stats/standard-error.ts';

/** One comparison of a model with a baseline on one prompt. */
export interface LengthJudgment {
  /** The model's share of the win, 0 … 1; null where the judge gave none: such a row is predicted, not fitted. */
  readonly share: number | null;
  /** Length of the model's answer: characters in AlpacaEval, or any other unit that both lengths have. */
  readonly lengthModel: number;
  readonly lengthBaseline: number;
  /** γ of the prompt: how much its comparisons are decided by which model is the better one. All rows or none. */
  readonly difficulty?: number;
}

/** Comparisons of other models with the same baseline that hold the fit in place; see {@link lengthControlledWinRate}. */
export interface AnchorRows {
  /** tanh(Δ / sd) of each row. */
  readonly length: Float64Array;
  readonly difficulty: Float64Array;
  readonly share: Float64Array;
  /** Weight of one such row; a judged one has 1. */
  readonly weight: number;
}

/** What is fitted: anchor rows first, then the judged ones, and what stands in which column. */
export interface LengthDesign {
  readonly rows: LogisticRows;
  /** How many rows at the start are anchors. */
  readonly anchors: number;
  /** Columns of φ and ψ, or −1 where the term is left out. θ is the last. */
  readonly lengthColumn: number;
  readonly difficultyColumn: number;
  /** γ of every row, judged or not; null without difficulties. */
  readonly difficulties: Float64Array | null;
  /** Numbers of the fitted rows among all. */
  readonly fitted: readonly number[];
}

/** Columns tanh(Δ / sd(Δ)), γ and 1 of the model that {@link lengthControlledWinRate} fits. */
export function lengthDesign(rows: readonly LengthJudgment[], anchors?: AnchorRows): LengthDesign {
  const length = lengthTerm(Float64Array.from(rows, (row) => row.lengthBaseline - row.lengthModel));
  const difficulties = difficultiesOf(rows);
  if (anchors !== undefined && difficulties === null)
    throw new RangeError('lengthControlledWinRate: anchors need difficulties');
  const before = anchors?.share.length ?? 0;
  const fitted = rows.flatMap(({ share }, i) => (share === null ? [] : [i]));
  const column = (ofAnchors: Float64Array | undefined, ofRow: (row: number) => number) =>
    Float64Array.from([...(ofAnchors ?? new Float64Array(before)), ...fitted.map(ofRow)]);
  const columns: Float64Array[] = [];
  const add = (values: Float64Array) => columns.push(values) - 1;
  // Where the rows say nothing of length, anchors still do.
  const hasLength = length !== null || anchors !== undefined;
  const lengthColumn = hasLength ? add(column(anchors?.length, (i) => length?.[i] ?? 0)) : -1;
  const difficultyColumn =
    difficulties === null ? -1 : add(column(anchors?.difficulty, (i) => difficulties[i]!));
  add(column(undefined, () => 1));
  return {
    rows: {
      columns,
      shares: column(anchors?.share, (i) => rows[i]!.share!),
      weights: column(new Float64Array(before).fill(anchors?.weight ?? 0), () => 1),
    },
    anchors: before,
    lengthColumn,
    difficultyColumn,
    difficulties,
    fitted,
  };
}

/** tanh(Δ / sd(Δ)); null where Δ is 0 throughout, which leaves no term. */
function lengthTerm(differences: Float64Array): Float64Array | null {
  const [first] = differences;
  if (differences.every((d) => d === first)) {
    if (first === 0) return null;
    throw inputError('length-difference-constant', 'both lengths differ by the same number in every row', {
      need: 'differences that vary: otherwise length cannot be told from the model',
      got: first,
    });
  }
  const error = meanWithError(differences).standardError as number;
  const deviation = error * Math.sqrt(differences.length);
  return differences.map((d) => Math.tanh(d / deviation));
}

function difficultiesOf(rows: readonly LengthJudgment[]): Float64Array | null {
  const known = rows.filter(({ difficulty }) => difficulty !== undefined).length;
  if (known === 0) return null;
  if (known < rows.length)
    throw new RangeError(`lengthControlledWinRate: ${known} of ${rows.length} rows have a difficulty`);
  return Float64Array.from(rows, ({ difficulty }) => difficulty as number);
}
