import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lengthChars, readAnswers } from './answer.ts';
import { conversationAt, readQuestions } from './question.ts';

const DATA = join(import.meta.dirname, '../../../../shared/data');
const shared = existsSync(DATA) ? it : it.skip;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'winnow-questions-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}
const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('readQuestions', () => {
  it('reads our own form: a text stands as it is, messages stay messages', async () => {
    const path = file(
      'own.jsonl',
      lines(
        { prompt: 'sort6 491037=' },
        {
          id: 'b',
          prompt: [{ role: 'user', content: 'こんにちは' }],
          category: 'greeting',
          reference: 'はい',
          baseline: 'どうも',
        },
      ),
    );
    const [first, second] = await readQuestions(path);
    expect(first).toEqual({
      id: '0',
      prompt: 'sort6 491037=',
      followUps: [],
      category: null,
      references: [],
      baseline: null,
    });
    expect(second).toMatchObject({
      id: 'b',
      category: 'greeting',
      references: ['はい'],
      baseline: { model: 'own.jsonl (baseline)', text: 'どうも' },
    });
  });

  it('reads AlpacaEval’s set as a list, whose outputs are the baseline’s', async () => {
    const path = file(
      'set.json',
      JSON.stringify([{ dataset: 'koala', instruction: 'Say hi', output: 'Hi.', generator: 'old' }]),
    );
    expect(await readQuestions(path)).toEqual([
      {
        id: '0',
        prompt: [{ role: 'user', content: 'Say hi' }],
        followUps: [],
        category: 'koala',
        references: [],
        baseline: { model: 'old', text: 'Hi.' },
      },
    ]);
  });

  it('reads several turns, and gives the conversation of each', async () => {
    const path = file('mt.jsonl', lines({ question_id: 81, category: 'math', turns: ['1+1?', 'And 2+2?'] }));
    const [question] = await readQuestions(path);
    expect(question?.id).toBe('81');
    expect(conversationAt(question as NonNullable<typeof question>, ['2'], 1)).toEqual([
      { role: 'user', content: '1+1?' },
      { role: 'assistant', content: '2' },
      { role: 'user', content: 'And 2+2?' },
    ]);
  });

  it('names the row of a question without a prompt, of a repeated id, and a file of none', async () => {
    await expect(readQuestions(file('a.jsonl', lines({ prompt: 'x' }, { text: 'y' })))).rejects.toMatchObject(
      {
        code: 'bad-question',
        exitCode: 2,
        fields: { row: 1 },
      },
    );
    await expect(
      readQuestions(file('b.jsonl', lines({ id: 1, prompt: 'x' }, { id: '1', prompt: 'y' }))),
    ).rejects.toMatchObject({ code: 'same-question', fields: { row: 1 } });
    await expect(readQuestions(file('c.jsonl', '\n'))).rejects.toMatchObject({ exitCode: 2 });
    await expect(readQuestions(file('d.jsonl', '"x"\n'))).rejects.toMatchObject({ code: 'not-an-object' });
  });

  shared('reads the questions of the benchmarks', async () => {
    const arena = await readQuestions(join(DATA, 'arena_hard/v0.1.question.jsonl'));
    expect(arena.length).toBe(500);
    expect(arena[0]?.category).toBe('ABC Sequence Puzzles & Groups');
    const mt = await readQuestions(join(DATA, 'mt_bench/question.jsonl'));
    expect(mt.length).toBe(80);
    expect(mt.filter(({ references }) => references.length === 2).length).toBe(39);
    const ja = await readQuestions(join(DATA, 'ja_mt_bench/question_full.jsonl'));
    expect(ja.every(({ followUps }) => followUps.length === 1)).toBe(true);
    const alpaca = await readQuestions(
      join(DATA, 'alpaca_eval/baseline_gpt4_1106_preview.model_outputs.json.gz'),
    );
    expect([alpaca.length, alpaca[0]?.baseline?.model]).toEqual([805, 'gpt4_1106_preview']);
  });
});

describe('readAnswers', () => {
  it('knows answers by id or by instruction, one sheet a model, and counts none that is not there', async () => {
    const questions = await readQuestions(
      file('q.jsonl', lines({ id: 'a', prompt: 'one' }, { id: 'b', prompt: 'two' })),
    );
    const path = file(
      'answers.jsonl',
      lines(
        { id: 'b', model: 'x', answer: 'B' },
        { instruction: 'one', output: 'A', generator: 'x' },
        { question_id: 'a', model_id: 'y', choices: [{ turns: [{ content: 'ya', token_len: 3 }] }] },
        {
          uid: 'b',
          model: 'z',
          messages: [
            { role: 'user', content: 'two' },
            { role: 'assistant', content: { answer: 'zb' } },
          ],
        },
        { id: 'elsewhere', model: 'x', answer: 'not asked' },
      ),
    );
    const sheets = await readAnswers(path, questions);
    expect(
      sheets.map(({ model, answers }) => [model, answers.map((a) => a?.turns[0]?.text ?? null)]),
    ).toEqual([
      ['x', ['A', 'B']],
      ['y', ['ya', null]],
      ['z', [null, 'zb']],
    ]);
    expect(sheets[1]?.answers[0]?.turns[0]?.tokens).toBe(3);
  });

  it('refuses answers to other questions, and a row without an answer', async () => {
    const questions = await readQuestions(file('q.jsonl', lines({ id: 'a', prompt: 'one' })));
    await expect(
      readAnswers(file('x.jsonl', lines({ id: 'b', answer: 'B' })), questions),
    ).rejects.toMatchObject({
      code: 'no-answers',
      exitCode: 2,
    });
    await expect(
      readAnswers(file('y.jsonl', lines({ id: 'a', reply: 'B' })), questions),
    ).rejects.toMatchObject({
      code: 'bad-answer',
      fields: { row: 0 },
    });
  });

  it('measures length in characters, not in halves of them', () => {
    const turn = (text: string) => ({ text, tokens: null, ended: null });
    expect(lengthChars({ id: 'a', turns: [turn('日本'), turn('🙂')] })).toBe(3);
  });

  shared('reads the answers of the benchmarks', async () => {
    const arena = await readQuestions(join(DATA, 'arena_hard/v0.1.question.jsonl'));
    const [gpt] = await readAnswers(join(DATA, 'arena_hard/v0.1.answer.gpt-4-0314.jsonl'), arena);
    expect(gpt?.answers.filter((answer) => answer !== null).length).toBe(500);
    const mt = await readQuestions(join(DATA, 'mt_bench/question.jsonl'));
    const [llama] = await readAnswers(join(DATA, 'mt_bench/answer.llama2_7b.jsonl'), mt);
    expect([llama?.model, llama?.answers[79]?.turns.length]).toEqual(['llama2_7b', 2]);
  });
});
