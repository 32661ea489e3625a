import { inputError } from '../base/errors.ts';
import { parseLines } from '../base/own-lines.ts';
import type { PairValue } from '../difficulty/scorers.ts';
import type { PreferencePair } from '../pairs/pair.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { type Conversation, tokenizeConversations } from '../text/conversation.ts';
import { runStage, type StageContext, type StageCost } from './execute.ts';
import { writeInput } from './inputs.ts';
import type { Prepared } from './prepare.ts';
import { needMemory } from './resources.ts';
import { rewardNeeds } from './reward-model.ts';
import type { ConversationRow, RewardRow } from './rewards.ts';
import { rewardsUnit } from './units.ts';

/** Stage of the rewards of pairs. */
const STAGE = 'Rewards of the pairs';

/** Reward of chosen − reward of rejected by the run's reward model: one unit of both sides of all pairs. */
export async function rewardMargins(
  { config, rewardModel }: Prepared,
  pairs: readonly PreferencePair[],
  context: StageContext,
  costs: StageCost[],
): Promise<PairValue[]> {
  if (rewardModel === null)
    throw inputError('no-reward-model', 'the scorer reward-margin needs a reward model', {
      key: 'evaluation.rewardModel',
      got: null,
      remedy: 'Name one, or choose another scorer',
    });
  const asked = pairs.flatMap((pair) => [conversation(pair, 'chosen'), conversation(pair, 'rejected')]);
  const rows = tokenizeConversations(asked, rewardModel.tokenizer, rewardModel.limits);
  const needs = rewardNeeds(
    rewardModel,
    rows.map(({ tokens }) => tokens.length),
  );
  needMemory(config, needs, 'Take a smaller reward model');
  const lines = rows.map(({ id, tokens }): ConversationRow => ({ id, tokens }));
  const unit = rewardsUnit(rewardModel.checkpoint, writeInput(context.runDir, 'conversations', lines));
  const [result] = await runStage(context, STAGE, [unit], { ...config, needs }, costs);
  const rewards = [...parseLines<RewardRow>(resultFile(result as UnitResult, 'rewards.jsonl'))];
  const reward = (i: number) => (rewards[i] as RewardRow).reward;
  return pairs.map(({ id, row }, i) => ({ id, row, value: reward(2 * i) - reward(2 * i + 1) }));
}

/** What a completion says before its last turn belongs to the conversation that the turn answers. */
function conversation(pair: PreferencePair, side: 'chosen' | 'rejected'): Conversation {
  const { prompt, [side]: completion } = pair;
  const id = `${pair.id} ${side}`;
  if (typeof completion === 'string') return { id, prompt, answer: completion };
  const before = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
  const answer = completion.at(-1)?.content ?? '';
  return { id, prompt: [...before, ...completion.slice(0, -1)], answer };
}
