import { splitConversations } from './format-implicit.ts';
import type { FormatRule } from './format-rule.ts';
import type { Message } from './pair.ts';
import {
  askedMessages,
  badRow,
  isPromptRole,
  type PairTexts,
  type Row,
  startsWithMessages,
  systemColumn,
  toCompletion,
  toMessages,
} from './shape.ts';

export const EXPLICIT: FormatRule = {
  detect: (row) => row.prompt != null && 'chosen' in row && 'rejected' in row,
  parse: parseExplicit,
  columns: (row) => [
    ...['prompt', 'chosen', 'rejected'],
    // ultrafeedback_binarized says the chosen conversation twice.
    ...(Array.isArray(row.messages) && JSON.stringify(row.messages) === JSON.stringify(row.chosen)
      ? ['messages']
      : []),
  ],
};

/**
 * A prompt column beside chosen and rejected:
 * - three strings (TRL standard); beside a system text they become messages, which the reader leads with it;
 * - a prompt of messages with completions as messages, one message or text (TRL conversational);
 * - either of them with completions that repeat the prompt (ultrafeedback_binarized: the prompt is a string
 *   and chosen / rejected are whole conversations): the repeated part is taken off.
 */
function parseExplicit(row: Row): PairTexts {
  const { prompt, chosen, rejected } = row;
  if (typeof prompt === 'string') {
    if (typeof chosen === 'string' && typeof rejected === 'string') {
      if (systemColumn(row, []) === undefined) return { prompt, chosen, rejected };
      return answered(askedMessages('', prompt), chosen, rejected);
    }
    return afterPromptString(
      prompt,
      sideOf(chosen, rejected, 'chosen'),
      sideOf(rejected, chosen, 'rejected'),
    );
  }
  if (!Array.isArray(prompt)) throw badRow('prompt', 'text or a list of messages', prompt);
  const asked = toMessages(prompt, 'prompt');
  return afterPromptMessages(asked, toCompletion(chosen, 'chosen'), toCompletion(rejected, 'rejected'));
}

/** Two answers in text to a prompt of messages. */
export function answered(prompt: Message[], chosen: string, rejected: string): PairTexts {
  const side = (content: string): Message[] => [{ role: 'assistant', content }];
  return { prompt, chosen: side(chosen), rejected: side(rejected) };
}

export function afterPromptMessages(prompt: Message[], chosen: Message[], rejected: Message[]): PairTexts {
  const repeated = prompt.length > 0 && [chosen, rejected].every((side) => startsWithMessages(side, prompt));
  if (repeated && !isPromptRole(prompt[0]?.role ?? '')) {
    throw badRow(
      'chosen',
      'a completion that is told from the prompt (which begins with an answer and is repeated)',
      chosen,
      'Leave the prompt out of chosen and rejected.',
    );
  }
  const completion = (side: Message[], column: string): Message[] => {
    const rest = repeated ? side.slice(prompt.length) : side;
    return answering(rest, column);
  };
  return { prompt, chosen: completion(chosen, 'chosen'), rejected: completion(rejected, 'rejected') };
}

function afterPromptString(prompt: string, chosen: Message[], rejected: Message[]): PairTexts {
  const whole = [chosen, rejected].some((side) => isPromptRole(side[0]?.role ?? ''));
  if (!whole) return { prompt: [{ role: 'user', content: prompt }], chosen, rejected };
  const texts = splitConversations(chosen, rejected);
  const asked = texts.prompt as readonly Message[];
  if (!asked.some((message) => message.role === 'user' && message.content.trim() === prompt.trim())) {
    throw badRow(
      'prompt',
      'the text of a user message that both conversations begin with',
      prompt,
      'Make the prompt column agree with chosen and rejected, or remove it.',
    );
  }
  return texts;
}

/** Beside a prompt string the two sides are of one kind: both text (handled before), or both messages. */
function sideOf(side: unknown, other: unknown, column: string): Message[] {
  if (typeof side === 'string' && (typeof other !== 'object' || other === null)) {
    // The other side is at fault and is named when its turn comes.
    return [];
  }
  if (typeof other === 'string') throw badRow(column, 'text, as the other side', side);
  if (typeof side === 'string') throw badRow(column, 'a list of messages, as the other side', side);
  return toCompletion(side, column);
}

function answering(side: Message[], column: string): Message[] {
  const role = side[0]?.role;
  if (role !== undefined && isPromptRole(role)) {
    throw badRow(
      column,
      'a completion that begins with an answer, or the whole conversation after exactly this prompt',
      side,
      'Make prompt, chosen and rejected agree in their leading messages.',
    );
  }
  return side;
}
