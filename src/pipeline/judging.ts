import { parseLines } from '../base/own-lines.ts';
import { type Answer, gradeAnswers, gradeByReward } from '../evaluate/answers.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { tokenizeConversations } from '../text/conversation.ts';
import { runStage, type StageContext, type StageCost } from './execute.ts';
import { writeInput } from './inputs.ts';
import type { Answered, Judged } from './judged.ts';
import { judgeByLlm } from './llm-judging.ts';
import type { Prepared } from './prepare.ts';
import { needMemory } from './resources.ts';
import { type RunRewardModel, rewardNeeds } from './reward-model.ts';
import type { ConversationRow, RewardRow } from './rewards.ts';
import { rewardsUnit } from './units.ts';

/** Whether something judges the answers of a run. */
export function isJudged(
  { rewardModel }: Pick<Prepared, 'rewardModel'>,
  { judge, llm }: StageContext,
): boolean {
  return judge !== null || rewardModel !== null || llm !== undefined;
}

/** What a reward model's part of a stage is called. */
export function rewardsStage(stage: string): string {
  return `${stage}: rewards`;
}

/** Judges answers against the start model's by the run's judge; null where it has none. */
export async function judgeAnswers(
  prepared: Prepared,
  context: StageContext,
  stage: string,
  { prompts, start, others }: Answered,
  costs: StageCost[],
): Promise<Judged | null> {
  const { judge } = context;
  const { rewardModel } = prepared;
  if (judge !== null) {
    const graded = (answers: readonly Answer[]) => gradeAnswers(answers, start, judge);
    return { start: graded(start), others: others.map(graded), promptsCut: 0, withoutVerdict: 0 };
  }
  if (context.llm !== undefined)
    return judgeByLlm(context.llm, context, stage, { prompts, start, others }, costs);
  if (rewardModel === null) return null;
  const texts = new Map(prompts.map(({ id, prompt }) => [id, prompt]));
  const conversations = [start, ...others].map((answers) => {
    const rows = answers.map(({ id, text }) => ({ id, prompt: texts.get(id) ?? noPrompt(id), answer: text }));
    return tokenizeConversations(rows, rewardModel.tokenizer, rewardModel.limits);
  });
  const specs = conversations.map((rows) => {
    const lines = rows.map(({ id, tokens }): ConversationRow => ({ id, tokens }));
    return rewardsUnit(rewardModel.checkpoint, writeInput(context.runDir, 'conversations', lines));
  });
  const all = conversations.flat();
  const needs = rewardNeeds(
    rewardModel,
    all.map(({ tokens }) => tokens.length),
  );
  needMemory(prepared.config, needs, REMEDY);
  const resources = { ...prepared.config, needs };
  const results = await runStage(context, rewardsStage(stage), specs, resources, costs);
  const rewarded = [start, ...others].map((answers, i) => withRewards(answers, results[i] as UnitResult));
  const [own = [], ...rest] = rewarded;
  return {
    start: gradeByReward(own, own),
    others: rest.map((answers) => gradeByReward(answers, own)),
    promptsCut: all.filter(({ promptTokensCut }) => promptTokensCut > 0).length,
    withoutVerdict: 0,
  };
}

/**
 * Before any work: whether the reward model will have room beside so many tokens of prompts and answers.
 * @throws machineError `too-little-memory`.
 */
export function needRewardMemory(prepared: Prepared, rewardModel: RunRewardModel): void {
  const { config, rewardPromptTokens: tokens } = prepared;
  const { maxLength } = rewardModel.limits;
  const lengths = [...tokens.evaluation, ...tokens.tuning].map((n) =>
    Math.min(maxLength, n + config.evaluation.maxNewTokens),
  );
  needMemory(config, rewardNeeds(rewardModel, lengths), REMEDY);
}

const REMEDY = 'Take a smaller reward model';

function withRewards(answers: readonly Answer[], result: UnitResult) {
  const rows = [...parseLines<RewardRow>(resultFile(result, 'rewards.jsonl'))];
  return answers.map(({ id, text }, i) => {
    const row = rows[i];
    if (row?.id !== id) throw new Error(`no reward for the answer to ${id}`);
    return { id, text, reward: row.reward };
  });
}

function noPrompt(id: string): never {
  throw new Error(`no prompt ${id}`);
}
