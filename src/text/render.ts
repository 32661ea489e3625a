import { inputError } from '../base/errors.ts';
import { hhCompletion, hhMessages } from '../pairs/format-hh.ts';
import type { Message, PreferencePair, Text } from '../pairs/pair.ts';
import { plainCompletion, plainPrompt } from './plain.ts';
import { renderChat } from './template.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** The text of a pair with its boundary: the model reads `prompt + chosen` and `prompt + rejected`. */
export interface RenderedPair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  /** False where plain text is used as it stands, by a model with or without a chat template. */
  readonly templated: boolean;
}

type Texts = Pick<PreferencePair, 'prompt' | 'chosen' | 'rejected'>;

/**
 * The text that the model reads:
 * - messages, model with a chat template: the WHOLE conversation is rendered, the prompt too (with the header of
 *   the answer); the completion is what follows the prompt. Where the whole does not begin with that (templates
 *   whose header holds an opening "thinking" tag), the boundary is before the header, which then belongs to both
 *   completions and cancels in the margin. White space after the end-of-turn token belongs to the next turn and
 *   is not part of the completion. (The paper's code renders prompt and answers apart, so that the header counts
 *   to the answers: the margin is the same, the lengths differ by the header.)
 * - messages, no chat template: the plain form of hh-rlhf.
 * - strings: as they stand, no template; except strings of hh-rlhf's regular form for a model with a chat
 *   template, which become messages first.
 * @throws input error `template-refused`, `template-boundary`, `mixed-texts`.
 */
export function renderPair(pair: Texts, tokenizer: TextTokenizer): RenderedPair {
  const texts = tokenizer.chatTemplate === null ? pair : hhToMessages(pair);
  const { prompt, chosen, rejected } = texts;
  if (typeof prompt === 'string' && typeof chosen === 'string' && typeof rejected === 'string') {
    return { prompt, chosen, rejected, templated: false };
  }
  if (typeof prompt === 'string' || typeof chosen === 'string' || typeof rejected === 'string') {
    throw inputError('mixed-texts', 'prompt, chosen and rejected must all be text or all be messages', {
      got: [prompt, chosen, rejected]
        .map((text) => (typeof text === 'string' ? 'text' : 'messages'))
        .join(', '),
      remedy: 'Read the pairs with readPairs, which makes them alike.',
    });
  }
  if (tokenizer.chatTemplate === null) {
    return {
      prompt: plainPrompt(prompt),
      chosen: plainCompletion(chosen),
      rejected: plainCompletion(rejected),
      templated: true,
    };
  }
  return splitRendered(prompt, chosen, rejected, tokenizer);
}

/** The prompt alone, for generation: the same text that `renderPair` gives it. */
export function renderPrompt(prompt: Text, tokenizer: TextTokenizer): string {
  const hasTemplate = tokenizer.chatTemplate !== null;
  const text = typeof prompt === 'string' && hasTemplate ? (hhMessages(prompt) ?? prompt) : prompt;
  if (typeof text === 'string') return text;
  return hasTemplate ? renderChat(tokenizer, text, { generationPrompt: true }) : plainPrompt(text);
}

function hhToMessages(pair: Texts): Texts {
  const { prompt, chosen, rejected } = pair;
  if (typeof prompt !== 'string' || typeof chosen !== 'string' || typeof rejected !== 'string') return pair;
  const messages = hhMessages(prompt);
  if (messages === null) return pair;
  return { prompt: messages, chosen: hhCompletion(chosen), rejected: hhCompletion(rejected) };
}

function splitRendered(
  prompt: readonly Message[],
  chosen: readonly Message[],
  rejected: readonly Message[],
  tokenizer: TextTokenizer,
): RenderedPair {
  const wholes = [chosen, rejected].map((side) =>
    renderChat(tokenizer, [...prompt, ...side], { generationPrompt: false }),
  );
  for (const generationPrompt of [true, false]) {
    const start = renderChat(tokenizer, prompt, { generationPrompt });
    if (!wholes.every((whole) => whole.startsWith(start))) continue;
    const [good = '', bad = ''] = wholes.map((whole) => toEndOfTurn(whole.slice(start.length), tokenizer));
    return { prompt: start, chosen: good, rejected: bad, templated: true };
  }
  throw inputError(
    'template-boundary',
    'the chat template renders the prompt differently alone and before an answer, so the answer has no start',
    {
      file: tokenizer.source,
      got: wholes[0]?.slice(0, 120),
      need: renderChat(tokenizer, prompt, { generationPrompt: false }).slice(0, 120),
      remedy: 'Give the model a chat template whose text only grows with each message (chat_template.jinja).',
    },
  );
}

function toEndOfTurn(completion: string, tokenizer: TextTokenizer): string {
  const trimmed = completion.trimEnd();
  for (const token of tokenizer.endTokens.keys()) if (trimmed.endsWith(token)) return trimmed;
  return completion;
}
