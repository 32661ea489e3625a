import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byModel, byQuestion, onSameQuestions } from './by-question.ts';

const item = (id: string, value: string) => ({ id, value });

test('what is asked goes question by question, and comes back model by model', () => {
  const order = [{ id: 'q:1' }, { id: 'q:2' }, { id: 'q:3' }];
  const models = [
    [item('q:3', 'a3'), item('q:1', 'a1')],
    [item('q:1', 'b1'), item('q:2', 'b2'), item('q:3', 'b3')],
  ];
  const asked = byQuestion(models, order);
  expect(asked.map(({ value }) => value)).toEqual(['a1', 'b1', 'b2', 'a3', 'b3']);
  expect(new Set(asked.map(({ id }) => id)).size).toBe(5);
  expect(byModel(asked, 2)).toEqual([[item('q:1', 'a1'), item('q:3', 'a3')], models[1]]);
  expect(byModel([], 2)).toEqual([[], []]);
});

test('a question on which some model was not asked to its end counts for none', () => {
  const order = Array.from({ length: 6 }, (_, i) => ({ id: `q${i}` }));
  const outcome = fc.constantFrom(null, 'budget', 'aborted', 'stopped', 'no-verdict', 'timeout');
  fc.assert(
    fc.property(
      fc.array(fc.array(outcome, { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      (drawn) => {
        const results = byQuestion(
          drawn.map((own) => own.map((failure, i) => ({ id: `q${i}`, failure }))),
          order,
        );
        const counted = onSameQuestions(results, ({ failure }) => [failure ?? undefined]);
        const whole = order.filter((_, i) =>
          drawn.every((own) => !['budget', 'aborted', 'stopped'].includes(own[i] ?? '')),
        );
        for (const own of byModel(counted, drawn.length))
          expect(own.map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
      },
    ),
  );
});
