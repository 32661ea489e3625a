import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../base/files.ts';
import { sha256 } from '../base/hash.ts';
import type { TokenizedPair } from '../text/tokenized.ts';

/**
 * A file that units read, kept in the run folder under the hash of its content: the hash is part of what a unit
 * is known by, the path only says where it lies.
 */
export interface InputFile {
  readonly hash: string;
  readonly path: string;
}

/** Writes an input file once; the same content is the same file. */
export function writeInput(runDir: string, kind: string, content: string): InputFile {
  const hash = sha256(content);
  const folder = join(runDir, 'inputs');
  const path = join(folder, `${kind}-${hash.slice(0, 16)}.jsonl`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileAtomic(path, content);
  }
  return { hash, path };
}

/** Lines of JSON, as one text. */
export function jsonLines(rows: Iterable<unknown>): string {
  let text = '';
  for (const row of rows) text += `${JSON.stringify(row)}\n`;
  return text;
}

/** Ids, one JSON string a line. */
export function writeIds(runDir: string, ids: readonly string[]): InputFile {
  return writeInput(runDir, 'ids', jsonLines(ids));
}

export function readIds(path: string): string[] {
  return parseLines<string>(path);
}

/** Tokenised pairs, one a line, so that a person can look at what the model sees. */
export function writeTokens(runDir: string, pairs: readonly TokenizedPair[]): InputFile {
  const rows = pairs.map(({ prompt, chosen, rejected, ...rest }) => ({
    ...rest,
    prompt: [...prompt],
    chosen: [...chosen],
    rejected: [...rejected],
  }));
  return writeInput(runDir, 'tokens', jsonLines(rows));
}

export function readTokens(path: string): Map<string, TokenizedPair> {
  type Row = Omit<TokenizedPair, 'prompt' | 'chosen' | 'rejected'> &
    Record<'prompt' | 'chosen' | 'rejected', number[]>;
  return new Map(
    parseLines<Row>(path).map((row) => [
      row.id,
      {
        ...row,
        prompt: Int32Array.from(row.prompt),
        chosen: Int32Array.from(row.chosen),
        rejected: Int32Array.from(row.rejected),
      },
    ]),
  );
}

/** A prompt to answer, as the model sees it. */
export interface EvaluationPrompt {
  readonly id: string;
  /** For people and judges. */
  readonly text: string;
  readonly tokens: readonly number[];
}

export function writePrompts(runDir: string, prompts: readonly EvaluationPrompt[]): InputFile {
  return writeInput(runDir, 'prompts', jsonLines(prompts));
}

export function readPrompts(path: string): EvaluationPrompt[] {
  return parseLines<EvaluationPrompt>(path);
}

/** All lines of a file that winnow wrote itself. */
export function parseLines<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
