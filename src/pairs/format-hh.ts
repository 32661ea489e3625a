import type { FormatRule } from './format-rule.ts';
import type { Message } from './pair.ts';
import { badRow, type PairTexts, type Row, RowRefused } from './shape.ts';

export const HH_USER = '\n\nHuman:';
export const HH_ASSISTANT = '\n\nAssistant:';

export const HH: FormatRule = {
  detect: (row) => typeof row.chosen === 'string' && 'rejected' in row,
  parse: parseHh,
  columns: ['chosen', 'rejected'],
};

/**
 * Anthropic hh-rlhf: each side is one string of `\n\nHuman: …\n\nAssistant: …` turns. The prompt ends with the
 * last `\n\nAssistant:` that both sides share; the completion keeps its leading space. A completion can hold
 * further turns where the two conversations part early.
 */
function parseHh(row: Row): PairTexts {
  const { chosen, rejected } = row;
  if (typeof chosen !== 'string') throw badRow('chosen', 'text', chosen);
  if (typeof rejected !== 'string') throw badRow('rejected', 'text', rejected);
  let shared = 0;
  while (shared < chosen.length && shared < rejected.length && chosen[shared] === rejected[shared]) shared++;
  const marker = chosen.slice(0, shared).lastIndexOf(HH_ASSISTANT);
  if (marker < 0 || !chosen.slice(0, marker).includes(HH_USER)) {
    throw new RowRefused(
      'no-prompt-boundary',
      'no prompt boundary: there is no prompt column, and chosen and rejected do not share a start with ' +
        `${JSON.stringify(HH_USER)} and ${JSON.stringify(HH_ASSISTANT)}`,
      'Give a prompt column, or messages instead of text.',
    );
  }
  const cut = marker + HH_ASSISTANT.length;
  return { prompt: chosen.slice(0, cut), chosen: chosen.slice(cut), rejected: rejected.slice(cut) };
}

/**
 * The messages of an hh-rlhf prompt, for models with a chat template: user and assistant in strict turn, user
 * first, ending with a bare `\n\nAssistant:`. Contents are byte-exact apart from the one space after each
 * marker, so that `hhText` gives the prompt back. Null when the prompt is not of that form.
 */
export function hhMessages(prompt: string): Message[] | null {
  if (!prompt.endsWith(HH_ASSISTANT)) return null;
  return turns(prompt.slice(0, -HH_ASSISTANT.length), 'user', 'user');
}

/**
 * The messages of an hh-rlhf completion (the text after the prompt's last `\n\nAssistant:`). Further turns
 * become messages when they are regular; otherwise the whole completion is one assistant message.
 */
export function hhCompletion(completion: string): Message[] {
  const regular = turns(HH_ASSISTANT + completion, 'assistant', 'assistant');
  return regular ?? [{ role: 'assistant', content: completion.replace(/^ /, '') }];
}

/** Reads strictly alternating turns from `first` to `last`; null when the text is not made of such turns. */
function turns(text: string, first: string, last: string): Message[] | null {
  const parts = text.split(/\n\n(Human|Assistant):/);
  if (parts[0] !== '') return null;
  const messages: Message[] = [];
  let due = first;
  for (let i = 1; i < parts.length; i += 2) {
    const role = parts[i] === 'Human' ? 'user' : 'assistant';
    const content = parts[i + 1] ?? '';
    if (role !== due || !content.startsWith(' ')) return null;
    messages.push({ role, content: content.slice(1) });
    due = role === 'user' ? 'assistant' : 'user';
  }
  return messages.at(-1)?.role === last ? messages : null;
}
