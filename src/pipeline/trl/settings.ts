import { join } from 'node:path';
import { inputError } from '../../base/errors.ts';
import { readJson, writeJson } from '../../base/json.ts';
import type { Config } from '../../run/config.ts';
import type { TrlBase } from '../units.ts';

/** What a worker of the engine trl is told that is no part of a result. */
export interface TrlSettings
  extends Pick<Config['trl'], 'python' | 'parallel' | 'microBatch' | 'attention' | 'gradientCheckpointing'> {
  readonly processes: number;
}

const LOSSES = ['sigmoid', 'cdpo', 'robust', 'ipo'];

/**
 * The engine trl as units name it; undefined: the embedded engine. Its settings go into `engine.json` of the run folder,
 * where a worker on any node finds them.
 * @throws inputError `trl-…` for what TRL cannot do as Winnow does it.
 */
export function trlBase(config: Config, runDir: string): TrlBase | undefined {
  if (config.engine !== 'trl') return undefined;
  const { loss, anchorWeight } = config.training;
  if (!LOSSES.includes(loss) || anchorWeight !== 0)
    throw inputError('trl-loss', 'the engine trl cannot train with this loss', {
      key: anchorWeight === 0 ? 'training.loss' : 'training.anchorWeight',
      got: anchorWeight === 0 ? loss : anchorWeight,
      need: LOSSES,
      remedy: 'Take another loss, or the embedded engine',
    });
  if (config.difficulty.precision !== 'f32')
    throw inputError('trl-precision', 'products of integers are the embedded engine’s', {
      key: 'difficulty.precision',
      got: config.difficulty.precision,
      remedy: 'Leave it out: the engine trl scores in trl.dtype',
    });
  const { python, dtype, parallel, microBatch, attention, gradientCheckpointing } = config.trl;
  const settings: TrlSettings = {
    python,
    parallel,
    microBatch,
    attention,
    gradientCheckpointing,
    processes: trlProcesses(config),
  };
  const file = join(runDir, 'engine.json');
  writeJson(file, settings);
  return { dtype, settings: file };
}

/** Processes of a unit: as many as it has GPUs, unless told otherwise. */
export function trlProcesses({ trl, executor }: Pick<Config, 'trl' | 'executor'>): number {
  if (trl.processes !== 'auto') return trl.processes;
  return executor.gpus === 'auto' ? 1 : Math.max(1, executor.gpus);
}

export function readTrlSettings(file: string): TrlSettings {
  return readJson(file) as TrlSettings;
}
