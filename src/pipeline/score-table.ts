import { join } from 'node:path';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { aggregate } from '../difficulty/aggregate.ts';
import { NO_RELIABILITY, type Reliability, reliability } from '../difficulty/reliability.ts';
import { type First, measuredBy, needDifferences } from '../difficulty/scorers.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import type { Config } from '../run/config.ts';
import { dpoLoss } from '../train/preference-loss.ts';

export interface MergeOptions extends Pick<Config['difficulty'], 'scorer' | 'learnedMargin' | 'seeds'> {
  readonly runDir: string;
  readonly first: First;
  readonly beta: number;
  readonly keepFraction: number;
  /** As of `reliability`. */
  readonly kept?: (order: readonly string[]) => ReadonlySet<string>;
}

export interface ScoreTable {
  readonly scores: readonly ScoreRow[];
  readonly difficulties: readonly DifficultyRow[];
  readonly reliability: Reliability;
}

/**
 * Scores of all scoring runs in one table, by row, seed and checkpoint, the difficulties of the pairs, and how far both
 * can be trusted; writes `scores.jsonl`, `difficulty.jsonl` and `reliability.json`.
 *
 * @param files `scores.jsonl` of each run.
 */
export function mergeScores(files: readonly string[], options: MergeOptions): ScoreTable {
  const { runDir, scorer, learnedMargin, seeds, first, beta, keepFraction, kept } = options;
  const scores: ScoreRow[] = [];
  for (const file of files) for (const row of parseLines<ScoreRow>(file)) scores.push(row);
  scores.sort((a, b) => a.row - b.row || a.seed - b.seed || a.checkpoint - b.checkpoint);
  const measured = measuredBy(scorer, scores, { beta, first, learnedMargin });
  const difficulties = aggregate(measured);
  if (scorer !== 'validation-loss')
    needDifferences(
      difficulties.map(({ difficulty }) => difficulty),
      scorer,
    );
  const sign = first === 'smallest' ? 1 : -1;
  // One seed gives one learned step a pair.
  const once = scorer === 'learned-step' && seeds === 1;
  const agreement = once
    ? NO_RELIABILITY
    : reliability(measured, {
        beta,
        keepFraction,
        ...(kept === undefined ? {} : { kept }),
        ofMargin: scorer === 'implicit-margin' ? (margin) => sign * margin : dpoLoss,
      });
  writeJsonLines(join(runDir, 'scores.jsonl'), scores);
  writeDifficulties(runDir, difficulties, agreement);
  return { scores, difficulties, reliability: agreement };
}

/** `difficulty.jsonl` and `reliability.json`. */
export function writeDifficulties(
  runDir: string,
  difficulties: readonly DifficultyRow[],
  reliability: Reliability,
): void {
  writeJsonLines(join(runDir, 'difficulty.jsonl'), difficulties);
  const { agreement: _, ...summary } = reliability;
  writeJson(join(runDir, 'reliability.json'), summary);
}
