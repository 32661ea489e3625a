import fc from 'fast-check';
import { describe, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { oddValue, replacedWithin, seeded } from '../base/fuzz.fixture.ts';
import { readArenaHard } from './arena-hard/read.ts';
import { readTurnScores } from './mt-bench/judgments.ts';
import { mtBench } from './mt-bench/mt-bench.ts';
import { scratchRows } from './scratch.fixture.ts';

const { save } = scratchRows();

const judgment = {
  question_id: 'q',
  model: 'm',
  baseline: 'gpt-4-0314',
  category: 'arena-hard-v0.1',
  judge: 'j',
  games: [{ score: 'A>B' }, { score: 'B>>A' }],
};
const battle = {
  question_id: 'q',
  model_a: 'gpt-4-0314',
  model_b: 'm',
  winner: 'tie',
  conv_metadata: {
    sum_assistant_a_tokens: 5,
    sum_assistant_b_tokens: 7,
    header_count_a: { h1: 1 },
    header_count_b: 0,
    list_count_a: 2,
    list_count_b: 1,
    bold_count_a: 0,
    bold_count_b: 1,
  },
};
const answer = {
  uid: 'q',
  model: 'm',
  messages: [{ role: 'assistant', content: { answer: '# text' } }],
  metadata: { token_len: 3, header_count: { h1: 1 }, list_count: { ordered: 0 }, bold_count: { '**': 0 } },
};
const turn = { question_id: 81, model: 'm', judge: ['gpt-4', 'single-v1'], turn: 1, score: 7 };
const question = { uid: 'q', category: 'hard_prompt' };

/** Whatever a file holds: numbers that are numbers, or an input error that says where. */
async function soundOrRefused(compute: () => Promise<unknown>): Promise<void> {
  let result: unknown;
  try {
    result = await compute();
  } catch (error) {
    if (!(error instanceof WinnowError) || error.kind !== 'input') throw error;
    if (error.message.length > 2000) throw new Error(`a message of ${error.message.length} characters`);
    return;
  }
  JSON.stringify(result, (key, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${key} is ${value}`);
    return value;
  });
}

/** Rows of which one has some part replaced. */
const spoilt = (row: unknown) =>
  fc
    .tuple(fc.integer({ min: 0, max: 3 }), replacedWithin(row, oddValue))
    .map(([before, bad]) => [...new Array<unknown>(before).fill(row), bad]);

describe('files that nobody meant', () => {
  it('judgments', async () => {
    await fc.assert(
      fc.asyncProperty(
        spoilt(judgment),
        fc.constantFrom('v0.1' as const, 'v2.0' as const, undefined),
        (rows, version) =>
          soundOrRefused(() =>
            readArenaHard(
              { kind: 'judgments', verdicts: [save(rows, 'judgments.jsonl')] },
              { resamples: 5, ...(version === undefined ? {} : { version }) },
            ),
          ),
      ),
      seeded(300),
    );
  });

  it('battles with styles', async () => {
    await fc.assert(
      fc.asyncProperty(spoilt(battle), (rows) =>
        soundOrRefused(() =>
          readArenaHard(
            { kind: 'battles', verdicts: [save(rows, 'battles.jsonl')] },
            { resamples: 5, styleControl: 'style' },
          ),
        ),
      ),
      seeded(300),
    );
  });

  it('answers and questions', async () => {
    const verdicts = [save([judgment], 'one.jsonl')];
    const baseline = { ...answer, model: 'gpt-4-0314' };
    await fc.assert(
      fc.asyncProperty(spoilt(answer), spoilt(question), (answers, questions) =>
        soundOrRefused(() =>
          readArenaHard(
            {
              kind: 'judgments',
              verdicts,
              answers: [save([...answers, baseline], 'answers.jsonl')],
              questions: save(questions, 'questions.jsonl'),
            },
            { resamples: 5, styleControl: 'style', version: 'v0.1' },
          ),
        ),
      ),
      seeded(300),
    );
  });

  it('scores of MT-Bench', async () => {
    await fc.assert(
      fc.asyncProperty(spoilt(turn), (rows) =>
        soundOrRefused(async () => mtBench(await readTurnScores([save(rows, 'turns.jsonl')]))),
      ),
      seeded(300),
    );
  });
});
