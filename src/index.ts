/**
 * The library: what the command line is made of. Each export is documented where it is defined.
 * @packageDocumentation
 */
export { WinnowError } from './base/errors.ts';
export { aggregate } from './difficulty/aggregate.ts';
export {
  type CrossFitItem,
  type CrossFitOptions,
  crossFitPlan,
  type ScoringRun,
} from './difficulty/cross-fit.ts';
export { LEARNED_MARGIN, learnedStep } from './difficulty/learned-step.ts';
export {
  type Outlook,
  type OutlookRule,
  outlook,
  type Prediction,
  type Predictor,
  predictGain,
  profileProperties,
} from './difficulty/outlook.ts';
export { type DifficultyProfile, difficultyProfile, type Tenth } from './difficulty/profile.ts';
export { type Reliability, reliability } from './difficulty/reliability.ts';
export { type DifficultyRow, type ScoreRow, validationLoss } from './difficulty/scores.ts';
export { type Suspicion, type SuspicionRow, suspicions } from './difficulty/suspicion.ts';
export {
  type AlpacaEvalModel,
  type AlpacaEvalOptions,
  type AlpacaEvalResult,
  alpacaEval,
} from './evaluate/alpaca-eval/alpaca-eval.ts';
export { readAnchors, readDifficulties } from './evaluate/alpaca-eval/difficulty.ts';
export {
  type AnchorRows,
  type LengthControlledWinRate,
  type LengthControlOptions,
  type LengthJudgment,
  lengthControlledWinRate,
} from './evaluate/length-controlled.ts';
export type { GoldJudge, Grade } from './judge/judge.ts';
export { readAdapter, writeAdapter } from './model/adapter.ts';
export { type Checkpoint, type DecoderConfig, openCheckpoint } from './model/checkpoint.ts';
export { type HubOptions, modelFolder } from './model/hub.ts';
export { type Merged, type MergeOptions, mergeAdapter } from './model/merge.ts';
export { openSafetensors, readTensorF32, writeSafetensors } from './model/safetensors.ts';
export type { Message, PreferencePair, RefusedRow, Text } from './pairs/pair.ts';
export { type PairSet, readPairs } from './pairs/read.ts';
export { writePairs } from './pairs/write.ts';
export { VERSION } from './pipeline/version.ts';
export { type Generation, type GenerationOptions, generate } from './policy/generate.ts';
export { openPolicy, type Policy, type PolicyOptions, type Trained } from './policy/policy.ts';
export type { ArmResult, Comparison, ReportData } from './report/data.ts';
export { renderReport } from './report/page.ts';
export { type Config, configJsonSchema, loadConfig } from './run/config.ts';
export { type ArmInput, type ArmName, type ArmPlan, planArm } from './select/arms.ts';
export { keep } from './select/keep.ts';
export {
  lengthStrata,
  metaStrata,
  type PairLengths,
  type Strata,
  strataWithin,
  type Within,
} from './select/strata.ts';
export { tokenizePairs } from './text/tokenize.ts';
export type { TokenizedPair } from './text/tokenized.ts';
export { loadTokenizer, type TextTokenizer } from './text/tokenizer.ts';
export { LOSSES, type LossName, type PreferenceLoss } from './train/losses.ts';
export type { LossSettings, PairReference } from './train/pair-loss.ts';
export { type PairScore, type PreferenceTraining, scorePairs, trainPreference } from './train/preference.ts';
export { dpoLoss, implicitMargin, type PairLogProbs } from './train/preference-loss.ts';
