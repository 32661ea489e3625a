/**
 * The library: what the command line is made of. Each export is documented where it is defined.
 * @packageDocumentation
 */
export { WinnowError } from './base/errors.ts';
export { aggregate } from './difficulty/aggregate.ts';
export { compareScores, type ScoreComparison } from './difficulty/compare-scores.ts';
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
export { readScoreFile, type ScoreFile, type ScoreFileOptions } from './difficulty/score-files.ts';
export { SCORERS, type Scorer, type ScorerName } from './difficulty/scorers.ts';
export { type DifficultyRow, type ScoreRow, validationLoss } from './difficulty/scores.ts';
export { type StandIn, standIn } from './difficulty/stand-in.ts';
export { type Suspicion, type SuspicionRow, suspicions } from './difficulty/suspicion.ts';
export type { Agreement } from './evaluate/agreement.ts';
export {
  type AlpacaEvalModel,
  type AlpacaEvalOptions,
  type AlpacaEvalResult,
  alpacaEval,
} from './evaluate/alpaca-eval/alpaca-eval.ts';
export { readAnchors, readDifficulties } from './evaluate/alpaca-eval/difficulty.ts';
export {
  type ArenaHard,
  type ArenaHardOptions,
  type ArenaRow,
  arenaHard,
  STRONG_WEIGHT,
} from './evaluate/arena-hard/arena-hard.ts';
export { type ArenaGroup, type Grouped, groupBattles, groupJudgments } from './evaluate/arena-hard/groups.ts';
export type { ArenaJudgment } from './evaluate/arena-hard/judgments.ts';
export { type ArenaHardFiles, readArenaHard } from './evaluate/arena-hard/read.ts';
export {
  type AnswerSheet,
  type BenchmarkAnswer,
  readAnswers,
} from './evaluate/benchmark/answer.ts';
export { type Question, readQuestions } from './evaluate/benchmark/question.ts';
export {
  type DuelResult,
  type DuelResults,
  duelResults,
  type GradedModel,
  type GradeResult,
  type GradeResults,
  gradeResults,
  type JudgedModel,
} from './evaluate/benchmark/results.ts';
export {
  type CheckOptions,
  checkLabels,
  type HumanCeiling,
  type LabelCheck,
} from './evaluate/check-labels.ts';
export {
  type ArmPair,
  type ArmsComparison,
  type ArmVerdict,
  type ArmWinRate,
  type CompareArmsOptions,
  compareJudgedArms,
  type JudgedArm,
} from './evaluate/compare-arms.ts';
export type { LengthBias, PositionShare } from './evaluate/judge-bias.ts';
export { checkJudge, type JudgeCheck } from './evaluate/judge-check.ts';
export { type LabelFile, type LabelFormat, readLabels, readVerdicts } from './evaluate/label-files.ts';
export {
  firstAnswer,
  type JudgeVerdict,
  type JudgeVerdicts,
  type Label,
  type LabelledPair,
  type LabelSet,
  longerAnswer,
} from './evaluate/labelled.ts';
export {
  type AnchorRows,
  type LengthControlledWinRate,
  type LengthControlOptions,
  type LengthJudgment,
  lengthControlledWinRate,
} from './evaluate/length-controlled.ts';
export { type LengthRow, type LengthStory, lengthStory } from './evaluate/length-story.ts';
export { readTurnScores, type TurnScore, type TurnScores } from './evaluate/mt-bench/judgments.ts';
export { type MtBench, type MtBenchOptions, type MtBenchRow, mtBench } from './evaluate/mt-bench/mt-bench.ts';
export type { RankRange } from './evaluate/rank-ranges.ts';
export {
  SAMPLE_SIZE_DEFAULTS,
  type SampleSize,
  type SampleSizeOptions,
  sampleSizes,
} from './evaluate/sample-size.ts';
export { type PromptLengthRow, type WinLengths, winLengths } from './evaluate/win-lengths.ts';
export type {
  Ask,
  AskFailure,
  AskOptions,
  AskOutcome,
  AskProgress,
  AskResult,
  ChatClient,
  ChatReply,
  Estimate,
  Price,
  Sampling,
  Spending,
  Stop,
  TokenLogProb,
  Tokens,
} from './judge/chat.ts';
export { type ChatClientOptions, openChatClient } from './judge/chat-client.ts';
export type {
  CompareOptions,
  Duel,
  DuelVerdict,
  Game,
  GameFailure,
  JudgeProgress,
  Judgment,
  Order,
  PairJudge,
} from './judge/duel.ts';
export { type Endpoint, type EndpointOptions, judgeEndpoint } from './judge/endpoint.ts';
export { estimateText } from './judge/estimate.ts';
export { sameFamily } from './judge/family.ts';
export type { GamesOptions } from './judge/games.ts';
export { goldPairJudge } from './judge/gold-pair-judge.ts';
export {
  type Dialogue,
  type Grading,
  type GradingOptions,
  type GradingTemplates,
  gradingJudge,
  needsReference,
  type SingleJudge,
  type TurnGrade,
} from './judge/grading-judge.ts';
export { builtInGrading, readMtBenchGrading } from './judge/grading-templates.ts';
export type { GoldJudge, Grade } from './judge/judge.ts';

export { type JudgeNoise, judgeNoise } from './judge/judge-noise.ts';
export { alpacaEvalOrder, type Orders } from './judge/order.ts';
export { pairwiseJudge } from './judge/pairwise-judge.ts';
export { type PositionBias, positionBias } from './judge/position-bias.ts';
export { preferenceJudge } from './judge/preference-judge.ts';
export { type Reward, type RewardItem, rewardJudge } from './judge/reward-judge.ts';
export { loadRewardModel, type RewardModel, type RewardModelOptions } from './judge/reward-model.ts';
export type { SamplingChoice } from './judge/sampling.ts';
export type { JudgeTemplate, TemplateKind } from './judge/template.ts';
export { readJudgeTemplate, type TemplateFileOptions } from './judge/template-files.ts';
export { builtInTemplate, builtInTemplates } from './judge/template-own.ts';
export { readAdapter, writeAdapter } from './model/adapter.ts';
export {
  type Checkpoint,
  type DecoderConfig,
  openCheckpoint,
  openRewardCheckpoint,
} from './model/checkpoint.ts';
export { type HubOptions, modelFolder } from './model/hub.ts';
export { type Merged, type MergeOptions, mergeAdapter } from './model/merge.ts';
export { openSafetensors, readTensorF32, writeSafetensors } from './model/safetensors.ts';
export { PAIR_FORMATS, type PairFormat } from './pairs/formats.ts';
export type { Message, PreferencePair, RefusedRow, Text } from './pairs/pair.ts';
export type { RatingsRule } from './pairs/ratings.ts';
export { type PairSet, type ReadPairsOptions, readPairs } from './pairs/read.ts';
export { writePairs } from './pairs/write.ts';
export { writePairsParquet } from './pairs/write-parquet.ts';
export {
  type Exported,
  type ExportOptions,
  exportRun,
  TRAINER_NAMES,
  type TrainerName,
} from './pipeline/export/export.ts';
export { VERSION } from './pipeline/version.ts';
export { type Generation, type GenerationOptions, generate } from './policy/generate.ts';
export { openPolicy, type Policy, type PolicyOptions, type Trained } from './policy/policy.ts';
export type { ArmResult, Comparison, ReportData } from './report/data.ts';
export { renderReport } from './report/page.ts';
export { type Config, configJsonSchema, loadConfig } from './run/config.ts';
export { type ArmInput, type ArmName, type ArmPlan, planArm } from './select/arms.ts';
export type { Budget, PairTokens } from './select/budget.ts';
export { type Band, type Direction, type KeepOptions, keep } from './select/keep.ts';
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
