import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../../base/errors.ts';
import { readError } from '../../base/files.ts';
import { type Fields, nameAt, type Place, readObjects } from '../judged-rows.ts';
import { countAt } from './battles.ts';
import { countMarkdown, type MarkdownCounts } from './markdown.ts';
import type { Style } from './style.ts';

/** What lengths are counted in: the file's own token counts, tokens of a named tokenizer, or characters / 4. */
export type LengthUnit = 'token_len' | 'tokenizer' | 'characters / 4';

/** Styles of models' answers. */
export interface AnswerStyles {
  readonly unit: LengthUnit;
  /** Model → question → style. */
  readonly styles: ReadonlyMap<string, ReadonlyMap<string, Style>>;
  /** Answers that a later one to the same question by the same model replaced. */
  readonly replaced: number;
}

export interface AnswerStylesOptions {
  /** Others in the files are skipped. */
  readonly models: ReadonlySet<string>;
  /** Number of tokens of a text, instead of what the files say. */
  readonly countTokens?: (text: string) => number;
}

/** A common estimate for English under OpenAI's vocabularies. */
const CHARACTERS_A_TOKEN = 4;

/**
 * Reads answers in both forms of the benchmark: {uid, model, messages, metadata} and {question_id, model_id, choices,
 * conv_metadata}. A folder stands for its .jsonl and .jsonl.gz files.
 *
 * Lengths: by `countTokens` where it is given; else `token_len` where every answer has it; else characters / 4 for
 * all. Marks come from the metadata, or are counted in the text.
 *
 * @throws inputError `bad-row`, `bad-metadata`, `no-answer-files`, and what `readObjects` throws.
 */
export async function readAnswerStyles(
  paths: readonly string[],
  { models, countTokens }: AnswerStylesOptions,
): Promise<AnswerStyles> {
  const found = new Map<string, Map<string, Measured>>();
  let replaced = 0;
  for await (const { row, at } of readObjects(filesOf(paths), 'an answer')) {
    const model = nameAt(row, ['model', 'model_id'], at);
    if (!models.has(model)) continue;
    const question = nameAt(row, ['uid', 'question_id'], at);
    const own = found.get(model) ?? new Map<string, Measured>();
    found.set(model, own);
    if (own.has(question)) replaced++;
    own.set(question, measured(row, at, countTokens));
  }
  const all = [...found.values()].flatMap((own) => [...own.values()]);
  const unit: LengthUnit =
    countTokens !== undefined
      ? 'tokenizer'
      : all.every(({ tokenLen }) => tokenLen !== null)
        ? 'token_len'
        : 'characters / 4';
  const without = all.find(({ characters }) => characters === null);
  if (unit === 'characters / 4' && without !== undefined) {
    throw inputError('bad-row', 'the answer has neither text nor token_len', {
      ...without.at,
      remedy: 'Other answers have no token_len, so that all lengths are taken from the texts',
    });
  }
  return {
    unit,
    replaced,
    styles: new Map([...found].map(([model, own]) => [model, stylesIn(own, unit)])),
  };
}

interface Measured extends MarkdownCounts {
  readonly at: Place;
  readonly tokenLen: number | null;
  readonly counted: number | null;
  readonly characters: number | null;
}

function stylesIn(own: ReadonlyMap<string, Measured>, unit: LengthUnit): ReadonlyMap<string, Style> {
  const length = ({ tokenLen, counted, characters }: Measured) =>
    unit === 'token_len' ? tokenLen : unit === 'tokenizer' ? counted : (characters ?? 0) / CHARACTERS_A_TOKEN;
  return new Map(
    [...own].map(([question, answer]) => {
      const { headers, lists, bold } = answer;
      return [question, { tokens: length(answer) as number, headers, lists, bold }];
    }),
  );
}

function measured(row: Fields, at: Place, countTokens: AnswerStylesOptions['countTokens']): Measured {
  const { text, turn } = textOf(row);
  const metadata = row.metadata ?? row.conv_metadata ?? null;
  const fields = typeof metadata === 'object' ? (metadata as Fields | null) : null;
  if (text === null && (fields?.header_count === undefined || countTokens !== undefined)) {
    const need = 'messages with an answer, or choices with turns';
    throw inputError('bad-row', 'the answer has no text', { ...at, need, got: Object.keys(row) });
  }
  const inMetadata = fields?.token_len === undefined ? null : countAt(fields, 'token_len', at);
  return {
    at,
    tokenLen: inMetadata ?? (turn?.token_len === undefined ? null : countAt(turn, 'token_len', at)),
    counted: countTokens === undefined ? null : countTokens(text as string),
    // Characters as Unicode counts them, not as JavaScript does.
    characters: text === null ? null : [...text].length,
    ...(fields?.header_count === undefined
      ? countMarkdown(text ?? '')
      : {
          headers: countAt(fields, 'header_count', at),
          lists: countAt(fields, 'list_count', at),
          bold: countAt(fields, 'bold_count', at),
        }),
  };
}

/** The last message's answer, or the first turn of the first choice, with that turn's other fields. */
function textOf(row: Fields): { readonly text: string | null; readonly turn: Fields | null } {
  const message = fieldsOf(last(row.messages))?.content;
  const turn = first(fieldsOf(first(row.choices))?.turns);
  const content = message ?? (typeof turn === 'string' ? turn : fieldsOf(turn)?.content);
  const text = typeof content === 'string' ? content : fieldsOf(content)?.answer;
  return { text: typeof text === 'string' ? text : null, turn: fieldsOf(turn) };
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null ? (value as Fields) : null;
}

function first(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined;
}

function last(list: unknown): unknown {
  return Array.isArray(list) ? list.at(-1) : undefined;
}

function filesOf(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    let names: readonly string[];
    try {
      if (!statSync(path).isDirectory()) return [path];
      names = readdirSync(path).filter((name) => /\.jsonl(\.gz)?$/.test(name));
    } catch (error) {
      throw readError(path, error);
    }
    if (names.length === 0) {
      throw inputError('no-answer-files', 'the folder holds no .jsonl file', {
        file: path,
        remedy: 'Name the folder that has one file of answers for each model',
      });
    }
    return names.toSorted().map((name) => join(path, name));
  });
}
