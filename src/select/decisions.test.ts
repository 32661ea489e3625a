import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { appendDecision, type Decision, readDecisions, standingDecisions } from './decisions.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-decisions-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const decision = (id: string, kind: Decision['decision'], note: string | null = null): Decision => ({
  ...{ id, row: 3, decision: kind, note, time: '2026-01-01T00:00:00.000Z', reviewer: '葵' },
});

describe('decisions', () => {
  it('come back as they were written, in order; the last keep, drop or swap stands', () => {
    const file = join(dir, 'order.jsonl');
    const said = [
      decision('a', 'drop', 'a "note"\nof two lines'),
      decision('b', 'swap'),
      decision('a', 'keep'),
      decision('a', 'skip'),
      decision('b', 'note', 'see row 7'),
      decision('c', 'skip'),
    ];
    for (const item of said) appendDecision(file, item);
    const read = readDecisions(file);
    expect(read.decisions).toEqual(said);
    expect(read).toMatchObject({ cutShort: false, bytes: readFileSync(file).length });
    const standing = standingDecisions(read.decisions);
    expect([...standing].map(([id, { decision: kind }]) => [id, kind])).toEqual([
      ['a', 'keep'],
      ['b', 'swap'],
    ]);
  });

  it('a last line that was cut short decides nothing, wherever it was cut, and the next one takes its place', () => {
    const whole = JSON.stringify(decision('b', 'drop', '日本'));
    const bytes = Buffer.from(whole);
    for (let cut = 1; cut < bytes.length; cut++) {
      const file = join(dir, `cut-${cut}.jsonl`);
      appendDecision(file, decision('a', 'keep'));
      appendFileSync(file, bytes.subarray(0, cut));
      const read = readDecisions(file);
      expect(read.decisions.map(({ id }) => id)).toEqual(['a']);
      expect(read.cutShort).toBe(true);
      appendDecision(file, decision('c', 'drop'));
      expect(readDecisions(file).decisions.map(({ id }) => id)).toEqual(['a', 'c']);
      expect(readDecisions(file).cutShort).toBe(false);
    }
  });

  it('a whole last line without its line break counts, and stays when another follows', () => {
    const file = join(dir, 'no-break.jsonl');
    writeFileSync(file, JSON.stringify(decision('a', 'keep')));
    expect(readDecisions(file).decisions).toHaveLength(1);
    appendDecision(file, decision('b', 'drop'));
    expect(readDecisions(file).decisions.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('the first bytes are what they were, whatever is added', () => {
    const file = join(dir, 'prefix.jsonl');
    appendDecision(file, decision('a', 'keep'));
    const { bytes, sha256 } = readDecisions(file);
    appendDecision(file, decision('b', 'drop'));
    expect(readDecisions(file, bytes)).toMatchObject({ sha256, bytes });
    expect(readDecisions(file).sha256).not.toBe(sha256);
  });

  it.each([
    ['{"id": "a", "decision": "perhaps"}\n', 1],
    ['{"id": "a", "decision": "keep"}\n\nnot json\n{"id": "b", "decision": "keep"}\n', 3],
    ['[1]\n', 1],
    ['{"decision": "keep"}\n', 1],
  ])('%j is told with its line', (text, line) => {
    const file = join(dir, 'bad.jsonl');
    writeFileSync(file, text);
    let error: unknown;
    try {
      readDecisions(file);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ kind: 'input', code: 'bad-decision', fields: { file, line } });
  });
});
