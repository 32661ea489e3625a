import { afterPromptMessages, answered } from './format-explicit.ts';
import { splitConversations } from './format-implicit.ts';
import type { FormatRule } from './format-rule.ts';
import {
  askedMessages,
  badRow,
  optionalText,
  type Row,
  startsWithMessages,
  toCompletion,
  toMessages,
} from './shape.ts';

/**
 * axolotl's `chat_template.default`: the prompt's messages (or its text) under `messages` or `conversation`, beside
 * `chosen` and `rejected` as a message, a list of messages or text. Other names: the key `columns`.
 */
export const MESSAGES: FormatRule = {
  detect: (row) => messagesColumn(row) !== undefined && 'chosen' in row && 'rejected' in row,
  columns: (row) => [messagesColumn(row) ?? 'messages', 'chosen', 'rejected'],
  parse(row) {
    const column = messagesColumn(row) ?? 'messages';
    const value = row[column];
    const prompt = typeof value === 'string' ? askedMessages('', value) : toMessages(value, column);
    const [chosen, rejected] = [toCompletion(row.chosen, 'chosen'), toCompletion(row.rejected, 'rejected')];
    // Some sets hold the chosen conversation itself there.
    const isChosen = prompt.length === chosen.length && startsWithMessages(prompt, chosen);
    return isChosen ? splitConversations(chosen, rejected) : afterPromptMessages(prompt, chosen, rejected);
  },
};

function messagesColumn(row: Row): string | undefined {
  return ['messages', 'conversation'].find(
    (name) => Array.isArray(row[name]) || typeof row[name] === 'string',
  );
}

/**
 * axolotl's `chatml` and `llama3` rows (Intel/orca_dpo_pairs and its kin): a `question` or `input` in text, `system`,
 * and `chosen` / `rejected` or `chosen_response` / `rejected_response` in text. (With the question under `prompt` the
 * format is explicit, under `instruction` it is alpaca.)
 */
export const ORCA: FormatRule = {
  detect: (row) => questionColumn(row) !== undefined && sides(row).every((side) => side in row),
  columns: (row) => [questionColumn(row) ?? 'question', 'system', ...sides(row)],
  parse(row) {
    const column = questionColumn(row) ?? 'question';
    const question = row[column];
    if (typeof question !== 'string') throw badRow(column, 'text', question);
    const prompt = askedMessages(optionalText(row, 'system'), question);
    const [chosen, rejected] = sides(row).map((side) => {
      const value = row[side];
      if (typeof value !== 'string') throw badRow(side, 'text', value);
      return value;
    }) as [string, string];
    return answered(prompt, chosen, rejected);
  },
};

function questionColumn(row: Row): string | undefined {
  return ['prompt', 'question', 'input', 'instruction'].find((name) => typeof row[name] === 'string');
}

function sides(row: Row): [chosen: string, rejected: string] {
  const short = 'chosen' in row || !('chosen_response' in row);
  return short ? ['chosen', 'rejected'] : ['chosen_response', 'rejected_response'];
}
