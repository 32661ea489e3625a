import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readJson, writeJsonLines } from '../base/json.ts';
import { ranked } from '../difficulty/aggregate.ts';
import type { Reliability } from '../difficulty/reliability.ts';
import { readScoreFile } from '../difficulty/score-files.ts';
import { learnSurrogate, type Surrogate, type SurrogateOptions } from '../difficulty/surrogate.ts';
import { resultFile } from '../run/done.ts';
import { spearmanBrown } from '../stats/correlation.ts';
import type { StageContext } from './execute.ts';
import { readReference } from './inputs.ts';
import { type Prepared, readUsable } from './prepare.ts';
import { referencePasses } from './score.ts';

/** Predicted difficulties, for `difficulty.scorer: file`. */
export const SURROGATE_FILE = 'surrogate.jsonl';

/**
 * Learns difficulty from a share of the scored pairs of a run, or of another file of scores of some of its pairs; runs
 * the reference pass where there is none yet, and writes `surrogate.jsonl`.
 *
 * @throws inputError `no-scores`, `no-common-ids`, and those of `learnSurrogate`.
 */
export async function surrogate(
  prepared: Prepared,
  context: StageContext,
  options: SurrogateOptions & { readonly scores: string | null },
): Promise<Surrogate & { readonly ceiling: number | null }> {
  const { runDir } = context;
  const own = join(runDir, 'difficulty.jsonl');
  if (options.scores === null && !existsSync(own))
    throw inputError('no-scores', 'this run has no scores to learn from', {
      file: runDir,
      remedy: 'Let it score its pairs (winnow score), or name scores of some of them with --scores',
    });
  const { scores } = await readScoreFile(options.scores ?? own);
  const ids = prepared.pool.map(({ tokens }) => tokens.id);
  if (!ids.some((id) => scores.has(id)))
    throw inputError('no-common-ids', 'the scores are of none of these pairs', {
      file: options.scores ?? own,
      need: `ids such as ${ids[0]}`,
      remedy: 'Score some of the pairs of this run: the same data, with --limit',
    });
  const passes = await referencePasses(prepared, context, []);
  const reference = readReference(resultFile(passes.training, 'log-probs.jsonl'), ids);
  const texts = readUsable(runDir, ids);
  const pairs = prepared.pool.map(({ tokens: { id, row, prompt, chosen, rejected } }) => {
    const group = JSON.stringify(texts.get(id)?.prompt);
    const passed = reference.get(id) as { chosen: number; rejected: number };
    return { id, row, prompt, chosen, rejected, reference: passed, group };
  });
  const learned = learnSurrogate(pairs, scores, options);
  const rows = pairs.map(({ id, row }, i) => ({
    id,
    row,
    difficulty: learned.predicted[i] as number,
    spread: null,
    n: 0,
  }));
  writeJsonLines(join(runDir, SURROGATE_FILE), ranked(rows));
  return { ...learned, ceiling: options.scores === null ? ceiling(prepared, runDir) : null };
}

/**
 * √r_k, r_k = k·r / (1 + (k − 1)·r): the rank correlation with the mean of k seeds, of which two correlate with r, that
 * even their own truth is expected to have. null where nothing was scored by several seeds.
 * *Reference:* Spearman 1904, Am. J. Psychol. 15(1) (attenuation), and 1910 (`spearmanBrown`).
 */
function ceiling({ config }: Prepared, runDir: string): number | null {
  const file = join(runDir, 'reliability.json');
  if (!existsSync(file)) return null;
  const found = readJson(file) as Partial<Reliability> | null;
  const rho = found?.spearman;
  if (found?.between !== 'seeds' || typeof rho !== 'number' || !(rho > 0 && rho <= 1)) return null;
  return Math.sqrt(spearmanBrown(rho, config.difficulty.seeds));
}
