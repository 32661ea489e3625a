import { join } from 'node:path';
import { readJson } from '../../base/json.ts';
import { PACKAGE_DIR } from '../../base/package-dir.ts';
import { logistic } from '../../stats/logistic.ts';
import { meanWithError } from '../../stats/standard-error.ts';
import type { AnchorRows } from '../length-controlled.ts';

/** γ by the number of the instruction. */
export type Difficulties = ReadonlyMap<number, number>;

/** λ / 2 with λ = 0.2 (`regularize_to_baseline_lambda`), over two models. */
export const ANCHOR_WEIGHT = 0.1;

/** Instructions of the benchmark. */
export const INSTRUCTIONS = 805;

interface GamedLengths {
  readonly gpt4_1106_preview_verbose: readonly number[];
  readonly gpt4_1106_preview_concise: readonly number[];
}

/**
 * p = σ(−1.8366 t + 0.7443 γ),  t = tanh(Δ / sd(Δ)) of gpt4_1106_preview_verbose, then of _concise
 *
 * Stands in for the labels of df_gamed.csv, the benchmark's regularisation data, which is published outside the code
 * repository. In the objective labels appear only as Σ p t and Σ p γ; the published coefficients of all models fix both
 * sums (−182.71 and 412.89), and any labels with these sums have the same optimum. The two numbers above give them.
 * Only the cross-validation, which splits the rows, can tell these labels from the true ones.
 *
 * null where the difficulties are not the published ones: the sums are then others.
 */
export function publishedAnchors(difficulties: Difficulties): AnchorRows | null {
  const gamma = Array.from({ length: INSTRUCTIONS }, (_, index) => difficulties.get(index));
  if (difficulties.size !== INSTRUCTIONS || gamma.includes(undefined)) return null;
  const lengths = readJson(join(PACKAGE_DIR, 'assets', 'alpaca-eval', 'gamed-lengths.json')) as GamedLengths;
  const models = [lengths.gpt4_1106_preview_verbose, lengths.gpt4_1106_preview_concise];
  const length = Float64Array.from(models.flatMap(lengthTerms));
  const difficulty = Float64Array.from(models.flatMap(() => gamma as number[]));
  const share = length.map((t, i) => logistic(-1.8366 * t + 0.7443 * difficulty[i]!));
  return hasPublishedSums({ length, difficulty, share, weight: ANCHOR_WEIGHT });
}

function lengthTerms(differences: readonly number[]): number[] {
  const error = meanWithError(differences).standardError as number;
  const deviation = error * Math.sqrt(differences.length);
  return differences.map((d) => Math.tanh(d / deviation));
}

/** Difficulties in few digits move the sums by less than this, others by more. */
const NEAR = 0.1;

function hasPublishedSums(anchors: AnchorRows): AnchorRows | null {
  const sum = (x: Float64Array) => x.reduce((total, value, i) => total + value * anchors.share[i]!, 0);
  const near =
    Math.abs(sum(anchors.length) + 182.71) < NEAR && Math.abs(sum(anchors.difficulty) - 412.89) < NEAR;
  return near ? anchors : null;
}
