import { join } from 'node:path';
import { readJson } from '../base/json.ts';
import { PACKAGE_DIR } from '../base/package-dir.ts';
import { type Outlook, type OutlookRule, outlook } from '../difficulty/outlook.ts';
import { type DifficultyProfile, difficultyProfile } from '../difficulty/profile.ts';
import { lengthsOf, type Prepared } from './prepare.ts';
import type { ScoredPairs } from './score.ts';

/** What the pairs of a run are like from easy to hard. */
export function profileOf(
  { pool }: Pick<Prepared, 'pool'>,
  { difficulties, scores }: Pick<ScoredPairs, 'difficulties' | 'scores'>,
): DifficultyProfile {
  return difficultyProfile(difficulties, scores, lengthsOf(pool));
}

/** The rule that the full lab found. */
export function outlookRule(): OutlookRule {
  return readJson(join(PACKAGE_DIR, 'assets', 'lab', 'outlook.json')) as OutlookRule;
}

/** Whether leaving out the hardest pairs is likely to help here. */
export function outlookOf(profile: DifficultyProfile): Outlook {
  return outlook(profile, outlookRule());
}

/** The outlook of a run; null where its difficulty is not the held-out loss, or a band keeps other pairs than the easiest. */
export function outlookFor(
  prepared: Pick<Prepared, 'pool' | 'config'>,
  scored: Pick<ScoredPairs, 'difficulties' | 'scores'>,
): Outlook | null {
  const { difficulty, selection } = prepared.config;
  if (difficulty.scorer !== 'validation-loss' || selection.band !== null) return null;
  return outlookOf(profileOf(prepared, scored));
}
