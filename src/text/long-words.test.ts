import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPairs } from '../pairs/read.ts';
import { cutLongWords } from './long-words.ts';
import { tinyFiles } from './tiny.fixture.ts';

const data = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

describe('cutLongWords', () => {
  it('changes no token', () => {
    const letter = fc.constantFrom('a', 'b', 'c', 'Ġ');
    const piece = fc.array(letter, { minLength: 1, maxLength: 3 }).map((letters) => letters.join(''));
    const merges = fc.uniqueArray(fc.tuple(piece, piece), { selector: ([a, b]) => a + b, maxLength: 12 });
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', ' ', 'é', '🙂'),
      minLength: 260,
      maxLength: 600,
    });
    fc.assert(
      fc.property(merges, text, (list, long) => {
        const { tokenizer, config } = tinyFiles({ merges: list });
        const plain = new Tokenizer(tokenizer, config);
        const fast = new Tokenizer(tokenizer, config);
        cutLongWords(fast, (tokenizer as { model: unknown }).model);
        expect(fast.encode(long).tokens).toEqual(plain.encode(long).tokens);
      }),
      { numRuns: 60, seed: 9 },
    );
  });
});

const stories = `${data}stories260K/hf/`;
describe.skipIf(!existsSync(stories))('stories260K (needs ../shared/data)', () => {
  it('gives the ids of the library on real text', async () => {
    const json = JSON.parse(readFileSync(`${stories}tokenizer.json`, 'utf8')) as { model: unknown };
    const config = JSON.parse(readFileSync(`${stories}tokenizer_config.json`, 'utf8')) as object;
    const [plain, fast] = [new Tokenizer(json, config), new Tokenizer(json, config)];
    cutLongWords(fast, json.model);
    const { pairs } = await readPairs(`${data}hh_rlhf_test/harmless-base.test.jsonl.gz`, { limit: 300 });
    for (const { prompt, chosen } of pairs) {
      const text = `${prompt as string}${chosen as string}`;
      expect(fast.encode(text).ids).toEqual(plain.encode(text).ids);
    }
  });
});
