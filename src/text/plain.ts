import { inputError } from '../base/errors.ts';
import type { Message } from '../pairs/pair.ts';

const HEADERS: Readonly<Record<string, string>> = { user: '\n\nHuman: ', assistant: '\n\nAssistant: ' };
const ANSWER = '\n\nAssistant:';

/**
 * The prompt of a model without a chat template, in the form of hh-rlhf: `\n\nHuman: …\n\nAssistant:`, byte for
 * byte what `hhMessages` read. A system message is a paragraph of its own without a header, at the very start
 * without line breaks before it.
 */
export function plainPrompt(messages: readonly Message[]): string {
  return plainTurns(messages) + ANSWER;
}

/** The completion after `plainPrompt`: ` …`, with further turns where it has them. */
export function plainCompletion(messages: readonly Message[]): string {
  if (messages[0]?.role !== 'assistant') throw unknownRole(messages[0]?.role, 'assistant');
  return plainTurns(messages).slice(ANSWER.length);
}

function plainTurns(messages: readonly Message[]): string {
  return messages
    .map(({ role, content }, i) => {
      if (role === 'system') return i === 0 ? content : `\n\n${content}`;
      const header = HEADERS[role];
      if (header === undefined) throw unknownRole(role, 'system, user, assistant');
      return header + content;
    })
    .join('');
}

function unknownRole(got: string | undefined, need: string): Error {
  return inputError(
    'template-refused',
    'the model has no chat template, and the plain form has no such role',
    {
      got,
      need,
      remedy: 'Rename the role, or give the model a chat template that knows it.',
    },
  );
}
