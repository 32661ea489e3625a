import { inputError } from '../base/errors.ts';
import { groupFolds } from '../stats/group-folds.ts';
import { fitL1Logistic } from '../stats/l1-logistic.ts';
import { logistic } from '../stats/logistic.ts';
import { chooseStrength } from '../stats/logistic-strength.ts';
import { meanWithError } from '../stats/standard-error.ts';
import {
  type AnchorRows,
  type LengthDesign,
  type LengthJudgment,
  lengthDesign,
} from './length-control-design.ts';
import { samplingError } from './length-control-error.ts';

export type { AnchorRows, LengthJudgment };

export interface LengthControlOptions {
  /** Only with difficulties. */
  readonly anchors?: AnchorRows;
  /** C of the penalty. Default: chosen by cross-validation. */
  readonly strength?: number;
}

export interface LengthControlledWinRate {
  /** The model's share of the win if all answers were as long as the baseline's, 0 … 1. */
  readonly winRate: number;
  /** What other prompts of the same kind would change, from the judgments' own scatter. null where it cannot be told. */
  readonly standardError: number | null;
  /**
   * AlpacaEval's `lc_standard_error` as a share: the scatter of the predictions over the prompts, over √n. It leaves out
   * that the coefficients are estimated, so it is smaller than `standardError`, and 0 without difficulties.
   */
  readonly predictionError: number;
  /** C. null for a model that is the baseline: nothing is fitted. */
  readonly strength: number | null;
  readonly coefficients: LengthControlCoefficients;
  /** Rows with a share; the others are only predicted. */
  readonly fitted: number;
  readonly predicted: number;
}

export interface LengthControlCoefficients {
  /** φ. null where both answers are equally long in every row and no anchors say more: length has no part. */
  readonly length: number | null;
  /** ψ. null without difficulties. */
  readonly difficulty: number | null;
  /** θ, the model's strength. */
  readonly model: number;
}

/** Folds of the cross-validation, and so the fewest judgments. */
const FOLDS = 5;

/**
 * LC = (1/n) Σ_x σ(ψ γ_x + θ)  with φ, ψ, θ of
 *
 *   logit P(the model wins) = φ · tanh(Δ / sd(Δ)) + ψ · γ_x + θ,   Δ = baseline's length − model's length
 *
 * fitted by {@link fitL1Logistic} to the shares, C by five-fold cross-validation over rows. sd is the sample standard
 * deviation over all rows. Anchor rows have no θ. *Reference:* Dubois, Galambosi, Liang and Hashimoto 2024,
 * "Length-Controlled AlpacaEval" (arXiv 2404.04475), and alpaca_eval's `glm_winrate.py`.
 *
 * Without difficulties the ψ term is left out (alpaca_eval's `length_controlled_minimal`). Where all lengths are equal
 * the φ term is left out. A model judged ½ everywhere at equal lengths is the baseline: ½ exactly, as published.
 * All wins, or separable rows, give what the penalty leaves: near 1, never a failure. Swapping both sides gives 1 − LC.
 * @throws inputError with fewer than five judgments (n = 0 and 1 too), and where every answer is longer by the same
 *   number, so that length cannot be told from the model; machineError `fit-not-converged`.
 */
export function lengthControlledWinRate(
  rows: readonly LengthJudgment[],
  options: LengthControlOptions = {},
): LengthControlledWinRate {
  const judged = rows.filter(({ share }) => share !== null);
  if (judged.length < FOLDS) {
    throw inputError('too-few-judgments', 'too few judgments to control for length', {
      need: `at least ${FOLDS}, one for each fold of the cross-validation`,
      got: judged.length,
    });
  }
  if (isBaseline(rows)) return asBaseline(rows, judged.length);
  const design = lengthDesign(rows, options.anchors);
  const { strength = chooseStrength(design.rows, groupFolds(design.rows.shares.length, FOLDS)).strength } =
    options;
  const { coefficients } = fitL1Logistic(design.rows, strength);
  const named = nameCoefficients(coefficients, design);
  const predictions = Float64Array.from(rows, ({ difficulty = 0 }) =>
    logistic((named.difficulty ?? 0) * difficulty + named.model),
  );
  const { mean, standardError } = meanWithError(predictions);
  return {
    winRate: mean,
    standardError: samplingError(design, coefficients, predictions),
    predictionError: standardError ?? 0,
    strength,
    coefficients: named,
    fitted: judged.length,
    predicted: rows.length,
  };
}

function nameCoefficients(coefficients: readonly number[], design: LengthDesign): LengthControlCoefficients {
  const at = (column: number) => (column < 0 ? null : (coefficients[column] as number));
  return {
    length: at(design.lengthColumn),
    difficulty: at(design.difficultyColumn),
    model: coefficients.at(-1) as number,
  };
}

/** Judged ½ in every row, at equal lengths. */
function isBaseline(rows: readonly LengthJudgment[]): boolean {
  return rows.every(
    ({ share, lengthModel, lengthBaseline }) =>
      lengthModel === lengthBaseline && (share === null || share === 0.5),
  );
}

function asBaseline(rows: readonly LengthJudgment[], fitted: number): LengthControlledWinRate {
  const difficulty = rows.some((row) => row.difficulty !== undefined) ? 0 : null;
  return {
    winRate: 0.5,
    standardError: 0,
    predictionError: 0,
    strength: null,
    coefficients: { length: 0, difficulty, model: 0 },
    fitted,
    predicted: rows.length,
  };
}
