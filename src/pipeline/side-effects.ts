import { join } from 'node:path';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { deriveSeed } from '../base/random.ts';
import { type DroppedLabels, labelDropped } from '../difficulty/dropped.ts';
import { outsideEvidence } from '../difficulty/outside-evidence.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import type { PreferencePair } from '../pairs/pair.ts';
import {
  type EffectPair,
  type SelectionEffects,
  selectionEffects,
} from '../select/effects/selection-effects.ts';
import { PAIRS_FILE, type Prepared } from './prepare.ts';

/** What a selection did to the data, and what the pairs that it dropped look like. */
export interface SelectionSideEffects {
  /** null where nothing was dropped. */
  readonly effects: SelectionEffects | null;
  readonly labels: DroppedLabels;
}

/** Writes `selection/labels.jsonl`, and `selection/effects.json` where pairs were dropped. */
export function writeSideEffects(
  { config, pool }: Pick<Prepared, 'config' | 'pool'>,
  scored: {
    readonly scores: readonly ScoreRow[];
    readonly difficulties: readonly DifficultyRow[];
    readonly hyper: { readonly beta: number };
  },
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
  // Held-out pairs contradict too.
  const outside = outsideEvidence(parseLines<PreferencePair>(join(runDir, PAIRS_FILE)), dropped);
  const labels = labelDropped(scored.scores, scored.difficulties, keptIds, scored.hyper.beta, outside);
  const folder = join(runDir, 'selection');
  writeJsonLines(join(folder, 'labels.jsonl'), labels.rows);
  writeJson(join(folder, 'effects.json'), effects);
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
