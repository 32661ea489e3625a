import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256 } from '../base/hash.ts';
import { writeJsonLines } from '../base/json.ts';
import { Random } from '../base/random.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import {
  logProbLine,
  readIds,
  readPrompts,
  readReference,
  readTokens,
  writeIds,
  writePrompts,
  writeTokens,
} from './inputs.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-inputs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Some megabytes of pairs: more than one piece of the writer, and many of the reader. */
const PAIRS: TokenizedPair[] = Array.from({ length: 3000 }, (_, row) => {
  const tokens = (count: number) => Int32Array.from({ length: count }, (_, t) => (row * 31 + t * 7) % 50_000);
  return {
    id: sha256(`pair ${row}`),
    row,
    prompt: tokens(1 + (row % 400)),
    chosen: tokens(1 + (row % 90)),
    rejected: tokens(2),
    promptTokensCut: row % 5 === 0 ? 3 : 0,
  };
});

/** Each row as JSON and a line break, in one text: what the name of an input file is the hash of. */
function whole(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

describe('input files', () => {
  it('are named by the hash of their content, as if it were written whole', () => {
    const ids = PAIRS.map(({ id }) => id);
    const prompts = ['null', 'é山🙂\u2028', '\ud800'].map((text, i) => ({
      id: `prompt-${i}`,
      text,
      tokens: [i, 2],
    }));
    const lines = PAIRS.map(({ id, row, promptTokensCut, prompt, chosen, rejected }) => ({
      id,
      row,
      promptTokensCut,
      prompt: [...prompt],
      chosen: [...chosen],
      rejected: [...rejected],
    }));
    for (const [file, kind, content] of [
      [writeTokens(dir, PAIRS), 'tokens', whole(lines)],
      [writeIds(dir, ids), 'ids', whole(ids)],
      [writePrompts(dir, prompts), 'prompts', whole(prompts)],
      [writeIds(dir, []), 'ids', ''],
    ] as const) {
      expect(file.hash).toBe(sha256(content));
      expect(file.path).toBe(join(dir, 'inputs', `${kind}-${file.hash.slice(0, 16)}.jsonl`));
      expect(readFileSync(file.path, 'utf8')).toBe(content);
    }
    expect(whole(lines).length).toBeGreaterThan(2 ** 21);
  });

  it('are written once, and leave nothing else behind', () => {
    const folder = mkdtempSync(join(dir, 'run-'));
    const first = writeIds(folder, ['a', 'b']);
    utimesSync(first.path, 1, 1);
    expect(writeIds(folder, ['a', 'b'])).toEqual(first);
    expect(statSync(first.path).mtimeMs).toBe(1000);
    const failing = function* () {
      yield PAIRS[0] as TokenizedPair;
      throw new Error('no more');
    };
    expect(() => writeTokens(folder, failing())).toThrow('no more');
    expect(readdirSync(join(folder, 'inputs'))).toHaveLength(1);
  });

  it('give back what was written, or the pairs asked for', () => {
    const { path } = writeTokens(dir, PAIRS);
    expect([...readTokens(path).values()]).toEqual(PAIRS);
    const asked = [PAIRS[2000], PAIRS[7]] as [TokenizedPair, TokenizedPair];
    const some = readTokens(path, [...asked.map(({ id }) => id), 'of no pair']);
    expect([...some.values()]).toEqual([...asked].reverse());
    const ids = asked.map(({ id }) => id);
    expect(readIds(writeIds(dir, ids).path)).toEqual(ids);
    const prompts = [{ id: 'p', text: '', tokens: [1] }];
    expect(readPrompts(writePrompts(dir, prompts).path)).toEqual(prompts);
  });

  it('give log-probabilities by id', () => {
    const rows = PAIRS.slice(0, 3).map(({ id, row }) => ({
      id,
      row,
      chosen: -1 - row,
      rejected: -2,
      chosenEven: -0.5,
      rejectedEven: -1,
    }));
    const path = join(dir, 'log-probs.jsonl');
    writeJsonLines(path, rows);
    expect([...readReference(path)]).toEqual(rows.map((row) => [row.id, row]));
    expect([...readReference(path, [rows[1]?.id as string]).values()]).toEqual([rows[1]]);
  });

  it('give log-probabilities by token as the model gave them, where they are asked for', () => {
    const random = new Random(1, 'float32 of all sizes');
    const some = (length: number) =>
      Float32Array.from({ length }, () => -random.uniform() * 10 ** (8 * random.uniform() - 6));
    const tokens = { chosen: some(500), rejected: some(3) };
    const row = { id: 'a', row: 0, chosen: -1, rejected: -2, chosenEven: -0.5, rejectedEven: -1 };
    const path = join(dir, 'token-log-probs.jsonl');
    writeJsonLines(path, [logProbLine({ ...row, tokens })]);
    expect(readReference(path, ['a'], { byToken: true }).get('a')).toEqual({ ...row, tokens });
    expect(readReference(path).get('a')).toEqual(row);
    expect(JSON.stringify(logProbLine(row))).toBe(JSON.stringify(row));
  });
});
