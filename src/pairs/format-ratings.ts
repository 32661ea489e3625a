import type { FormatRule, ParseContext, ParsedPair } from './format-rule.ts';
import type { Message } from './pair.ts';
import { type Rated, ratedPairs } from './ratings.ts';
import { askedMessages, badRow, isRow, type Row, toCompletion, toMessages } from './shape.ts';

/** Columns with a row's answers, and beside them with their scores. */
const ANSWERS = ['completions', 'responses', 'generations', 'answers'] as const;
const SCORES = ['scores', 'ratings', 'ranks'] as const;
/** The text and the score of an answer that is an object, the first that is there. */
const TEXTS = ['response', 'text', 'completion', 'answer', 'generation', 'content', 'messages'] as const;
const MARKS = ['overall_score', 'score', 'rating', 'fine-grained_score', 'rank'] as const;

/**
 * Several rated answers to a prompt: a list of objects with an answer and a score (UltraFeedback's `completions`), or a
 * list of answers with a list of scores beside it. Of a `rank`, 1 is the best; of all other scores the highest is.
 * Pairs are made by the rule `ratings`; their scores, and the models where they are named, are kept in `meta`.
 */
export const RATINGS: FormatRule = {
  detect: (row) => promptColumn(row) !== undefined && ratedColumns(row) !== undefined,
  columns: (row) => [
    promptColumn(row) ?? 'prompt',
    ...Object.values(ratedColumns(row) ?? {}).filter((name) => name !== null),
  ],
  parse(row, context) {
    const column = promptColumn(row);
    if (column === undefined) throw badRow('prompt', 'text or a list of messages', row.prompt);
    const columns = ratedColumns(row);
    if (columns === undefined) throw badRow('completions', 'a list of answers with scores', row.completions);
    const value = row[column];
    const prompt = typeof value === 'string' ? askedMessages('', value) : toMessages(value, column);
    return pairsOfRatings(prompt, ratedAnswers(row, columns), context);
  },
};

/** An answer as messages, with the model that gave it. */
export interface RatedAnswer {
  readonly messages: Message[];
  readonly model?: string;
}

/** Pairs of a prompt's rated answers, with their scores. */
export function pairsOfRatings(
  prompt: readonly Message[],
  answers: readonly Rated<RatedAnswer>[],
  { ratings, row }: ParseContext,
): ParsedPair[] {
  const unrated = answers.filter(({ score }) => score === null).length;
  return ratedPairs(answers, ratings, row).map(({ chosen, rejected, scoreChosen, scoreRejected }) => ({
    prompt,
    chosen: chosen.messages,
    rejected: rejected.messages,
    extra: {
      score_chosen: scoreChosen,
      score_rejected: scoreRejected,
      ...(chosen.model === undefined ? {} : { model_chosen: chosen.model }),
      ...(rejected.model === undefined ? {} : { model_rejected: rejected.model }),
      ...(unrated === 0 ? {} : { answers_without_score: unrated }),
    },
  }));
}

function promptColumn(row: Row): string | undefined {
  return ['instruction', 'prompt', 'question', 'input'].find(
    (name) => typeof row[name] === 'string' || Array.isArray(row[name]),
  );
}

interface RatedColumns {
  readonly answers: string;
  /** null: each answer holds its own. */
  readonly scores: string | null;
}

function ratedColumns(row: Row): RatedColumns | undefined {
  for (const answers of ANSWERS) {
    const list = row[answers];
    if (!Array.isArray(list)) continue;
    const scores = SCORES.find((name) => Array.isArray(row[name]));
    if (scores !== undefined) return { answers, scores };
    if (list.some((item) => isRow(item) && MARKS.some((mark) => mark in item)))
      return { answers, scores: null };
  }
  return undefined;
}

function ratedAnswers(row: Row, { answers, scores }: RatedColumns): Rated<RatedAnswer>[] {
  const list = row[answers] as readonly unknown[];
  const marks = scores === null ? null : (row[scores] as readonly unknown[]);
  if (marks !== null && marks.length !== list.length) {
    throw badRow(scores ?? '', `one score for each of the ${list.length} ${answers}`, marks);
  }
  const models = Array.isArray(row.models) && row.models.length === list.length ? row.models : [];
  return list.map((item, i) => {
    const place = `${answers}[${i}]`;
    const model = isRow(item) && typeof item.model === 'string' ? item.model : models[i];
    const answer = {
      messages: messagesOf(item, place),
      ...(typeof model === 'string' ? { model } : {}),
    };
    if (marks !== null) return { answer, score: scoreOf(marks[i], `${scores}[${i}]`, scores === 'ranks') };
    const mark = MARKS.find((name) => isRow(item) && item[name] != null);
    if (mark === undefined) return { answer, score: null };
    return { answer, score: scoreOf((item as Row)[mark], `${place}.${mark}`, mark === 'rank') };
  });
}

function messagesOf(item: unknown, place: string): Message[] {
  if (!isRow(item) || 'role' in item) return toCompletion(item, place);
  const name = TEXTS.find((text) => item[text] != null);
  if (name === undefined) throw badRow(place, `an answer under one of ${TEXTS.join(', ')}`, item);
  return toCompletion(item[name], `${place}.${name}`);
}

/** A number, also as text; null and texts that are none (N/A) are no score. */
function scoreOf(value: unknown, place: string, isRank: boolean): number | null {
  if (value === null || value === undefined) return null;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number') {
    if (typeof value === 'string') return null;
    throw badRow(place, 'a number', value);
  }
  if (!Number.isFinite(number)) return null;
  return isRank ? -number : number;
}
