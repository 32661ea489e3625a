import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText, oddValue, readOrRefused, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { folderStore } from './reply-store.ts';

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-replies-')));
  mkdirSync(join(folder, 'replies'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = 'a'.repeat(64);
const record = {
  key: KEY,
  model: 'm',
  repeat: 0,
  reply: {
    text: 'said',
    finish: 'stop',
    logProbs: [[{ token: 'm', logProb: -0.5 }]],
    tokens: { prompt: 3, completion: 1, estimated: false },
    servedBy: null,
  },
};

/** What the store holds for the key; null when it refuses the folder. */
function held(content: string | Uint8Array): unknown {
  writeFileSync(join(folder, 'replies', 'a.jsonl'), content);
  return readOrRefused(folder, () => {
    const store = folderStore(folder);
    void store.close();
    return { reply: store.get(KEY) };
  });
}

describe('a cache of anything', () => {
  it('a record is a reply, or the line is refused', () => {
    fc.assert(
      fc.property(replacedWithin(record, oddValue), (value) => {
        const found = held(`${jsonText(value)}\n`) as {
          reply?: { text: unknown; tokens: { prompt: unknown } };
        } | null;
        if (found?.reply === undefined) return;
        expect(typeof found.reply.text).toBe('string');
        expect(Number.isFinite(found.reply.tokens.prompt)).toBe(true);
      }),
      seeded(150),
    );
  });

  it('cut anywhere, it holds the lines before; changed anywhere else, it is refused or whole', () => {
    const line = `${JSON.stringify(record)}\n`;
    const two = Buffer.from(line + line.replace(KEY, 'b'.repeat(64)));
    fc.assert(
      fc.property(fc.nat(two.length), (length) => {
        const found = held(two.subarray(0, length)) as { reply?: unknown } | null;
        expect(found).not.toBeNull();
        expect(found?.reply !== undefined).toBe(length >= line.length - 1);
      }),
      seeded(150),
    );
  });

  it('bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const found = held(bytes) as { reply?: unknown } | null;
        expect(found?.reply).toBeUndefined();
      }),
      seeded(150),
    );
  });
});
