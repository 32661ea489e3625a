import { inputError, WinnowError } from '../../base/errors.ts';
import {
  type AnchorRows,
  type LengthControlCoefficients,
  type LengthJudgment,
  lengthControlledWinRate,
} from '../length-controlled.ts';
import type { Difficulties } from './anchors.ts';
import type { ModelJudgments } from './read.ts';

/**
 * What the length-controlled value was fitted with:
 * - `published`: length, instruction difficulty, and the benchmark's anchors (its regularisation data);
 * - `own-difficulty`: length and difficulty. The anchors belong to the published difficulties and are left out;
 * - `without-difficulty`: length alone, for prompts that have no published difficulty.
 */
export type LengthControlModel = 'published' | 'own-difficulty' | 'without-difficulty';

export interface LengthControlSettings {
  readonly difficulties: Difficulties | null;
  readonly anchors: AnchorRows | null;
  /** Difficulty of a row by its index, also where the published code takes its position. */
  readonly byIndex: boolean;
  /** C; null: cross-validated. */
  readonly strength: number | null;
}

/** Rates and errors in percent. A value, or null with its cause. */
export interface LengthControlled {
  /** null where no length-controlled value was asked for. */
  readonly lengthControlledModel: LengthControlModel | null;
  readonly lengthControlledWinRate: number | null;
  /** As published: the scatter of the predictions over instructions. Without difficulties `lcSamplingError`. */
  readonly lcStandardError: number | null;
  /** What other instructions and judgments of the same kind would change. */
  readonly lcSamplingError: number | null;
  /** C of the penalty; null where nothing was fitted. */
  readonly strength: number | null;
  /** φ, ψ and θ. */
  readonly coefficients: LengthControlCoefficients | null;
  /** Why there is no value. */
  readonly lengthControlledError: string | null;
  /** What a reader should know of how the value came about. */
  readonly notes: readonly string[];
}

/** The length-controlled win rate of one model's judgments; a fit that fails is a cause, not a number. */
export function lengthControl(judged: ModelJudgments, settings: LengthControlSettings): LengthControlled {
  const notes: string[] = [];
  const model = modelOf(settings);
  const base = { lengthControlledModel: model, notes };
  try {
    const { anchors, strength } = settings;
    const rows = judgmentsWithLengths(judged, settings, notes);
    const fit = lengthControlledWinRate(rows, {
      ...(anchors === null ? {} : { anchors }),
      ...(strength === null ? {} : { strength }),
    });
    if (fit.strength !== null && fit.coefficients.model === 0) notes.push(HELD_AT_ZERO);
    const samplingError = fit.standardError === null ? null : 100 * fit.standardError;
    return {
      ...base,
      lengthControlledWinRate: 100 * fit.winRate,
      lcStandardError: model === 'without-difficulty' ? samplingError : 100 * fit.predictionError,
      lcSamplingError: samplingError,
      strength: fit.strength,
      coefficients: fit.coefficients,
      lengthControlledError: null,
    };
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    const none = { lengthControlledWinRate: null, lcStandardError: null, lcSamplingError: null };
    return { ...base, ...none, strength: null, coefficients: null, lengthControlledError: error.message };
  }
}

const HELD_AT_ZERO =
  'the fit finds no strength of the model apart from the length of its answers (θ = 0), which reads as 50; with few judgments this is the penalty and no evidence';

function modelOf({ difficulties, anchors }: LengthControlSettings): LengthControlModel {
  if (difficulties === null) return 'without-difficulty';
  return anchors === null ? 'own-difficulty' : 'published';
}

function judgmentsWithLengths(
  judged: ModelJudgments,
  settings: LengthControlSettings,
  notes: string[],
): LengthJudgment[] {
  const difficulty = difficultyOf(judged, settings, notes);
  const rows = judged.preferences.flatMap((preference, i): LengthJudgment[] => {
    const [lengthModel, lengthBaseline] = [judged.lengthsModel[i]!, judged.lengthsBaseline[i]!];
    if (lengthModel === null || lengthBaseline === null) return [];
    const share = preference === null ? null : preference - 1;
    const gamma = difficulty(i);
    return [{ share, lengthModel, lengthBaseline, ...(gamma === null ? {} : { difficulty: gamma }) }];
  });
  const lacking = judged.preferences.length - rows.length;
  if (rows.length === 0) {
    throw inputError('no-lengths', 'no judgment has the lengths of both answers', {
      need: 'output_1 and output_2, or len_1 and len_2',
    });
  }
  if (lacking > 0)
    notes.push(`${count(lacking, 'judgment')} without lengths had no part in the length-controlled value`);
  return rows;
}

/** This share of the instructions is enough for taking positions for indices, as the leaderboard does. */
const NEARLY_ALL = 0.99;

/**
 * γ of the i-th judgment. A row's own index decides, where rows have one, or its position among the model's rows. The
 * published code takes the position always: of a model that lacks an instruction all later rows get the difficulty of
 * their neighbour (four models of those tested, with 803 or 804 rows). Their published values hold that, so it is kept where
 * only a few rows are missing.
 */
function difficultyOf(
  { preferences, indices }: ModelJudgments,
  { difficulties, byIndex }: LengthControlSettings,
  notes: string[],
): (i: number) => number | null {
  if (difficulties === null) return () => null;
  const [rows, known] = [preferences.length, difficulties.size];
  const hasIndices = !indices.includes(null);
  const few = rows < known && rows >= NEARLY_ALL * known;
  const usesIndex = hasIndices && (byIndex || !few);
  if (!usesIndex && rows !== known && (byIndex || !few)) {
    throw inputError('difficulty-unknown', 'judgments without an index cannot be matched with difficulties', {
      need: `${known} judgments, one for each difficulty in their order, or an index in each`,
      got: `${rows} judgments`,
      remedy: 'Give the rows an index, or leave --difficulty out',
    });
  }
  if (!usesIndex && few) {
    const shift = `${known - rows} of ${known} instructions missing: difficulties by position, as the published code takes them`;
    notes.push(hasIndices ? `${shift}; --by-index takes each row's own` : shift);
  }
  return (i) => {
    const index = usesIndex ? (indices[i] as number) : i;
    const value = difficulties.get(index);
    if (value !== undefined) return value;
    throw inputError('difficulty-unknown', 'there is no difficulty for a judgment', {
      got: `index ${index}`,
      need: `one of ${known} known`,
      remedy: 'Complete the file of difficulties, or leave --difficulty out',
    });
  };
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
