import type { AnchorRows } from '../length-controlled.ts';
import { type Difficulties, publishedAnchors } from './anchors.ts';
import { type LengthControlled, lengthControl } from './length-control.ts';
import { type AlpacaSource, type ModelJudgments, readAlpacaJudgments } from './read.ts';
import { type WinRate, winRate } from './win-rate.ts';

export interface AlpacaEvalOptions {
  /** Files of judgments: annotations.json of alpaca_eval, or the slim form. */
  readonly annotations: readonly string[];
  /** Default: all models in the files. */
  readonly models?: readonly string[];
  /** Default true; false: win rates only. */
  readonly lengthControl?: boolean;
  /** Without them the length-controlled value is fitted without a difficulty term. */
  readonly difficulties?: Difficulties;
  /** The benchmark's own regularisation data; default: what stands in for them, with the published difficulties. */
  readonly anchors?: AnchorRows;
  /** See `LengthControlSettings`. */
  readonly byIndex?: boolean;
  /** C of the penalty; default: chosen by cross-validation, as published. */
  readonly strength?: number;
}

/** One line of the leaderboard. Rates and errors in percent. */
export interface AlpacaEvalModel extends WinRate, LengthControlled {
  readonly model: string;
  /** null where the judgments do not name it. */
  readonly baseline: string | null;
  /** Mean over all rows that tell a length. The leaderboard cuts it to a whole number. */
  readonly avgLengthChars: number | null;
  readonly avgLengthBaselineChars: number | null;
}

export interface AlpacaEvalResult {
  readonly models: readonly AlpacaEvalModel[];
  readonly sources: readonly AlpacaSource[];
  /** Models in the files that were not asked for. */
  readonly others: number;
}

/**
 * AlpacaEval's numbers from judgments: see `winRate` and `lengthControlledWinRate` for the formulas.
 *
 * A model whose length-controlled value cannot be fitted has the cause in `lengthControlledError`; the others are not
 * touched by it.
 * @throws inputError of what cannot be read.
 */
export async function alpacaEval(options: AlpacaEvalOptions): Promise<AlpacaEvalResult> {
  const { difficulties, strength, byIndex = false, lengthControl: wanted = true } = options;
  const { models, sources, others } = await readAlpacaJudgments(options.annotations, options.models);
  const settings = {
    difficulties: difficulties ?? null,
    anchors: difficulties === undefined ? null : (options.anchors ?? publishedAnchors(difficulties)),
    byIndex,
    strength: strength ?? null,
  };
  return {
    models: models.map((judged) => ({
      model: judged.model,
      baseline: judged.baseline,
      ...winRate(judged.preferences),
      ...(wanted ? lengthControl(judged, settings) : NOT_ASKED),
      avgLengthChars: meanLength(judged.lengthsModel),
      avgLengthBaselineChars: meanLength(judged.lengthsBaseline),
    })),
    sources,
    others,
  };
}

const NOT_ASKED: LengthControlled = {
  lengthControlledModel: null,
  lengthControlledWinRate: null,
  lcStandardError: null,
  lcSamplingError: null,
  strength: null,
  coefficients: null,
  lengthControlledError: null,
  notes: [],
};

function meanLength(lengths: ModelJudgments['lengthsModel']): number | null {
  const known = lengths.flatMap((length) => (length === null ? [] : [length]));
  return known.length === 0 ? null : known.reduce((sum, length) => sum + length, 0) / known.length;
}
