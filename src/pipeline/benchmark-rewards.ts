import { parseLines } from '../base/own-lines.ts';
import type { Reward } from '../judge/reward-judge.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { tokenizeConversations } from '../text/conversation.ts';
import { runStage, type StageContext } from './execute.ts';
import { writeInput } from './inputs.ts';
import { needMemory } from './resources.ts';
import { type RunRewardModel, rewardNeeds } from './reward-model.ts';
import type { ConversationRow, RewardRow } from './rewards.ts';
import { rewardsUnit } from './units.ts';

/** A reward model of the embedded engine as a reward of answers: a stage of one unit, reused where it is done. */
export function embeddedReward(
  rewardModel: RunRewardModel,
  resources: Pick<Config, 'workers' | 'threads' | 'memoryGB' | 'device'>,
  context: StageContext,
): Reward {
  return async (items) => {
    const rows = items.map(({ conversation, answer }, i) => ({
      id: String(i),
      prompt: conversation,
      answer,
    }));
    const tokenized = tokenizeConversations(rows, rewardModel.tokenizer, rewardModel.limits);
    const needs = rewardNeeds(
      rewardModel,
      tokenized.map(({ tokens }) => tokens.length),
    );
    needMemory(resources, needs, 'Take a smaller reward model');
    const lines = tokenized.map(({ id, tokens }): ConversationRow => ({ id, tokens }));
    const unit = rewardsUnit(rewardModel.checkpoint, writeInput(context.runDir, 'conversations', lines));
    const [result] = await runStage(context, 'Rewards', [unit], { ...resources, needs }, []);
    return [...parseLines<RewardRow>(resultFile(result as UnitResult, 'rewards.jsonl'))].map(
      ({ reward }) => reward,
    );
  };
}
