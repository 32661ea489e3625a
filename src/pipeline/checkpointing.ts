import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import type { ScoreRow } from '../difficulty/scores.ts';
import type { Policy } from '../policy/policy.ts';
import { checkpointDir, latestCheckpoint, sealCheckpoint } from '../run/checkpoint.ts';
import { breathe, stoppedError, type UnitContext } from '../run/worker.ts';
import type { TrainingHooks, TrainingState } from '../train/optimise.ts';
import { readTrainingState, writeTrainingState } from '../train/state.ts';

/** Seconds between checkpoints of a training: what a kill -9 loses at most. */
const CHECKPOINT_SECONDS = Number(process.env.WINNOW_CHECKPOINT_SECONDS ?? 20);

export interface Checkpointing {
  /** Rows gathered so far, to be kept with every checkpoint; refilled on resuming. */
  readonly keepBeside?: { readonly file: string; readonly rows: ScoreRow[] };
  /** After each step, before a checkpoint of it. */
  afterStep?(step: number, total: number): Promise<void>;
}

/** Hooks that let a training in a unit go on from the newest whole checkpoint, save, report and stop. */
export function checkpointing(context: UnitContext, policy: Policy, job: Checkpointing = {}): TrainingHooks {
  const { keepBeside } = job;
  const begun = begin(context, policy, keepBeside?.file);
  for (const row of begun?.rows ?? []) keepBeside?.rows.push(row);
  let savedAt = performance.now();
  const save = (state: TrainingState) => {
    const dir = checkpointDir(context.attemptDir, state.adam.step);
    writeTrainingState(dir, policy, state);
    if (keepBeside !== undefined) writeJsonLines(join(dir, keepBeside.file), keepBeside.rows);
    sealCheckpoint(dir);
    // Only the newest is of use; it is whole before the one before it goes.
    for (const name of readdirSync(dirname(dir)))
      if (join(dirname(dir), name) !== dir) rmSync(join(dirname(dir), name), { recursive: true });
    savedAt = performance.now();
  };
  return {
    ...(begun === null ? {} : { resume: begun.state }),
    async afterStep(state, total) {
      const { step } = state.adam;
      await job.afterStep?.(step, total);
      const loss = state.records.at(-1)?.loss;
      context.report({ done: step, total, what: 'steps', ...(loss === undefined ? {} : { loss }) });
      await breathe();
      if (context.shouldStop()) {
        save(state);
        throw stoppedError();
      }
      if (performance.now() - savedAt > CHECKPOINT_SECONDS * 1000 && step < total) save(state);
    },
  };
}

/**
 * What the newest whole checkpoint holds; null where there is none. Another copy of the unit, still alive, may
 * put a newer one in its place while it is read: then that one.
 */
function begin(
  context: UnitContext,
  policy: Policy,
  file: string | undefined,
): { readonly state: TrainingState; readonly rows: readonly ScoreRow[] } | null {
  let from = context.checkpointFrom;
  while (from !== null) {
    try {
      const rows = file === undefined ? [] : [...parseLines<ScoreRow>(join(from, file))];
      return { state: readTrainingState(from, policy), rows };
    } catch (error) {
      const newest = latestCheckpoint(context.unitDir);
      if (newest === null || newest === from) throw error;
      from = newest;
    }
  }
  return null;
}
