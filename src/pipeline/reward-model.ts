import { type Checkpoint, openRewardCheckpoint } from '../model/checkpoint.ts';
import { type HubOptions, modelFolder, modelName } from '../model/hub.ts';
import type { Config } from '../run/config.ts';
import { type ConversationLimits, tokenizeConversations } from '../text/conversation.ts';
import { loadTokenizer, type TextTokenizer } from '../text/tokenizer.ts';
import { ownBytes, workerMemory } from '../train/memory.ts';
import type { AskedPrompt } from './inputs.ts';
import type { Needs } from './resources.ts';
import { textRows } from './work.ts';

/** The reward model that judges a run. */
export interface RunRewardModel {
  readonly name: string;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: TextTokenizer;
  readonly limits: ConversationLimits;
}

/** Opens `evaluation.rewardModel`, which may first have to be downloaded; null where none is asked for. */
export async function openRunRewardModel(
  { evaluation, text }: Config,
  hub: HubOptions,
): Promise<RunRewardModel | null> {
  const { rewardModel, rewardRevision } = evaluation;
  if (rewardModel === null) return null;
  const dir = await modelFolder(rewardModel, { ...hub, revision: rewardRevision });
  const checkpoint = openRewardCheckpoint(dir);
  const { maxPositions, vocabSize } = checkpoint.config;
  return {
    name: modelName(dir),
    checkpoint,
    tokenizer: loadTokenizer(dir),
    limits: { maxLength: maxPositions, onLong: text.onLong, vocabSize },
  };
}

/**
 * Tokens of prompts under the reward model, with what its chat template puts around an answer.
 * @throws inputError of `tokenizeConversations`: what fails without an answer fails with any.
 */
export function rewardPromptTokens(
  { tokenizer, limits }: RunRewardModel,
  prompts: readonly AskedPrompt[],
): number[] {
  const asked = prompts.map(({ id, prompt }) => ({ id, prompt, answer: 'a' }));
  return tokenizeConversations(asked, tokenizer, limits).map(({ tokens }) => tokens.length);
}

/** Memory of workers that give texts of these lengths their rewards. */
export function rewardNeeds({ checkpoint }: RunRewardModel, lengths: readonly number[]): Needs {
  const { config, weights, parameters } = checkpoint;
  // A score is one number, where a language model has one for every token.
  const shape = { config: { ...config, vocabSize: 1 }, weights, parameters };
  const memory = workerMemory(shape, { method: 'none' }, textRows(lengths));
  const own = ownBytes(memory, false);
  return { mapped: memory.mapped, saving: own, again: own };
}
