import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { alpacaEval } from '../../evaluate/alpaca-eval/alpaca-eval.ts';
import { readDifficulties } from '../../evaluate/alpaca-eval/difficulty.ts';
import { readArenaHard } from '../../evaluate/arena-hard/read.ts';
import { readTurnScores } from '../../evaluate/mt-bench/judgments.ts';
import { mtBench } from '../../evaluate/mt-bench/mt-bench.ts';
import type { BenchmarkData, PublishedForm } from '../../report/benchmark-data.ts';
import { modelFileName } from './files.ts';
import type { Surroundings } from './sources.ts';

/**
 * A benchmark's values by its own formulas, from the files of judgments as they lie in the folder: its verb, given the
 * same files, gives the same. null for one's own prompts, and where the judge was asked in another way.
 */
export async function publishedForm(
  folder: string,
  { benchmark, flags, config }: Surroundings,
  { duels, grades, opponent }: Pick<BenchmarkData, 'duels' | 'grades' | 'opponent'>,
): Promise<PublishedForm | null> {
  const models = (duels?.models ?? grades?.models ?? []).flatMap(({ members }) => members);
  const files = (kind: string, end: string) =>
    models.map((model) => join(folder, `${kind}-${modelFileName(model)}.${end}`)).filter(existsSync);
  if (benchmark.name === 'alpaca-eval' && duels !== null) {
    const { difficulty } = flags;
    const difficulties = difficulty === undefined ? undefined : await readDifficulties(difficulty);
    const result = await alpacaEval({
      annotations: files('annotations', 'json'),
      ...(difficulties === undefined ? {} : { difficulties, byIndex: true }),
    });
    return { benchmark: 'alpaca-eval', models: result.models };
  }
  const judgments = files('judgments', 'jsonl');
  if (judgments.length === 0) return null;
  if (benchmark.name === 'arena-hard' && duels !== null && opponent !== null) {
    const result = await readArenaHard(
      { kind: 'judgments', verdicts: judgments },
      { version: 'v0.1', baseline: opponent, seed: config.seed },
    );
    return { benchmark: 'arena-hard', models: result.models, notes: result.notes };
  }
  if (benchmark.name === 'mt-bench' && grades !== null) {
    const result = mtBench(await readTurnScores(judgments), { seed: config.seed });
    return { benchmark: 'mt-bench', models: result.models, notes: result.notes };
  }
  return null;
}
