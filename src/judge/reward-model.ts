import { inputError } from '../base/errors.ts';
import type { DecoderConfig } from '../model/architecture.ts';
import { type Checkpoint, openRewardCheckpoint } from '../model/checkpoint.ts';
import { type HubOptions, modelFolder, modelName } from '../model/hub.ts';
import { findNotFinite } from '../model/not-finite.ts';
import type { Message, Text } from '../pairs/pair.ts';
import { openPolicy, type Policy } from '../policy/policy.ts';
import { textRewards, withoutPadding } from '../policy/rewards.ts';
import { openDevice } from '../tensor/gpu.ts';
import { tokenizeConversations } from '../text/conversation.ts';
import { loadTokenizer, type TextTokenizer } from '../text/tokenizer.ts';
import { microBatches } from '../train/micro-batches.ts';
import { inPasses } from '../train/passes.ts';

export interface RewardModelOptions extends HubOptions {
  /** CPU threads. Default 1. */
  readonly threads?: number;
  /** `cpu` (default), `webgpu` or `auto`. */
  readonly device?: string;
  /** Most tokens of a conversation. Default, and at most: the model's `max_position_embeddings`. */
  readonly maxLength?: number;
  /** What becomes of a longer conversation. Default: it is an error. */
  readonly onLong?: 'cut-prompt-start' | 'refuse';
}

/** A model that gives a conversation one number: the higher, the better its last answer. */
export interface RewardModel {
  /** `org/name@commit` of a hub's snapshot, else the folder's last names. */
  readonly name: string;
  readonly dir: string;
  /** Most tokens of a conversation. */
  readonly maxLength: number;
  readonly tokenizer: TextTokenizer;
  /** Rewards of texts given as token ids, in their order. Nothing is cut: a text that is too long is an error. */
  score(texts: readonly ArrayLike<number>[], onProgress?: (done: number) => void): Promise<Float64Array>;
  /** Rewards of answers to prompts, each in the model's own chat template. */
  rewardsOf(
    items: readonly { readonly prompt: Text; readonly answer: string }[],
    onProgress?: (done: number) => void,
  ): Promise<Float64Array>;
  /** The reward of an answer that follows these messages. */
  rewardOf(conversation: readonly Message[], answer: string): Promise<number>;
  dispose(): Promise<void>;
}

/**
 * Opens a reward model: a folder or a hub's `org/name`. Its weights are mapped, not copied. Work blocks the thread that
 * asks for it; calls that come meanwhile wait for their turn.
 *
 * @throws inputError `bad-length`, and those of `openRewardCheckpoint`, `loadTokenizer` and `modelFolder`.
 */
export async function loadRewardModel(model: string, options: RewardModelOptions = {}): Promise<RewardModel> {
  const { threads = 1, device = 'cpu', onLong = 'refuse', maxLength: most, ...hub } = options;
  const dir = await modelFolder(model, hub);
  const checkpoint = openRewardCheckpoint(dir);
  const tokenizer = loadTokenizer(dir);
  const { maxPositions, vocabSize } = checkpoint.config;
  if (most !== undefined && !(Number.isInteger(most) && most >= 1))
    throw inputError('bad-length', 'maxLength is no length', {
      need: 'a whole number of at least 1',
      got: String(most),
      remedy: 'Leave it out for all that the model can read',
    });
  const maxLength = Math.min(most ?? maxPositions, maxPositions);
  const policy = openPolicy(checkpoint, {
    trained: { method: 'none' },
    threads,
    device: openDevice(device, (text) => hub.onNote?.(text)),
  });
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const score: RewardModel['score'] = (texts, onProgress) =>
    inTurn(() => scoreTexts({ policy, checkpoint, maxLength }, texts, { onProgress }));
  const rewardsOf: RewardModel['rewardsOf'] = async (items, onProgress) => {
    const conversations = items.map((item, i) => ({ id: String(i), ...item }));
    const rows = tokenizeConversations(conversations, tokenizer, { maxLength, onLong, vocabSize });
    return score(
      rows.map(({ tokens }) => tokens),
      onProgress,
    );
  };
  return {
    name: modelName(dir),
    dir,
    maxLength,
    tokenizer,
    score,
    rewardsOf,
    rewardOf: async (prompt, answer) => (await rewardsOf([{ prompt, answer }]))[0] as number,
    dispose: () => inTurn(() => policy.dispose()),
  };
}

/** A reward model at work. */
export interface Scorer {
  readonly policy: Policy;
  readonly checkpoint: Checkpoint;
  /** Most tokens of a text. Default: as many as the model has positions. */
  readonly maxLength?: number;
}

export interface ScoringOptions {
  /** Called between passes. */
  readonly onProgress?: ((done: number) => void | Promise<void>) | undefined;
  /** What a text is called in messages. Default: its row. */
  readonly nameOf?: (row: number) => string;
}

/**
 * Rewards of texts, in passes of similar lengths. The same texts in the same order give the same bits on one machine.
 *
 * @throws inputError `empty-text`, `text-too-long`, `id-out-of-vocabulary` before anything is computed;
 *   `model-not-finite` where a reward is no number.
 */
export async function scoreTexts(
  { policy, checkpoint, maxLength }: Scorer,
  texts: readonly ArrayLike<number>[],
  { onProgress, nameOf = (row) => `row ${row}` }: ScoringOptions = {},
): Promise<Float64Array> {
  const { config, dir } = checkpoint;
  const rows = texts.map((ids, row) => ({
    prompt: checkedText(ids, { config, dir, row, name: nameOf(row), most: maxLength ?? config.maxPositions }),
    completions: [],
  }));
  const rewards = new Float64Array(rows.length);
  const score = async (passes: readonly (readonly number[])[]) => {
    let done = 0;
    for (const pass of passes) {
      const found = await textRewards(
        policy,
        pass.map((i) => (rows[i] as (typeof rows)[number]).prompt),
      );
      pass.forEach((i, k) => {
        rewards[i] = found[k] as number;
      });
      done += pass.length;
      await onProgress?.(done);
    }
  };
  const lengths = rows.map(({ prompt }) => prompt.length);
  await inPasses(policy, microBatches(policy, rows, false), lengths, score);
  const wrong = rewards.findIndex((reward) => !Number.isFinite(reward));
  if (wrong >= 0) throw notFinite(checkpoint, nameOf(wrong), wrong, rewards[wrong] as number);
  return rewards;
}

function checkedText(
  ids: ArrayLike<number>,
  {
    config,
    dir,
    row,
    name,
    most,
  }: {
    readonly config: DecoderConfig;
    readonly dir: string;
    readonly row: number;
    readonly name: string;
    readonly most: number;
  },
): Int32Array {
  const at = { file: dir, row };
  if (ids.length > most)
    throw inputError('text-too-long', `the text of ${name} is longer than the reward model can read`, {
      ...at,
      need: `at most ${most} tokens`,
      got: ids.length,
      remedy: 'Shorten it, or take a reward model with a longer context: nothing is cut here',
    });
  const wrong = Array.from(ids).find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocabSize));
  if (wrong !== undefined)
    throw inputError(
      'id-out-of-vocabulary',
      `the text of ${name} has an id that the reward model does not know`,
      {
        ...at,
        need: `0 to ${config.vocabSize - 1}`,
        got: wrong,
        remedy: 'Use the tokenizer that belongs to the reward model',
      },
    );
  const text = withoutPadding(ids, config.reward?.padTokenId ?? null);
  if (text.length > 0) return text;
  throw inputError('empty-text', `the text of ${name} has no token that is not padding`, {
    ...at,
    got: Array.from(ids),
    remedy: 'Give it a text',
  });
}

function notFinite(checkpoint: Checkpoint, name: string, row: number, got: number) {
  const found = findNotFinite(checkpoint.weights.values());
  return inputError('model-not-finite', `the reward of ${name} is not a number`, {
    file: checkpoint.dir,
    row,
    got: String(got),
    tensor: found?.tensor,
    remedy:
      found === null
        ? 'The weights are finite, but too large to compute with: take another reward model'
        : `Its tensor ${found.tensor} in ${found.file} holds ${found.value}: fetch the reward model again`,
  });
}
