import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_DIR } from '../../base/package-dir.ts';
import type { StageContext } from '../../pipeline/execute.ts';
import { runUnits } from '../../run/pool.ts';
import { type BaseSize, baseRecipe, baseUnit } from '../base.ts';

/** Base models of each size, by seed of their training; replicates take turns. */
export const BASE_SEEDS: Readonly<Record<BaseSize, readonly number[]>> = {
  s: [1, 2, 3],
  m: [1, 2, 3],
  l: [1, 2],
  xl: [1],
};

/** The folder of a base model that comes with the package; null where none does. */
export function shippedBase(size: BaseSize, seed: number): string | null {
  const dir = join(PACKAGE_DIR, 'assets', 'lab', `base-${size}`);
  return seed === 1 && existsSync(dir) ? dir : null;
}

/** Trains the base models that are asked for and do not come with the package; gives each one's folder. */
export async function baseModels(
  context: StageContext,
  wanted: readonly { readonly size: BaseSize; readonly seed: number }[],
  workers: number,
): Promise<(size: BaseSize, seed: number) => string> {
  const missing = wanted.filter(({ size, seed }) => shippedBase(size, seed) === null);
  const units = missing.map(({ size, seed }) => baseUnit(baseRecipe(size, seed)));
  const talk = context.onStage('Training base models', units.length);
  const results = await runUnits(context.runDir, units, {
    workers,
    threadsPerWorker: 1,
    command: context.command,
    onEvent: (event) => talk.event(event),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  talk.end();
  return (size, seed) => {
    const shipped = shippedBase(size, seed);
    if (shipped !== null) return shipped;
    const place = missing.findIndex((base) => base.size === size && base.seed === seed);
    const result = results[place];
    if (result === undefined) throw new Error(`no base model ${size}, seed ${seed}`);
    return join(result.dir, 'model');
  };
}
