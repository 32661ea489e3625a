import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inputError, machineError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { readJson } from '../../base/json.ts';
import { parseLines } from '../../base/own-lines.ts';
import type { DifficultyRow } from '../../difficulty/scores.ts';
import type { PreferencePair } from '../../pairs/pair.ts';
import { type Config, loadConfig } from '../../run/config.ts';
import { openRun } from '../../run/folder.ts';
import { readUsable } from '../prepare.ts';
import type { Hyper } from '../units.ts';

/** A pair of an arm, in training order. */
export type ArmPair = PreferencePair & { readonly difficulty: number | null; readonly rank: number | null };

/** What a run says of an arm: enough to train it elsewhere. */
export interface RunArm {
  readonly config: Config;
  readonly hyper: Hyper;
  readonly arm: string;
  /** In training order. */
  readonly pairs: readonly ArmPair[];
  /** Whether the model has a chat template; null where an older winnow did not say. */
  readonly chatTemplate: boolean | null;
  /** The selection's receipt, without paths of this machine. */
  readonly receipt: Readonly<Record<string, unknown>>;
}

interface Receipt extends Record<string, unknown> {
  readonly data: { readonly file: string };
  readonly model: {
    readonly name: string;
    readonly hash: string;
    readonly dir: string;
    readonly chatTemplate?: boolean;
  };
  readonly training: Hyper;
  readonly keptIds: string;
}

/**
 * The selection of a run, or the pairs of another arm of it, in the order in which they were trained on.
 * @throws input error `run-missing`; `not-selected` before `winnow select`; `no-such-arm` for one that was not trained.
 */
export function readRunArm(runDir: string, arm: string): RunArm {
  const { dir } = openRun(runDir, { create: false });
  const file = join(dir, 'selection', 'receipt.json');
  if (!existsSync(file)) {
    throw inputError('not-selected', 'the run has no selection yet', {
      file: dir,
      remedy: `Select first: winnow select --out ${runDir}`,
    });
  }
  const { data, model, ...receipt } = readJson(file) as Receipt;
  const { dir: _, ...modelSaid } = model;
  const config = loadConfig(join(dir, 'winnow.yaml'));
  const difficulties = new Map(
    [...parseLines<DifficultyRow>(join(dir, 'difficulty.jsonl'))].map((row) => [row.id, row]),
  );
  const ids = arm === 'selected' ? selectedIds(dir, receipt.keptIds) : armIds(dir, arm);
  const pairs = readUsable(dir, ids);
  return {
    config,
    hyper: receipt.training,
    arm,
    pairs: ids.map((id) => {
      const { row, prompt, chosen, rejected, meta } = pairs.get(id) as PreferencePair;
      const { difficulty = null, rank = null } = difficulties.get(id) ?? {};
      return { id, row, prompt, chosen, rejected, meta, difficulty, rank };
    }),
    chatTemplate: model.chatTemplate ?? null,
    receipt: {
      ...receipt,
      data: { ...data, file: basename(data.file) },
      model: modelSaid,
    },
  };
}

function selectedIds(dir: string, keptIds: string): string[] {
  const file = join(dir, 'selection', 'selected.jsonl');
  const ids = [...parseLines<{ id: string }>(file)].map(({ id }) => id);
  if (sha256(ids.map((id) => `${id}\n`).join('')) === keptIds) return ids;
  throw machineError('selection-changed', 'the selected pairs are not those of the receipt', {
    file,
    remedy: 'Select again: winnow select',
  });
}

/** Each pair once, at its first place: a training of several epochs reads it again. */
function armIds(dir: string, arm: string): string[] {
  const file = join(dir, 'arms', arm, 'order.jsonl');
  if (/^[\w-]+$/.test(arm) && existsSync(file)) return [...new Set(parseLines<string>(file))];
  throw inputError('no-such-arm', 'the run has not trained such an arm', {
    file: join(dir, 'arms'),
    got: arm,
    need: 'selected, or the name of a folder of arms/',
    remedy: 'Train it first: winnow train --arms NAME',
  });
}
