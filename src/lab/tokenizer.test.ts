import { Tokenizer } from '@huggingface/tokenizers';
import { expect, test } from 'vitest';
import { Random } from '../base/random.ts';
import { styledAnswer } from './answer.ts';
import { FAMILIES, promptText } from './tasks.ts';
import { BOS_ID, EOS_ID, EOS_TOKEN, LAB_TOKENS, labTokenizer, PAD_ID } from './tokenizer.ts';

const files = labTokenizer();
/** Through JSON, as a checkpoint folder would hold it. */
const tokenizer = new Tokenizer(
  JSON.parse(JSON.stringify(files['tokenizer.json'])),
  JSON.parse(JSON.stringify(files['tokenizer_config.json'])),
);
const plain = { add_special_tokens: false };

test('ids are the places in the list of tokens', () => {
  expect(LAB_TOKENS.length).toBe(47);
  expect(new Set(LAB_TOKENS).size).toBe(LAB_TOKENS.length);
  LAB_TOKENS.forEach((token, id) => {
    expect(tokenizer.token_to_id(token)).toBe(id);
    expect(tokenizer.id_to_token(id)).toBe(token);
  });
  expect([PAD_ID, BOS_ID, EOS_ID]).toEqual([0, 1, 2]);
  expect(tokenizer.get_vocab().size).toBe(LAB_TOKENS.length);
});

test('a prompt is BOS, the family, a blank and single characters', () => {
  const { ids, tokens } = tokenizer.encode('sort6 491037=');
  expect(tokens).toEqual(['<s>', 'sort6', ' ', '4', '9', '1', '0', '3', '7', '=']);
  expect(ids).toEqual(tokens.map((token: string) => LAB_TOKENS.indexOf(token)));
  expect(tokenizer.encode('>013479!', plain).tokens).toEqual(['>', '0', '1', '3', '4', '7', '9', '!']);
});

test('EOS is one token, and decoding skips special tokens but not family names', () => {
  expect(tokenizer.encode(EOS_TOKEN, plain).ids).toEqual([EOS_ID]);
  const ids = [...tokenizer.encode('max4 3182=').ids, ...tokenizer.encode('>8!', plain).ids, EOS_ID, PAD_ID];
  expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe('max4 3182=>8!');
});

test('every text comes back as it was, and prompt and answer may be encoded apart', () => {
  for (const family of FAMILIES) {
    const random = new Random(5, family.name);
    for (let i = 0; i < 200; i++) {
      const { question, answer } = family.make(random);
      const prompt = promptText(family, question);
      for (const text of [answer, family.nearMiss(random, question, answer)]) {
        const completion = styledAnswer({ answer: text, opening: i % 2 === 0, closing: i % 3 === 0 });
        const ids = tokenizer.encode(prompt + completion, plain).ids;
        expect(tokenizer.decode(ids)).toBe(prompt + completion);
        expect(ids).toEqual([
          ...tokenizer.encode(prompt, plain).ids,
          ...tokenizer.encode(completion, plain).ids,
        ]);
        expect(tokenizer.encode(prompt).ids).toEqual([BOS_ID, ...tokenizer.encode(prompt, plain).ids]);
        expect(ids).not.toContain(LAB_TOKENS.indexOf('<unk>'));
        expect(ids.length + 2).toBeLessThanOrEqual(24);
      }
    }
  }
});

test('blanks before marks survive decoding', () => {
  const ids = tokenizer.encode('8 ! ?', plain).ids;
  expect(tokenizer.decode(ids)).toBe('8 ! ?');
});

test('foreign characters are seen as unknown, not dropped', () => {
  expect(tokenizer.encode('4é5', plain).tokens).toEqual(['4', '<unk>', '5']);
});
