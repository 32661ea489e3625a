import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeByHash } from '../base/files.ts';
import { putJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import type { Text } from '../pairs/pair.ts';
import { tokenStore } from '../text/token-store.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import type { PairScore } from '../train/preference.ts';

/**
 * A file that units read, kept in the run folder under the hash of its content: the hash is part of what a unit
 * is known by, the path only says where it lies.
 */
export interface InputFile {
  readonly hash: string;
  readonly path: string;
}

/** Writes rows as an input file, one a line; the same rows are the same file. */
export function writeInput(runDir: string, kind: string, rows: Iterable<unknown>): InputFile {
  const folder = join(runDir, 'inputs');
  mkdirSync(folder, { recursive: true });
  const near = join(folder, kind);
  const pathOf = (hash: string) => `${near}-${hash.slice(0, 16)}.jsonl`;
  return writeByHash(near, (write) => putJsonLines(rows, write, near), pathOf);
}

/** Ids, one JSON string a line. */
export function writeIds(runDir: string, ids: readonly string[]): InputFile {
  return writeInput(runDir, 'ids', ids);
}

export function readIds(path: string): string[] {
  return [...parseLines<string>(path)];
}

/** What each pair's loss counts, in the order of the ids; those that are not in `weights` count 1. */
export function writeWeights(
  runDir: string,
  ids: readonly string[],
  weights: ReadonlyMap<string, number>,
): InputFile {
  return writeInput(
    runDir,
    'weights',
    ids.map((id) => weights.get(id) ?? 1),
  );
}

export function readWeights(path: string): number[] {
  return [...parseLines<number>(path)];
}

type TokenLine = Omit<TokenizedPair, 'prompt' | 'chosen' | 'rejected'> &
  Record<'prompt' | 'chosen' | 'rejected', number[]>;

/** Tokenised pairs, one a line, so that a person can look at what the model sees. */
export function writeTokens(runDir: string, pairs: Iterable<TokenizedPair>): InputFile {
  return writeInput(runDir, 'tokens', tokenLines(pairs));
}

function* tokenLines(pairs: Iterable<TokenizedPair>): Generator<TokenLine> {
  for (const { prompt, chosen, rejected, ...rest } of pairs)
    yield { ...rest, prompt: [...prompt], chosen: [...chosen], rejected: [...rejected] };
}

/** The pairs by id; of `ids` alone where they are given. */
export function readTokens(path: string, ids?: Iterable<string>): Map<string, TokenizedPair> {
  const store = tokenStore();
  const pairs = new Map<string, TokenizedPair>();
  for (const line of linesOf<TokenLine>(path, ids)) {
    const { prompt, chosen, rejected } = line;
    pairs.set(line.id, {
      ...line,
      prompt: store(prompt),
      chosen: store(chosen),
      rejected: store(rejected),
    });
  }
  return pairs;
}

/** Log-probabilities of a pair with its names, nats. */
export type LogProbRow = PairScore & { readonly id: string; readonly row: number };

type LogProbLine = Omit<LogProbRow, 'tokens'> & {
  readonly tokens?: Record<'chosen' | 'rejected', readonly number[]>;
};

/** A line of `log-probs.jsonl`. */
export function logProbLine({ tokens, ...row }: LogProbRow): LogProbLine {
  if (tokens === undefined) return row;
  return { ...row, tokens: { chosen: digits(tokens.chosen), rejected: digits(tokens.rejected) } };
}

/** Nine digits are what a float32 needs to come back as it was; as many again would be written of it. */
function digits(values: Float32Array): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(9)));
}

/** Log-probabilities by id; of `ids` alone where they are given, and by token too where that is asked for. */
export function readReference(
  path: string,
  ids?: Iterable<string>,
  { byToken = false }: { readonly byToken?: boolean } = {},
): Map<string, LogProbRow> {
  const rows = new Map<string, LogProbRow>();
  for (const { tokens, ...row } of linesOf<LogProbLine>(path, ids)) {
    const floats = (values: readonly number[]) => Float32Array.from(values);
    const own =
      byToken && tokens ? { chosen: floats(tokens.chosen), rejected: floats(tokens.rejected) } : null;
    rows.set(row.id, own === null ? row : { ...row, tokens: own });
  }
  return rows;
}

function* linesOf<T extends { readonly id: string }>(path: string, ids?: Iterable<string>): Generator<T> {
  const wanted = ids === undefined ? null : new Set(ids);
  for (const line of parseLines<T>(path)) if (wanted === null || wanted.has(line.id)) yield line;
}

/** A prompt to answer, as the model sees it. */
export interface EvaluationPrompt {
  readonly id: string;
  /** For people and judges. */
  readonly text: string;
  readonly tokens: readonly number[];
}

/** With what it was before it was rendered, cut and tokenised for the model that answers. */
export interface AskedPrompt extends EvaluationPrompt {
  readonly prompt: Text;
}

export function writePrompts(runDir: string, prompts: readonly EvaluationPrompt[]): InputFile {
  const lines = prompts.map(({ id, text, tokens }): EvaluationPrompt => ({ id, text, tokens }));
  return writeInput(runDir, 'prompts', lines);
}

export function readPrompts(path: string): EvaluationPrompt[] {
  return [...parseLines<EvaluationPrompt>(path)];
}
