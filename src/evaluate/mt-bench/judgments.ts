import { inputError } from '../../base/errors.ts';
import { nameAt, optionalName, readObjects } from '../judged-rows.ts';

/** One graded turn of a model's answer to a question. */
export interface TurnScore {
  readonly question: string;
  readonly model: string;
  /** 1 or 2. */
  readonly turn: number;
  /** null where the judge's reply held none. */
  readonly score: number | null;
}

export interface TurnScores {
  readonly scores: readonly TurnScore[];
  readonly judges: readonly string[];
  /** By model: rows whose question, turn and judge stood in an earlier row already. They count like all others. */
  readonly duplicates: ReadonlyMap<string, number>;
}

/** FastChat writes it where it finds no score in the judge's reply. */
const NO_SCORE = -1;
/** No judge's scale goes so far, and sums of it stay exact. */
const MOST = 1e6;

/**
 * Reads FastChat's single-answer judgments, JSON Lines of {question_id, model, judge: [name, prompt], turn, score}.
 *
 * A score of −1, null, or anything that is no number is no score.
 *
 * @throws inputError `bad-row` for a turn that is no whole number from 1, `pairwise-judgments` for judgments of two
 * answers, and what `readObjects` throws.
 */
export async function readTurnScores(files: readonly string[]): Promise<TurnScores> {
  const scores: TurnScore[] = [];
  const judges = new Set<string>();
  const seen = new Set<string>();
  const duplicates = new Map<string, number>();
  for await (const { row, at } of readObjects(files, 'a judgment')) {
    if (row.model === undefined && row.model_1 !== undefined) {
      throw inputError('pairwise-judgments', 'these are judgments of two answers', {
        ...at,
        need: 'single-answer grading: {question_id, model, judge, turn, score}',
        remedy: 'Give the file whose name ends in _single.jsonl',
      });
    }
    const question = nameAt(row, ['question_id'], at);
    const model = nameAt(row, ['model'], at);
    const { turn, score } = row;
    if (typeof turn !== 'number' || !Number.isInteger(turn) || turn < 1) {
      throw inputError('bad-row', 'the judgment has no turn', { ...at, need: '1 or 2', got: turn ?? null });
    }
    const judge = Array.isArray(row.judge) ? String(row.judge[0]) : optionalName(row, ['judge'], at);
    if (judge !== null) judges.add(judge);
    const key = JSON.stringify([question, model, turn, judge]);
    if (seen.has(key)) duplicates.set(model, 1 + (duplicates.get(model) ?? 0));
    seen.add(key);
    if (typeof score === 'number' && Number.isFinite(score) && Math.abs(score) > MOST) {
      throw inputError('bad-row', 'the score is on no scale', { ...at, need: '1 to 10', got: score });
    }
    const usable = typeof score === 'number' && Number.isFinite(score) && score !== NO_SCORE;
    scores.push({ question, model, turn, score: usable ? score : null });
  }
  return { scores, judges: [...judges].sort(), duplicates };
}
