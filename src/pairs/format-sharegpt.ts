import type { Message } from './pair.ts';
import { badRow, isRow, type PairTexts, type Row } from './shape.ts';

const ROLES: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant', system: 'system' };

/**
 * LLaMA-Factory's sharegpt ranking form: `conversations: [{from, value}]` is the prompt, `chosen` and
 * `rejected` are one `{from, value}` each; an optional `system` column leads. human → user, gpt → assistant.
 */
export function parseSharegpt(row: Row): PairTexts {
  const { conversations, system } = row;
  if (!Array.isArray(conversations)) throw badRow('conversations', 'a list of {from, value}', conversations);
  if (system !== undefined && system !== null && typeof system !== 'string') {
    throw badRow('system', 'text', system);
  }
  const lead: Message[] = system ? [{ role: 'system', content: system }] : [];
  return {
    prompt: [...lead, ...conversations.map((turn, i) => toTurn(turn, `conversations[${i}]`))],
    chosen: [toAnswer(row.chosen, 'chosen')],
    rejected: [toAnswer(row.rejected, 'rejected')],
  };
}

function toTurn(value: unknown, column: string): Message {
  if (!isRow(value)) throw badRow(column, 'a turn {from, value}', value);
  const role =
    typeof value.from === 'string' && Object.hasOwn(ROLES, value.from) ? ROLES[value.from] : undefined;
  if (role === undefined) throw badRow(`${column}.from`, Object.keys(ROLES).join(', '), value.from);
  if (typeof value.value !== 'string') throw badRow(`${column}.value`, 'text', value.value);
  return { role, content: value.value };
}

function toAnswer(value: unknown, column: string): Message {
  const turn = toTurn(value, column);
  if (turn.role !== 'assistant') throw badRow(`${column}.from`, 'gpt', isRow(value) ? value.from : value);
  return turn;
}
