import type { FormatRule } from './format-rule.ts';
import type { Message } from './pair.ts';
import { commonMessages, isPromptRole, type PairTexts, type Row, RowRefused, toMessages } from './shape.ts';

export const IMPLICIT: FormatRule = {
  detect: (row) => Array.isArray(row.chosen) && 'rejected' in row,
  parse: parseImplicit,
  columns: ['chosen', 'rejected'],
};

/**
 * Two whole conversations without a prompt column (TRL's implicit prompt, argilla/dpo-mix-7k): the prompt is
 * their longest common prefix, cut at a message boundary so that what follows begins with an answer.
 */
function parseImplicit(row: Row): PairTexts {
  return splitConversations(toMessages(row.chosen, 'chosen'), toMessages(row.rejected, 'rejected'));
}

/**
 * At least the last message of each side is completion, so that two equal conversations still have a prompt
 * (and are then refused as identical sides).
 */
export function splitConversations(chosen: readonly Message[], rejected: readonly Message[]): PairTexts {
  let cut = Math.min(commonMessages(chosen, rejected), chosen.length - 1, rejected.length - 1);
  while (cut > 0 && (asks(chosen[cut]) || asks(rejected[cut]))) cut--;
  if (cut <= 0) {
    throw new RowRefused(
      'no-prompt-boundary',
      `no prompt boundary: chosen (${chosen.length} messages) and rejected (${rejected.length} messages) share no leading messages that an answer follows`,
      'Let both conversations begin with the same messages, or give a prompt column.',
    );
  }
  return { prompt: chosen.slice(0, cut), chosen: chosen.slice(cut), rejected: rejected.slice(cut) };
}

function asks(message: Message | undefined): boolean {
  return message !== undefined && isPromptRole(message.role);
}
