import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { deriveSeed } from '../base/random.ts';
import { aggregate } from '../difficulty/aggregate.ts';
import { type DroppedLabels, labelDropped } from '../difficulty/dropped.ts';
import { outsideEvidence } from '../difficulty/outside-evidence.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import type { PreferencePair } from '../pairs/pair.ts';
import {
  type EffectPair,
  type SelectionEffects,
  selectionEffects,
} from '../select/effects/selection-effects.ts';
import { PAIRS_FILE, type Prepared } from './prepare.ts';
import type { ScoredPairs } from './score.ts';

/** What a selection did to the data, and what the pairs that it dropped look like. */
export interface SelectionSideEffects {
  /** null where nothing was dropped. */
  readonly effects: SelectionEffects | null;
  /** null where no scoring run measured the pairs: there is then no evidence. */
  readonly labels: DroppedLabels | null;
}

/** Writes `selection/effects.json` (null where nothing was dropped) and, where scoring runs measured, `selection/labels.jsonl`. */
export function writeSideEffects(
  { config, pool }: Pick<Prepared, 'config' | 'pool'>,
  { scores }: Pick<ScoredPairs, 'scores'>,
  kept: readonly DifficultyRow[],
  runDir: string,
): SelectionSideEffects {
  const keptIds = new Set(kept.map(({ id }) => id));
  const tokens = new Map(pool.map((used) => [used.tokens.id, used.tokens]));
  const dropped = new Set([...tokens.keys()].filter((id) => !keptIds.has(id)));
  const { safetyTags } = config.effects;
  const effects = selectionEffects(effectPairs(runDir, tokens), keptIds, {
    seed: deriveSeed(config.seed, 'selection effects'),
    safety: safetyTags === null ? null : safetyTags.slice('meta.'.length),
  });
  const folder = join(runDir, 'selection');
  writeJson(join(folder, 'effects.json'), effects);
  const file = join(folder, 'labels.jsonl');
  // What another scorer left would not be of these pairs.
  rmSync(file, { force: true });
  if (scores.length === 0) return { effects, labels: null };
  // Held-out pairs contradict too.
  const outside = outsideEvidence(parseLines<PreferencePair>(join(runDir, PAIRS_FILE)), dropped);
  // Of the loss, whatever the difficulty is measured by.
  const labels = labelDropped(scores, aggregate(scores), keptIds, config.training.beta, outside);
  writeJsonLines(file, labels.rows);
  return { effects, labels };
}

function* effectPairs(
  runDir: string,
  tokens: ReadonlyMap<string, Prepared['pool'][number]['tokens']>,
): Generator<EffectPair> {
  for (const pair of parseLines<PreferencePair>(join(runDir, PAIRS_FILE))) {
    const own = tokens.get(pair.id);
    if (own === undefined) continue;
    const lengths = { prompt: own.prompt.length, chosen: own.chosen.length, rejected: own.rejected.length };
    yield { ...pair, tokens: lengths };
  }
}
