import type { DroppedLabel, DroppedLabels, LabelRow } from '../difficulty/dropped.ts';
import type { Outlook } from '../difficulty/outlook.ts';
import type { GateResult } from '../evaluate/effects/gates.ts';
import type { TrainingEffects } from '../evaluate/effects/training-effects.ts';
import type { WinLengths } from '../evaluate/win-lengths.ts';
import type { CostSheet, Money } from '../pipeline/cost-sheet.ts';
import type { AutoKeep } from '../select/auto-keep.ts';
import type { SelectionEffects } from '../select/effects/selection-effects.ts';
import type { Interval } from '../stats/interval.ts';

/** 95 % bootstrap intervals over prompts (and training seeds, where there are several). */
export type { Interval };

/** What `report.json` holds; the page is drawn from this alone. Log-probabilities and losses are in nats. */
export interface ReportData {
  readonly version: string;
  readonly command: string;
  readonly seed: number;
  /** Wall-clock seconds of the work units of this run, summed over the stages; reused units count what they took then. */
  readonly seconds: number;
  readonly secondsByStage: readonly { readonly stage: string; readonly seconds: number }[];
  readonly model: { readonly name: string; readonly parameters: number; readonly trained: string };
  readonly data: { readonly file: string; readonly sha256: string; readonly format: string };
  readonly pairs: {
    /** Rows looked at: `used + refused`. */
    readonly read: number;
    /** `pool + heldOut`. */
    readonly used: number;
    readonly refused: number;
    /** Pairs that difficulty, selection and training see. */
    readonly pool: number;
    /** Pairs kept apart for evaluation: no training sees them or their prompts. */
    readonly heldOut: number;
    readonly refusedBy: Readonly<Record<string, number>>;
    /** Pairs whose prompt was cut at its start to fit the context. */
    readonly promptsCut: number;
  };
  readonly hyperParameters: Readonly<Record<string, string | number | boolean>>;
  /**
   * Learning rates tried before anything was compared; null where the rate was given. `value` is the held-out DPO
   * loss of one scoring run (lowest is used), or the win rate of the full arm on tuning prompts (highest is used).
   */
  readonly learningRates: {
    readonly by: 'heldOutLoss' | 'winRate';
    readonly tried: readonly {
      readonly learningRate: number;
      readonly value: number;
      readonly chosen: boolean;
    }[];
  } | null;
  readonly difficulty: {
    readonly folds: number;
    readonly seeds: number;
    readonly checkpoints: number;
    /** Mean rank correlation between the seeds' scores, or between two halves of the evidence. */
    readonly spearman: number | null;
    /** Mean overlap (shared / kept) of the kept sets between the same. Chance level is the keep fraction. */
    readonly overlap: number | null;
    readonly reliabilityBetween: 'seeds' | 'checkpoints' | 'token-halves' | null;
    /** What ordered the pairs; left out where it was the held-out DPO loss. `values` are in its unit, low first. */
    readonly scorer?: {
      readonly name: string;
      readonly first: 'smallest' | 'largest';
      readonly file?: string;
    };
    /** Difficulty by two of the seeds (or halves), for the scatter plot: at most 2,000 points. */
    readonly agreement: readonly (readonly [number, number])[];
    /** Share of pairs that held-out models order as the label says (loss below ln 2); of another scorer it says nothing. */
    readonly shareBelowLn2: number;
    /** Every pool pair's difficulty (mean held-out DPO loss, or as `scorer` says), in rank order. */
    readonly values: readonly number[];
  };
  /** What was likely of leaving out the hardest pairs, before any arm was trained; left out in reports of before there was one. */
  readonly outlook?: Outlook;
  readonly selection: {
    readonly keepFraction: number;
    /** How the share was chosen; left out where it was given. */
    readonly auto?: AutoKeep;
    readonly kept: number;
    readonly dropped: number;
    readonly direction: string;
    /** Pairs that rules and people keep whatever their difficulty, and leave out of every arm; left out without any. */
    readonly byHand?: { readonly keep: number; readonly drop: number };
    /** Strata of which each keeps the same share: `length`, or `meta.` and a field; left out where all pairs are one. */
    readonly within?: string;
    /** Quantiles of difficulty between which pairs were kept; left out where there was no band. */
    readonly band?: readonly [number, number];
    /** What the kept pairs were paid from; left out where a share or a band decided. */
    readonly budget?: {
      readonly unit: 'pairs' | 'tokens' | 'money';
      readonly most: number;
      readonly spent: number;
    };
    /** Largest difficulty kept. */
    readonly threshold: number;
    /** Mean completion length in tokens, before and after selection. */
    readonly lengths: {
      readonly pool: { readonly chosen: number; readonly rejected: number };
      readonly kept: { readonly chosen: number; readonly rejected: number };
    };
  };
  /** Who compared the answers; left out where nobody did, and in reports of before this was told. */
  readonly judge?: {
    readonly kind: 'program' | 'reward-model' | 'language-model';
    readonly name: string;
    /** The family that a language model shares with the model that was trained; left out where none is known. */
    readonly sameFamily?: string;
  };
  readonly arms: readonly ArmResult[];
  /** Paired differences, selected arm minus another, over the same prompts. */
  readonly comparisons: readonly Comparison[];
  readonly notes: readonly string[];
  /** What the selection did to the data; null where it dropped nothing, left out in reports of before this was told. */
  readonly selectionEffects?: SelectionEffects | null;
  /** What the dropped pairs look like; all of them are in `selection/labels.jsonl`. */
  readonly dropped?: DroppedSummary;
  /** What training changed beside what it was for. */
  readonly trainingEffects?: TrainingEffects;
  /** Limits of side effects, of the arm `selected`, and what became of them. */
  readonly gates?: { readonly by: 'interval' | 'point'; readonly results: readonly GateResult[] };
  /** What the pilot took and what selection saves. */
  readonly cost?: CostSheet & { readonly money: Money | null };
}

export interface DroppedSummary {
  readonly between: DroppedLabels['between'];
  /** A swapped pair with at most this loss is easy, nats. */
  readonly easyLoss: number;
  readonly counts: Readonly<Record<DroppedLabel, number>>;
  /** The hardest of each label, likely wrong ones first, with the beginnings of their texts. */
  readonly first: readonly (Pick<
    LabelRow,
    'id' | 'row' | 'label' | 'reasons' | 'difficulty' | 'z' | 'swappedLoss'
  > & {
    readonly prompt: string;
    readonly chosen: string;
    readonly rejected: string;
  })[];
}

export interface ArmResult {
  /** start (the model before training), selected, full, random, hardest, easiest-shuffled, length-matched, shortest, … */
  readonly name: string;
  readonly pairs: number;
  readonly steps: number;
  readonly order: string;
  readonly trainingSeeds: readonly number[];
  readonly heldOut: {
    readonly accuracy: number;
    readonly accuracyLow: number;
    readonly accuracyHigh: number;
    readonly loss: number;
    readonly n: number;
  };
  /** Win rate against the start model by the judge, ties half; null where no judge exists. */
  readonly winRate: (Interval & { readonly n: number }) | null;
  /** How much of the win rate is length, in tokens; left out where no judge exists, and in reports of before this was told. */
  readonly winLengths?: WinLengths;
  /** Mean reward of the answers, in the reward model's own unit; left out where no reward model is the judge. */
  readonly reward?: Interval;
  /** Share of answers that are right, where a program can tell. */
  readonly correctness: Interval | null;
  /** Share of the possible style marks that answers carry, where the gold judge counts them. */
  readonly style: number | null;
  /** Mean length of generated answers, in tokens; null where nothing was generated. */
  readonly meanLengthTokens: number | null;
  /** Share of answers that ended before the generation limit; null where nothing was generated. */
  readonly endedShare: number | null;
  /** Mean change of the held-out chosen completions' log-probability per token, in nats, against the start model. */
  readonly chosenLogProbChange: number;
}

export interface Comparison {
  readonly metric: 'winRate' | 'reward' | 'correctness' | 'heldOutAccuracy' | 'heldOutLoss';
  readonly a: string;
  readonly b: string;
  /** a minus b. */
  readonly difference: Interval;
  readonly n: number;
}

/** Whether one value of the difficulty parts kept from not kept: only where the easiest of all pairs are kept. */
export function hasOneCut({ direction, within, band, byHand }: ReportData['selection']): boolean {
  if (byHand !== undefined) return false;
  return direction === 'easiest' && within === undefined && band === undefined;
}
