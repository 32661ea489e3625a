import type { Answer, GradedAnswer } from '../evaluate/answers.ts';
import { type ArmOutcomes, armInterval, compareArms, type Metric } from '../evaluate/arms.ts';
import { type HeldOutOutcome, heldOutOutcome } from '../evaluate/held-out.ts';
import { answerLengthRows, winLengths } from '../evaluate/win-lengths.ts';
import { sameFamily } from '../judge/family.ts';
import type { GoldJudge } from '../judge/judge.ts';
import { modelName } from '../model/hub.ts';
import { refusedBy } from '../pairs/check.ts';
import type { LogProbRow } from '../pipeline/inputs.ts';
import { outlookFor } from '../pipeline/outlook.ts';
import type { Prepared, UsedPair } from '../pipeline/prepare.ts';
import { firstOf } from '../pipeline/score.ts';
import type { Evaluated, Scored, Selected, Trained } from '../pipeline/stages.ts';
import { VERSION } from '../pipeline/version.ts';
import type { Config } from '../run/config.ts';
import { assembleEffects } from './assemble-effects.ts';
import type { ArmResult, Comparison, Interval, ReportData } from './data.ts';

/** Everything that the way of the data gave. */
export interface Results {
  readonly runDir: string;
  readonly prepared: Prepared;
  readonly scored: Scored;
  readonly selected: Selected;
  readonly trained: Trained;
  readonly evaluated: Evaluated;
  readonly judge: GoldJudge | null;
  /** The language model that judged; left out where none did. */
  readonly llmJudge?: string;
  readonly command: string;
}

const MOST_POINTS = 2000;
const METRICS: readonly Metric[] = ['winRate', 'reward', 'correctness', 'heldOutAccuracy', 'heldOutLoss'];
/** What says something against the start model, from whose answers the others differ. */
const AGAINST_START: readonly Metric[] = ['reward', 'correctness'];

/** The numbers of the report. */
export function assemble(results: Results): ReportData {
  const { prepared, scored, selected, evaluated, trained, command } = results;
  const { config, pool, heldOut, refused, checkpoint } = prepared;
  const {
    learningRate,
    batchSize,
    epochs,
    beta,
    method,
    rank,
    alpha,
    schedule,
    warmupRatio,
    maxGradNorm,
    weightDecay,
    loss,
    lossAlpha,
    lossBeta,
    anchorWeight,
  } = scored.hyper;
  const costs = mergeCosts([...scored.costs, ...trained.costs, ...evaluated.costs]);
  const outcomes = outcomesOf(results);
  const start = outcomes[0] as ArmOutcomes;
  const likely = outlookFor(prepared, scored);
  const tokensOf = new Map(pool.map((used) => [used.tokens.id, used]));
  const kept = selected.kept.map(({ id }) => tokensOf.get(id) as UsedPair);
  const compared = comparisons(outcomes, config.seed);
  return {
    version: VERSION,
    command,
    seed: config.seed,
    seconds: costs.reduce((sum, { seconds }) => sum + seconds, 0),
    secondsByStage: costs,
    model: {
      name: modelName(checkpoint.dir),
      parameters: checkpoint.parameters,
      trained: trainedText(scored),
    },
    data: { file: prepared.source.file, sha256: prepared.source.sha256, format: prepared.source.format },
    pairs: {
      read: prepared.read,
      used: pool.length + heldOut.length,
      refused: refused.length,
      pool: pool.length,
      heldOut: heldOut.length,
      refusedBy: refusedBy(refused),
      promptsCut: prepared.promptsCut,
    },
    hyperParameters: {
      method,
      ...(method === 'lora' ? { rank, alpha } : {}),
      beta,
      ...(loss === 'sigmoid' ? {} : { loss }),
      ...(lossAlpha === undefined ? {} : { lossAlpha }),
      ...(lossBeta === undefined ? {} : { lossBeta }),
      ...(anchorWeight === undefined ? {} : { anchorWeight }),
      learningRate,
      batchSize,
      epochs,
      schedule,
      warmupRatio,
      maxGradNorm,
      weightDecay,
    },
    learningRates: scored.learningRates,
    ...(likely === null ? {} : { outlook: likely }),
    difficulty: {
      folds: config.difficulty.folds,
      seeds: config.difficulty.seeds,
      checkpoints: config.difficulty.checkpoints,
      ...scorerOf(config),
      spearman: scored.reliability.spearman,
      overlap: scored.reliability.overlap,
      reliabilityBetween: scored.reliability.between,
      agreement: thin(scored.reliability.agreement, MOST_POINTS),
      shareBelowLn2:
        scored.difficulties.filter(({ difficulty }) => difficulty < Math.LN2).length /
        scored.difficulties.length,
      values: scored.difficulties.map(({ difficulty }) => difficulty).sort((a, b) => a - b),
    },
    selection: {
      keepFraction: selected.options.keepFraction,
      ...(selected.auto === null ? {} : { auto: selected.auto }),
      kept: selected.kept.length,
      dropped: pool.length - selected.kept.length,
      direction: config.selection.direction,
      ...byHandOf(selected),
      ...(config.selection.within === 'none' ? {} : { within: config.selection.within }),
      ...selectedBy(selected),
      threshold: selected.threshold,
      lengths: { pool: meanLengths(pool), kept: meanLengths(kept) },
    },
    ...judgeOf(results),
    arms: [startResult(start, evaluated, config.seed), ...armResults(results, outcomes)],
    comparisons: compared,
    notes: [
      ...prepared.notes,
      ...selected.warnings,
      ...cutNote(evaluated.promptsCut),
      ...withoutVerdictNote(evaluated.withoutVerdict),
    ],
    ...assembleEffects(results, compared, costs),
  };
}

/** Left out where it is the held-out loss. */
function scorerOf(config: Config): Pick<ReportData['difficulty'], 'scorer'> {
  const { scorer: name, scoresFile } = config.difficulty;
  if (name === 'validation-loss') return {};
  const file = scoresFile === null ? {} : { file: scoresFile };
  return { scorer: { name, first: firstOf(config), ...file } };
}

function selectedBy({
  options: { band, budget },
  spent,
}: Selected): Pick<ReportData['selection'], 'band' | 'budget'> {
  return {
    ...(band === undefined ? {} : { band }),
    ...(budget === undefined || spent === null
      ? {}
      : { budget: { unit: budget.unit, most: budget.most, spent } }),
  };
}

function judgeOf({ judge, llmJudge, prepared }: Results): Pick<ReportData, 'judge'> {
  if (judge !== null) return { judge: { kind: 'program', name: judge.name } };
  if (llmJudge !== undefined) {
    const family = sameFamily(llmJudge, modelName(prepared.checkpoint.dir));
    return {
      judge: { kind: 'language-model', name: llmJudge, ...(family === null ? {} : { sameFamily: family }) },
    };
  }
  const { rewardModel } = prepared;
  return rewardModel === null ? {} : { judge: { kind: 'reward-model', name: rewardModel.name } };
}

function byHandOf({ forced: { keep, drop } }: Selected): Pick<ReportData['selection'], 'byHand'> {
  return keep.size + drop.size === 0 ? {} : { byHand: { keep: keep.size, drop: drop.size } };
}

function withoutVerdictNote(prompts: number): string[] {
  if (prompts === 0) return [];
  return [`On ${prompts} prompts the judge gave no verdict on some answer: they count for none.`];
}

function cutNote(conversations: number): string[] {
  if (conversations === 0) return [];
  return [
    `${conversations} conversations were too long for the judge, which read them without the start of their prompt.`,
  ];
}

/** Outcomes of the start model (as an arm of one seed) and of every arm. */
function outcomesOf({ prepared, scored, trained, evaluated }: Results): ArmOutcomes[] {
  const { heldOut } = prepared;
  const { beta } = scored.hyper;
  const judged = (rows: ReadonlyMap<string, LogProbRow>): HeldOutOutcome[] =>
    heldOut.map(({ tokens: { id, chosen } }) => {
      const reference = evaluated.reference.get(id) as LogProbRow;
      const held = { id, chosenTokens: chosen.length, reference };
      return heldOutOutcome(held, rows.get(id) as LogProbRow, beta);
    });
  const seeds = (graded: readonly (readonly GradedAnswer[] | null)[]) =>
    graded.every((seed) => seed !== null) ? graded : null;
  const start: ArmOutcomes = {
    name: 'start',
    heldOut: [judged(evaluated.reference)],
    graded: seeds([evaluated.start.graded]),
  };
  const names = [...new Set(trained.arms.map(({ plan }) => plan.name))];
  const arms = names.map((name): ArmOutcomes => {
    const own = evaluated.arms.filter(({ arm }) => arm.plan.name === name);
    return {
      name,
      heldOut: own.map((item) => judged(new Map(item.heldOut.map((row) => [row.id, row])))),
      graded: seeds(own.map((item) => item.graded)),
    };
  });
  return [start, ...arms];
}

function startResult(outcomes: ArmOutcomes, evaluated: Evaluated, seed: number): ArmResult {
  return {
    name: 'start',
    pairs: 0,
    steps: 0,
    order: '',
    trainingSeeds: [],
    ...metrics(outcomes, seed),
    // Against itself every answer ties: a number would say nothing.
    winRate: null,
    ...answerFacts([evaluated.start.answers]),
  };
}

function armResults(
  { trained, evaluated, prepared }: Results,
  outcomes: readonly ArmOutcomes[],
): ArmResult[] {
  return outcomes.slice(1).map((item) => {
    const arms = trained.arms.filter(({ plan }) => plan.name === item.name);
    const { plan, steps } = arms[0] as (typeof arms)[number];
    const own = evaluated.arms.filter(({ arm }) => arm.plan.name === item.name);
    const lengths = item.graded === null ? null : answerLengthRows(own, evaluated.start.answers);
    return {
      name: item.name,
      pairs: plan.ids.length,
      steps,
      order: plan.order,
      trainingSeeds: arms.map((arm) => arm.plan.seed),
      ...metrics(item, prepared.config.seed),
      ...(lengths === null ? {} : { winLengths: winLengths(lengths) }),
      ...answerFacts(own.map(({ answers }) => answers)),
    };
  });
}

function metrics(outcomes: ArmOutcomes, seed: number) {
  const accuracy = armInterval(outcomes, 'heldOutAccuracy', seed);
  if (accuracy === null) throw new Error('no held-out pairs');
  const held = outcomes.heldOut.flat();
  const answers = outcomes.graded?.flat() ?? [];
  const correctness = armInterval(outcomes, 'correctness', seed);
  const reward = armInterval(outcomes, 'reward', seed);
  return {
    heldOut: {
      accuracy: accuracy.value,
      accuracyLow: accuracy.low,
      accuracyHigh: accuracy.high,
      loss: held.reduce((sum, { loss }) => sum + loss, 0) / held.length,
      n: accuracy.n,
    },
    winRate: armInterval(outcomes, 'winRate', seed),
    ...(reward === null ? {} : { reward: interval(reward) }),
    correctness: correctness === null ? null : interval(correctness),
    style: meanOf(answers.flatMap(({ style }) => style ?? [])),
    chosenLogProbChange: held.reduce((sum, { chosenChange }) => sum + chosenChange, 0) / held.length,
  };
}

function answerFacts(seeds: readonly (readonly Answer[])[]) {
  const answers = seeds.flat();
  return {
    meanLengthTokens: meanOf(answers.map(({ tokens }) => tokens)),
    endedShare: meanOf(answers.map(({ ended }) => (ended ? 1 : 0))),
  };
}

/** The selected arm against every other, and against the start model where that says something. */
function comparisons(outcomes: readonly ArmOutcomes[], seed: number): Comparison[] {
  const selected = outcomes.find(({ name }) => name === 'selected');
  if (selected === undefined) return [];
  return outcomes
    .filter(({ name }) => name !== 'selected')
    .flatMap((other) =>
      METRICS.filter((metric) => other.name !== 'start' || AGAINST_START.includes(metric)).flatMap(
        (metric) => {
          const compared = compareArms(selected, other, metric, seed);
          return compared === null ? [] : [{ metric, a: 'selected', b: other.name, ...compared }];
        },
      ),
    );
}

function interval({ value, low, high }: Interval): Interval {
  return { value, low, high };
}

/** null for nothing: a mean of nothing is not a number. */
function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanLengths(pairs: readonly UsedPair[]) {
  return {
    chosen: meanOf(pairs.map(({ tokens }) => tokens.chosen.length)) ?? 0,
    rejected: meanOf(pairs.map(({ tokens }) => tokens.rejected.length)) ?? 0,
  };
}

function mergeCosts(costs: readonly { readonly stage: string; readonly seconds: number }[]) {
  const merged = new Map<string, number>();
  for (const { stage, seconds } of costs) merged.set(stage, (merged.get(stage) ?? 0) + seconds);
  return [...merged].map(([stage, seconds]) => ({ stage, seconds }));
}

/** Every k-th of a list, so that at most `most` remain. */
function thin<T>(items: readonly T[], most: number): T[] {
  const step = Math.ceil(items.length / most);
  return items.filter((_, i) => i % step === 0);
}

function trainedText({ hyper }: Scored): string {
  return hyper.method === 'full'
    ? 'all weights'
    : `LoRA, rank ${hyper.rank}, alpha ${hyper.alpha}, on ${hyper.targets.join(', ')}`;
}
