import { inputError } from '../base/errors.ts';
import type { GoldJudge } from '../judge/judge.ts';
import { parseAnswer, styleOf } from './answer.ts';
import { readPrompt } from './tasks.ts';

const POINTS_FOR_RIGHT = 2;
const POINTS_PER_MARK = 0.5;

/**
 * score = 2 · right + ½ · marks, and 0 for an answer that did not end, whatever it began with. The right answer
 * is recovered from the prompt's text alone, so the judge also grades pair files that were read back from disk.
 */
export const labJudge: GoldJudge = {
  name: 'lab',
  grade(prompt, answer, ended) {
    const truth = readPrompt(prompt);
    if (truth === null) {
      throw inputError('not-a-lab-prompt', 'the gold judge "lab" knows only prompts of the lab', {
        got: prompt,
        need: 'sort6 491037=',
        remedy: 'Use the lab judge with pairs that the lab made, and another judge for other data',
      });
    }
    if (!ended) return { score: 0, correct: false, style: 0 };
    const parsed = parseAnswer(answer);
    const correct = parsed.answer === truth.answer;
    const style = styleOf(parsed);
    return { score: (correct ? POINTS_FOR_RIGHT : 0) + 2 * POINTS_PER_MARK * style, correct, style };
  },
};

const GOLD_JUDGES: ReadonlyMap<string, GoldJudge> = new Map([[labJudge.name, labJudge]]);

/** The gold judge of this name, or null: most data has none. */
export function goldJudgeFor(name: string): GoldJudge | null {
  return GOLD_JUDGES.get(name) ?? null;
}
