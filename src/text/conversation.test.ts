import { describe, expect, it } from 'vitest';
import { type ConversationLimits, renderConversation, tokenizeConversations } from './conversation.ts';
import { CHATML, tinyTokenizer } from './tiny.fixture.ts';

const [BOS, EOS, START, END] = [256, 257, 258, 259] as const;
const bytes = (text: string) => [...Buffer.from(text)];
const chat = tinyTokenizer({ chatTemplate: CHATML });
const plain = tinyTokenizer();
const limits = (maxLength: number, onLong: ConversationLimits['onLong'] = 'refuse') => ({
  maxLength,
  onLong,
});
const turn = (role: string, text: string) => `<|im_start|>${role}\n${text}<|im_end|>\n`;

describe('the text of a conversation', () => {
  it('is the whole as the chat template renders it, without the header of a further turn', () => {
    const prompt = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'a?' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c?' },
    ];
    const asked =
      turn('system', 'be brief') + turn('user', 'a?') + turn('assistant', 'b') + turn('user', 'c?');
    expect(renderConversation({ prompt, answer: 'd' }, chat)).toEqual({
      start: `${asked}<|im_start|>assistant\n`,
      whole: asked + turn('assistant', 'd'),
    });
  });

  it('of a plain prompt, for a model with a template, is one turn of each', () => {
    const { whole } = renderConversation({ prompt: '1 ash bay?', answer: ' cob' }, chat);
    expect(whole).toBe(turn('user', '1 ash bay?') + turn('assistant', 'cob'));
    const hh = { prompt: '\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:', answer: ' d' };
    expect(renderConversation(hh, chat).whole).toBe(
      turn('user', 'a') + turn('assistant', 'b') + turn('user', 'c') + turn('assistant', 'd'),
    );
  });

  it('without a template is what stands there, messages in the form of hh-rlhf', () => {
    expect(renderConversation({ prompt: 'a', answer: ' b' }, plain)).toEqual({ start: 'a', whole: 'a b' });
    const prompt = [{ role: 'user', content: 'a' }];
    expect(renderConversation({ prompt, answer: 'b' }, plain).whole).toBe('\n\nHuman: a\n\nAssistant: b');
  });
});

describe('its tokens', () => {
  const one = { id: 'p', prompt: [{ role: 'user', content: 'a?' }], answer: 'b' };

  it('have one BOS, whether the template writes it or the tokenizer does, and nothing behind the last turn', () => {
    const expected = [BOS, START, ...bytes('user\na?'), END, 10, START, ...bytes('assistant\nb'), END, 10];
    const withBos = tinyTokenizer({ chatTemplate: `{{ bos_token }}${CHATML}` });
    for (const tokenizer of [chat, withBos])
      expect(tokenizeConversations([one], tokenizer, limits(99))).toEqual([
        { id: 'p', tokens: expected, promptTokensCut: 0 },
      ]);
  });

  it('without a template end with EOS, once', () => {
    const tokens = (answer: string) =>
      tokenizeConversations([{ id: 'p', prompt: 'a', answer }], plain, limits(99))[0]?.tokens;
    expect(tokens(' b')).toEqual([BOS, ...bytes('a b'), EOS]);
    expect(tokens(' b</s>')).toEqual([BOS, ...bytes('a b'), EOS]);
  });

  it('that are too many: the prompt loses its start behind BOS, the answer nothing, and it is counted', () => {
    const long = { id: 'q', prompt: [{ role: 'user', content: '0123456789'.repeat(4) }], answer: 'right' };
    const [whole] = tokenizeConversations([long], chat, limits(999));
    const all = whole?.tokens as readonly number[];
    const [cut, short] = tokenizeConversations([long, one], chat, limits(60, 'cut-prompt-start'));
    expect(cut).toEqual({
      id: 'q',
      tokens: [BOS, ...all.slice(all.length - 59)],
      promptTokensCut: all.length - 60,
    });
    expect(short?.promptTokensCut).toBe(0);
    // Exactly as many as there is room for: nothing is cut.
    expect(tokenizeConversations([long], chat, limits(all.length))[0]).toEqual(whole);
  });

  it('that cannot be fitted are an error that names the row and the conversation', () => {
    const long = { ...one, id: 'q', prompt: [{ role: 'user', content: 'x'.repeat(50) }] };
    const refused = (items: readonly (typeof one)[], room: ReturnType<typeof limits>) => () =>
      tokenizeConversations(items, chat, room);
    expect(refused([one, long], limits(40))).toThrow(
      /row 1: conversation q has 73 tokens for the reward model, 3 of them the answer \(need "at most 40 tokens", got 73\)/,
    );
    expect(refused([{ ...one, answer: 'y'.repeat(50) }], limits(60, 'cut-prompt-start'))).toThrow(
      /row 0: conversation p has .*, 52 of them the answer.*prompt that keeps 16.*never cut/,
    );
  });

  it('of roles that the template refuses are an error that names the row', () => {
    const strict = tinyTokenizer({
      chatTemplate: `{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}${CHATML}`,
    });
    const prompt = [{ role: 'system', content: 'x' }, ...one.prompt];
    expect(() => tokenizeConversations([one, { ...one, id: 'q', prompt }], strict, limits(99))).toThrow(
      /row 1: conversation q: .*no system role/,
    );
  });

  it('beyond the model’s embedding are an error that names the row', () => {
    expect(() => tokenizeConversations([one], chat, { ...limits(99), vocabSize: 250 })).toThrow(
      /row 0: .*no embedding|embedding/,
    );
  });
});
