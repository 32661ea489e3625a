import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeJson } from '../base/json.ts';

const STEP_FOLDER = /^step-(\d+)$/;

/** `attempts/<id>/checkpoints/step-000123`: where an attempt writes its checkpoint after `step` steps. */
export function checkpointDir(attemptDir: string, step: number): string {
  return join(attemptDir, 'checkpoints', `step-${String(step).padStart(6, '0')}`);
}

/** Steps in a checkpoint, by the name of its folder; -1 where it is none. */
export function stepOf(dir: string): number {
  return Number(STEP_FOLDER.exec(basename(dir))?.[1] ?? -1);
}

/**
 * Declares a checkpoint folder whole by writing `CHECKPOINT.json` last, with the size of every file in it, so
 * that a copy cut short by a crash is told from a whole one. Any JSON of that name seals a folder;
 * `files: {name: bytes}` in it is checked when present.
 */
export function sealCheckpoint(dir: string, facts: { readonly [key: string]: unknown } = {}): void {
  const files: Record<string, number> = {};
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isFile() && entry.name !== 'CHECKPOINT.json')
      files[entry.name] = statSync(join(dir, entry.name)).size;
  }
  writeJson(join(dir, 'CHECKPOINT.json'), { ...facts, files });
}

/**
 * The whole checkpoint with the most steps over all attempts of a unit, or null. Which attempt it came from
 * does not matter: the same unit after the same steps is in the same state.
 */
export function latestCheckpoint(unitDir: string): string | null {
  let latest: string | null = null;
  let latestStep = -1;
  for (const attempt of namesIn(join(unitDir, 'attempts')).sort()) {
    const folder = join(unitDir, 'attempts', attempt, 'checkpoints');
    for (const name of namesIn(folder)) {
      const step = stepOf(name);
      if (step > latestStep && isWhole(join(folder, name))) {
        latest = join(folder, name);
        latestStep = step;
      }
    }
  }
  return latest;
}

function isWhole(dir: string): boolean {
  try {
    const seal = JSON.parse(readFileSync(join(dir, 'CHECKPOINT.json'), 'utf8')) as {
      files?: Record<string, number>;
    } | null;
    return Object.entries(seal?.files ?? {}).every(
      ([name, bytes]) => statSync(join(dir, name)).size === bytes,
    );
  } catch {
    // Missing or cut short, or removed by another copy this moment: not a checkpoint to continue from.
    return false;
  }
}

/** Names in a folder; none where the folder is not there (any more). */
export function namesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir) : [];
}
