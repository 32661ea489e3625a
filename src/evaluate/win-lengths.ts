import { WinnowError } from '../base/errors.ts';
import type { Answer, GradedAnswer } from './answers.ts';
import { lengthControlledWinRate } from './length-controlled.ts';
import { type LengthRow, type LengthStory, lengthStory } from './length-story.ts';

/** What must stand beside a win rate: how much of it is length. */
export interface WinLengths {
  /** The win rate if all answers were as long as the opponent's, 0 … 1. */
  readonly lengthControlled: { readonly winRate: number; readonly standardError: number | null } | null;
  /** Why there is none. */
  readonly lengthControlledError: string | null;
  /** null without any verdict. */
  readonly lengths: LengthStory | null;
}

export type PromptLengthRow = LengthRow & { readonly prompt: string };

/**
 * The length story of verdicts and their length-controlled win rate, without difficulties of prompts (see
 * `lengthControlledWinRate`). Several verdicts on a prompt (repeats, orders, training seeds) are one judgment of it, of
 * their mean win and lengths. A fit that cannot be made is told by its cause; the plain win rate stands.
 */
export function winLengths(rows: readonly PromptLengthRow[]): WinLengths {
  if (rows.length === 0)
    return { lengthControlled: null, lengthControlledError: 'there is no verdict', lengths: null };
  const lengths = lengthStory(rows);
  const byPrompt = new Map<string, PromptLengthRow[]>();
  for (const row of rows) {
    const own = byPrompt.get(row.prompt);
    if (own === undefined) byPrompt.set(row.prompt, [row]);
    else own.push(row);
  }
  const means = [...byPrompt.values()].map((own) => {
    const mean = (value: (row: LengthRow) => number) =>
      own.reduce((sum, row) => sum + value(row), 0) / own.length;
    return {
      share: mean(({ win }) => win),
      lengthModel: mean(({ lengthModel }) => lengthModel),
      lengthBaseline: mean(({ lengthOpponent }) => lengthOpponent),
    };
  });
  try {
    const { winRate, standardError } = lengthControlledWinRate(means);
    return { lengthControlled: { winRate, standardError }, lengthControlledError: null, lengths };
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    return { lengthControlled: null, lengthControlledError: error.message, lengths };
  }
}

/** Judged answers of an arm, once a training seed, against the start model's, as rows of lengths in tokens. */
export function answerLengthRows(
  seeds: readonly { readonly answers: readonly Answer[]; readonly graded: readonly GradedAnswer[] | null }[],
  start: readonly Answer[],
): PromptLengthRow[] {
  const opponents = new Map(start.map(({ id, tokens }) => [id, tokens]));
  return seeds.flatMap(({ answers, graded }) => {
    const wins = new Map(graded?.map(({ id, win }) => [id, win]));
    return answers.flatMap(({ id, tokens }) => {
      const [win, lengthOpponent] = [wins.get(id), opponents.get(id)];
      if (win === undefined || lengthOpponent === undefined) return [];
      return [{ win, lengthModel: tokens, lengthOpponent, prompt: id }];
    });
  });
}
