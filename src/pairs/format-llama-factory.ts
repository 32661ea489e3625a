import { answered } from './format-explicit.ts';
import type { FormatRule } from './format-rule.ts';
import type { Message } from './pair.ts';
import {
  askedMessages,
  badRow,
  isEmpty,
  isRow,
  optionalText,
  type PairTexts,
  type Row,
  RowRefused,
} from './shape.ts';

/**
 * What an entry of LLaMA-Factory's dataset_info.json says of its rows; the defaults are LLaMA-Factory's own
 * (hiyouga/LLaMA-Factory `data/README.md` and `src/llamafactory/data/parser.py`).
 */
export interface LlamaFactoryColumns {
  readonly prompt: string;
  readonly query: string | null;
  readonly response: string | null;
  readonly history: string | null;
  readonly messages: string;
  readonly system: string | null;
  readonly tools: string | null;
  readonly images: string | null;
  readonly videos: string | null;
  readonly audios: string | null;
  readonly chosen: string;
  readonly rejected: string;
}

export interface LlamaFactoryTags {
  readonly role: string;
  readonly content: string;
  readonly user: string;
  readonly assistant: string;
  readonly observation: string | null;
  readonly function: string | null;
  readonly system: string | null;
}

/** `system` and `history` are read under their usual names, though LLaMA-Factory reads them only where they are named. */
export const LLAMA_FACTORY_COLUMNS: LlamaFactoryColumns = {
  prompt: 'instruction',
  query: 'input',
  response: 'output',
  history: 'history',
  messages: 'conversations',
  system: 'system',
  tools: 'tools',
  images: 'images',
  videos: 'videos',
  audios: 'audios',
  chosen: 'chosen',
  rejected: 'rejected',
};

export const LLAMA_FACTORY_TAGS: LlamaFactoryTags = {
  role: 'from',
  content: 'value',
  user: 'human',
  assistant: 'gpt',
  observation: 'observation',
  function: 'function_call',
  system: 'system',
};

/**
 * The alpaca style of LLaMA-Factory: `instruction`, optional `input` (on a line of its own below it), `system` and
 * `history` ([[question, answer], …]), with `chosen` and `rejected` in text; also the older form whose `output` is the
 * list of both.
 */
export function alpacaRule(columns: LlamaFactoryColumns): FormatRule {
  const { prompt, query, response, history, system, chosen, rejected } = columns;
  const isOlder = (row: Row) =>
    row[chosen] == null && response !== null && Array.isArray(row[response]) && row[response].length === 2;
  return {
    namesSystem: true,
    detect: (row) => typeof row[prompt] === 'string' && ((chosen in row && rejected in row) || isOlder(row)),
    columns: (row) => [
      ...[prompt, query, history, system, chosen, rejected].filter((name) => name !== null),
      ...(isOlder(row) && response !== null ? [response] : []),
    ],
    parse(row) {
      refuseMore(row, columns);
      const question = [optionalText(row, prompt), query === null ? '' : optionalText(row, query)];
      const [lead, ...asked] = askedMessages(
        system === null ? '' : optionalText(row, system),
        question.filter((text) => text !== '').join('\n'),
      ) as [Message, ...Message[]];
      const earlier = history === null ? [] : historyOf(row[history], history);
      const older = isOlder(row) && response !== null;
      const side = (column: string, place: number) => {
        const value = older ? (row[response] as unknown[])[place] : row[column];
        if (typeof value === 'string') return value;
        if (isRow(value) && typeof value.content === 'string' && value.role === 'assistant')
          return value.content;
        throw badRow(older ? `${response}[${place}]` : column, 'text', value);
      };
      const messages = lead.role === 'system' ? [lead, ...earlier, ...asked] : [...earlier, lead];
      return answered(messages, side(chosen, 0), side(rejected, 1));
    },
  };
}

function historyOf(value: unknown, column: string): Message[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badRow(column, 'a list of [question, answer]', value);
  return value.flatMap((turn: unknown, i) => {
    if (Array.isArray(turn) && turn.length === 2 && turn.every((text) => typeof text === 'string')) {
      return [
        { role: 'user', content: turn[0] as string },
        { role: 'assistant', content: turn[1] as string },
      ];
    }
    throw badRow(`${column}[${i}]`, '[question, answer] in text', turn);
  });
}

/**
 * The sharegpt style of LLaMA-Factory: `conversations: [{from, value}]` is the prompt, `chosen` and `rejected` are one
 * such turn each (or its text); a leading system turn goes before the `system` column.
 */
export function sharegptRule(columns: LlamaFactoryColumns, tags: LlamaFactoryTags): FormatRule {
  const { messages, system, chosen, rejected } = columns;
  return {
    namesSystem: true,
    detect: (row) => row[messages] != null && chosen in row && rejected in row,
    columns: [messages, chosen, rejected, ...(system === null ? [] : [system])],
    parse(row): PairTexts {
      refuseMore(row, columns);
      const turns = row[messages];
      if (!Array.isArray(turns)) throw badRow(messages, `a list of {${tags.role}, ${tags.content}}`, turns);
      const asked = turns.map((turn, i) => toTurn(turn, `${messages}[${i}]`, tags));
      const text = system === null ? '' : optionalText(row, system);
      const lead: Message[] =
        text === '' || asked[0]?.role === 'system' ? [] : [{ role: 'system', content: text }];
      return {
        prompt: [...lead, ...asked],
        chosen: [toAnswer(row[chosen], chosen, tags)],
        rejected: [toAnswer(row[rejected], rejected, tags)],
      };
    },
  };
}

function toTurn(value: unknown, column: string, tags: LlamaFactoryTags): Message {
  if (!isRow(value)) throw badRow(column, `a turn {${tags.role}, ${tags.content}}`, value);
  const from = value[tags.role];
  if ((from !== undefined && from === tags.function) || !isEmpty(value.tool_calls)) {
    throw new RowRefused(
      'tool-calls',
      `column ${column}: the turn is a function call, which a model would be shown in its own form`,
      'Remove the row: winnow does not render tool calls.',
    );
  }
  const roles = { user: tags.user, assistant: tags.assistant, system: tags.system, tool: tags.observation };
  const role = Object.entries(roles).find(([, tag]) => tag !== null && tag === from)?.[0];
  if (role === undefined) {
    const known = [tags.user, tags.assistant, tags.system].filter((tag) => tag !== null);
    throw badRow(`${column}.${tags.role}`, known.join(', '), from);
  }
  const content = value[tags.content];
  if (typeof content !== 'string') throw badRow(`${column}.${tags.content}`, 'text', content);
  return { role, content };
}

function toAnswer(value: unknown, column: string, tags: LlamaFactoryTags): Message {
  if (typeof value === 'string') return { role: 'assistant', content: value };
  const turn = toTurn(value, column, tags);
  if (turn.role === 'assistant') return turn;
  throw badRow(`${column}.${tags.role}`, tags.assistant, isRow(value) ? value[tags.role] : value);
}

/** Columns of tools and media may have any name here. */
function refuseMore(row: Row, { tools, images, videos, audios }: LlamaFactoryColumns): void {
  for (const column of [tools, images, videos, audios]) {
    if (column !== null && !isEmpty(row[column]))
      throw moreThanText(column, column === tools ? 'tools' : 'media');
  }
}

/** A row that shows a model more than its messages. */
export function moreThanText(column: string, cause: 'tools' | 'media'): RowRefused {
  return new RowRefused(
    cause,
    `column ${column}: the row has ${cause}, which winnow does not show to the model`,
    cause === 'tools'
      ? 'Remove the row, or write the tools into the system message.'
      : 'Remove the row: winnow trains on text alone.',
  );
}
