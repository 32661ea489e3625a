import { inputError, WinnowError } from '../base/errors.ts';
import { hhMessages } from '../pairs/format-hh.ts';
import type { Text } from '../pairs/pair.ts';
import { encodePrompt, frontTokens } from './encode.ts';
import { plainCompletion, plainPrompt } from './plain.ts';
import { renderChat } from './template.ts';
import { checkRange } from './tokenize.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { MIN_PROMPT_TOKENS } from './truncation.ts';

/** A prompt with an answer to it, as a reward model reads them. */
export interface Conversation {
  /** Of the prompt; for messages. */
  readonly id: string;
  readonly prompt: Text;
  readonly answer: string;
}

export interface ConversationLimits {
  /** Most tokens of a conversation. */
  readonly maxLength: number;
  /** What becomes of a longer one: the prompt loses its start, BOS excepted, or it is an error. Answers are never cut. */
  readonly onLong: 'cut-prompt-start' | 'refuse';
  /** Rows of the model's embedding. Default: the tokenizer's own size. */
  readonly vocabSize?: number;
}

export interface TokenizedConversation {
  readonly id: string;
  readonly tokens: readonly number[];
  readonly promptTokensCut: number;
}

/**
 * The text of a conversation, and that of its prompt alone:
 * - a model with a chat template: the whole conversation as the template renders it, white space at its end included,
 *   without the header of a further turn. A prompt of plain text is the message of a user (strings of hh-rlhf's regular
 *   form are the messages that they hold); the space that joined the answer to it is left out.
 * - a model without one: texts as they stand, messages in the plain form of hh-rlhf.
 */
export function renderConversation(
  { prompt, answer }: Pick<Conversation, 'prompt' | 'answer'>,
  tokenizer: TextTokenizer,
): { readonly start: string; readonly whole: string } {
  const plain = typeof prompt === 'string';
  if (tokenizer.chatTemplate === null) {
    const start = plain ? prompt : plainPrompt(prompt);
    const end = plain ? answer : plainCompletion([{ role: 'assistant', content: answer }]);
    return { start, whole: start + end };
  }
  const messages = plain ? (hhMessages(prompt) ?? [{ role: 'user', content: prompt }]) : prompt;
  const content = plain ? answer.replace(/^ /, '') : answer;
  return {
    start: renderChat(tokenizer, messages, { generationPrompt: true }),
    whole: renderChat(tokenizer, [...messages, { role: 'assistant', content }], { generationPrompt: false }),
  };
}

/**
 * Conversations as token ids of a reward model, in the order given: exactly one BOS, and nothing behind what the
 * template wrote. Without a template, EOS behind the answer, as TRL's RewardTrainer adds it to plain text.
 *
 * @throws inputError `conversation-too-long`, `template-refused`, `id-out-of-vocabulary`: with the row, 0-based, and id.
 */
export function tokenizeConversations(
  conversations: readonly Conversation[],
  tokenizer: TextTokenizer,
  limits: ConversationLimits,
): TokenizedConversation[] {
  return conversations.map((conversation, row) => {
    const { id } = conversation;
    const { start, whole } = rendered(conversation, row, tokenizer);
    const ids = encodePrompt(whole, tokenizer);
    if (tokenizer.chatTemplate === null && !isEnd(ids.at(-1), tokenizer)) ids.push(tokenizer.eosId);
    checkRange(ids, tokenizer, limits.vocabSize === undefined ? {} : { vocabSize: limits.vocabSize }, row);
    if (ids.length <= limits.maxLength) return { id, tokens: ids, promptTokensCut: 0 };
    const promptTokens = sharedStart(ids, encodePrompt(start, tokenizer));
    const room = limits.maxLength - (ids.length - promptTokens);
    if (limits.onLong === 'refuse' || room < Math.min(promptTokens, MIN_PROMPT_TOKENS))
      throw tooLong({ id, row, tokens: ids.length, promptTokens }, tokenizer, limits);
    const front = Math.min(frontTokens(ids, tokenizer), room);
    const cut = ids.length - limits.maxLength;
    return { id, tokens: [...ids.slice(0, front), ...ids.slice(front + cut)], promptTokensCut: cut };
  });
}

function rendered(conversation: Conversation, row: number, tokenizer: TextTokenizer) {
  try {
    return renderConversation(conversation, tokenizer);
  } catch (error) {
    if (!(error instanceof WinnowError) || error.code !== 'template-refused') throw error;
    throw inputError(error.code, `conversation ${conversation.id}: ${error.message}`, { row }, error);
  }
}

function isEnd(id: number | undefined, { endTokens }: TextTokenizer): boolean {
  return id !== undefined && [...endTokens.values()].includes(id);
}

/** How many tokens both begin with. */
function sharedStart(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

function tooLong(
  found: {
    readonly id: string;
    readonly row: number;
    readonly tokens: number;
    readonly promptTokens: number;
  },
  { source }: TextTokenizer,
  { maxLength, onLong }: ConversationLimits,
) {
  const { id, row, tokens, promptTokens } = found;
  return inputError(
    'conversation-too-long',
    `conversation ${id} has ${tokens} tokens for the reward model, ${tokens - promptTokens} of them the answer`,
    {
      file: source,
      row,
      need: `at most ${maxLength} tokens${onLong === 'refuse' ? '' : `, and a prompt that keeps ${MIN_PROMPT_TOKENS} of its own`}`,
      got: tokens,
      remedy:
        onLong === 'refuse'
          ? 'Let the prompt lose its start (text.onLong: cut-prompt-start), or take a reward model with a longer context'
          : 'Take a reward model with a longer context, or shorter answers: they are never cut',
    },
  );
}
