import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { hashOf, sha256 } from '../base/hash.ts';
import { type Adapter, readAdapter } from '../model/adapter.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { loraTargets } from '../model/layer.ts';
import type { Config } from '../run/config.ts';
import { LOSSES, ownBeta } from '../train/losses.ts';
import { batchSize } from './resources.ts';
import type { Hyper } from './units.ts';

/** An adapter that the start model comes with. */
export interface StartAdapter {
  readonly dir: string;
  /** Of its configuration and weights. */
  readonly hash: string;
  readonly adapter: Adapter;
}

/**
 * The adapter of `training.adapter`, held against the model; null where none is asked for.
 * @throws inputError `adapter-full`, `adapter-misfit`, and those of `readAdapter`.
 */
export function startAdapter(config: Config, checkpoint: Checkpoint): StartAdapter | null {
  const { adapter: dir, method } = config.training;
  if (dir === null) return null;
  if (method === 'full')
    throw inputError('adapter-full', 'an adapter cannot be the start of training every weight', {
      file: dir,
      key: 'training.adapter',
      remedy: 'Merge it into the model first (winnow merge) and give the merged model',
    });
  return fittingAdapter(dir, checkpoint);
}

/**
 * An adapter, held against the model that it is to be used with.
 * @throws inputError `adapter-misfit`, and those of `readAdapter`.
 */
export function fittingAdapter(dir: string, checkpoint: Checkpoint): StartAdapter {
  const adapter = readAdapter(dir);
  for (const [module, { a, b }] of adapter.tensors) {
    const weight = checkpoint.weights.get(`${module}.weight`);
    const got = [b.shape[0], a.shape[1]];
    if (weight?.shape.join() === got.join()) continue;
    throw inputError('adapter-misfit', `the adapter does not fit the model: ${module}`, {
      file: dir,
      need: weight?.shape ?? 'a module of the model',
      got,
      remedy: `The model is ${checkpoint.dir}; give the adapter's own`,
    });
  }
  loraTargets(checkpoint.config, adapter.targetModules);
  const hash = hashOf(
    ['adapter_config.json', 'adapter_model.safetensors'].map((name) => sha256(readBytes(join(dir, name)))),
  );
  return { dir, hash, adapter };
}

/** The hyper-parameters of a run but for the learning rate; an adapter to go on from brings its own shape. */
export function fixedHyper(
  config: Config,
  checkpoint: Checkpoint,
  start: StartAdapter | null,
  pool: number,
): Omit<Hyper, 'learningRate'> {
  const { adapter: _, lossAlpha, lossBeta, anchorWeight, ...training } = config.training;
  const alpha = lossAlpha ?? LOSSES[training.loss].defaultAlpha;
  const beta = lossBeta ?? ownBeta(training.loss);
  const shape =
    start === null
      ? { targets: loraTargets(checkpoint.config, training.targets) }
      : { rank: start.adapter.rank, alpha: start.adapter.alpha, targets: start.adapter.targetModules };
  return {
    ...training,
    ...(alpha === null ? {} : { lossAlpha: alpha }),
    ...(beta === null ? {} : { lossBeta: beta }),
    ...(anchorWeight === 0 ? {} : { anchorWeight }),
    batchSize: batchSize(config, pool),
    ...shape,
  };
}
