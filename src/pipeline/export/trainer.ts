import { stringify } from 'yaml';
import type { Message } from '../../pairs/pair.ts';
import type { Config } from '../../run/config.ts';
import { totalSteps } from '../../train/optimise.ts';
import type { Hyper } from '../units.ts';
import type { ArmPair } from './run-pairs.ts';

/** What a trainer's files are made from. All paths in them are relative to the exported folder. */
export interface TrainerInput {
  readonly config: Config;
  readonly hyper: Hyper;
  readonly pairs: readonly ArmPair[];
  /** Of the pairs, within the folder. */
  readonly dataFile: string;
  readonly as: 'jsonl' | 'parquet';
  /** The pairs are messages (or else plain text). */
  readonly messages: boolean;
}

/** A trainer's files by their paths within the folder, how to run it, and what it cannot do. */
export interface TrainerFiles {
  readonly files: Readonly<Record<string, string | (() => Generator<unknown>)>>;
  readonly command: string;
  readonly notes: readonly string[];
}

/** The model as every trainer takes it: a hub's name, or a folder. */
export function modelOf({ model }: Config): string {
  return model ?? '';
}

/** The optimizer's schedule by the name that transformers knows it under. */
export function scheduleName({ schedule }: Hyper): string {
  return schedule === 'constant' ? 'constant_with_warmup' : schedule;
}

/** Steps of the warm-up, as winnow rounds them: a number of steps is read by every version, a share is not. */
export function warmupSteps(pairs: number, hyper: Hyper): number {
  return Math.ceil(hyper.warmupRatio * totalSteps(pairs, hyper));
}

/** What the corrected losses of winnow have no counterpart for. */
export function lossNotes(name: string, { loss }: Hyper, known: readonly Hyper['loss'][]): string[] {
  if (known.includes(loss)) return [];
  return [`${name} has no loss ${loss}: its file says DPO's own (sigmoid), which is another training`];
}

/** The trainers take LoRA's alpha as a whole number. */
export function alphaNotes(name: string, { method, alpha }: Hyper): string[] {
  return method === 'full' || Number.isInteger(alpha)
    ? []
    : [`${name} takes a whole lora_alpha, and the run has ${alpha}`];
}

/** A start from an adapter: no trainer here takes one beside the model. */
export function adapterNotes({ training: { adapter } }: Config): string[] {
  if (adapter === null) return [];
  return [
    'the run started from an adapter: merge it first (winnow merge), and give the merged model to the trainer',
  ];
}

/** The one answer of a side; null where it is none, or goes on over further turns. */
export function oneAnswer(side: ArmPair['chosen']): Message | null {
  if (typeof side === 'string') return null;
  const [first, ...more] = side;
  return first?.role === 'assistant' && more.length === 0 ? first : null;
}

/** How many pairs a trainer's form of rows cannot hold, in words. */
export function leftOut(name: string, left: readonly ArmPair[], why: string): string[] {
  if (left.length === 0) return [];
  const some = left.slice(0, 3).map(({ id }) => id.slice(0, 12));
  const more = left.length > 3 ? ', …' : '';
  return [
    `${left.length} ${left.length === 1 ? 'pair is' : 'pairs are'} not in the file for ${name}, which takes only ${why} (${some.join(', ')}${more})`,
  ];
}

/**
 * YAML as PyYAML reads it, which is YAML 1.1: `no` is quoted, and a number with an exponent has a point (`1.0e-8`,
 * which would be a text without it).
 */
export function trainerYaml(values: Readonly<Record<string, unknown>>): string {
  return stringify(values, { version: '1.1' }).replaceAll(/([:-] -?\d+)e([-+]\d+)$/gm, '$1.0e$2');
}
