import { basename } from 'node:path';
import { machineError, WinnowError } from '../base/errors.ts';
import type { Verdict } from './batches.ts';
import type { UnitSpec } from './unit.ts';

/** Where a driver is with a unit: folded from files and verdicts, never stored. */
export interface UnitState {
  readonly id: string;
  readonly spec: UnitSpec;
  readonly dir: string;
  /** Tries that failed. */
  failures: number;
  /** Stops in a row between which no checkpoint was reached. */
  idleStops: number;
  /** Steps in the checkpoint at the last stop. */
  stoppedAtStep: number;
  halvings: number;
  /** Nodes that broke a try. */
  readonly exclude: Set<string>;
  readyAtMs: number;
  /** Since when there is a result that cannot be used; null: there is none. */
  damagedSinceMs: number | null;
  /** Why the unit is given up. */
  failure: WinnowError | null;
}

/** Stops without progress that are taken for bad luck; more are a livelock. */
const MOST_IDLE_STOPS = 5;
const MOST_HALVINGS = 3;
const LONGEST_WAIT_MS = 60_000;

export function openUnit(id: string, spec: UnitSpec, dir: string): UnitState {
  return {
    id,
    spec,
    dir,
    failures: 0,
    idleStops: 0,
    stoppedAtStep: 0,
    halvings: 0,
    exclude: new Set(),
    readyAtMs: 0,
    damagedSinceMs: null,
    failure: null,
  };
}

/** A unit that was given up is tried afresh. */
export function reopen(unit: UnitState): void {
  unit.failures = 0;
  unit.idleStops = 0;
  unit.readyAtMs = 0;
  unit.damagedSinceMs = null;
  unit.failure = null;
}

export interface RetryRules {
  readonly retries: number;
  readonly backoffMs: number;
  /** Where the task's output is. */
  readonly log: string;
}

/**
 * What a task's end means for its unit: ready again, now or after a while, or given up. Stops cost nothing as long as
 * the unit gets ahead between them.
 * @returns what people should be told; null: nothing.
 */
export function afterVerdict(unit: UnitState, verdict: Verdict, rules: RetryRules): string | null {
  const { ending, why, step } = verdict;
  const again = (failures: number) => {
    unit.readyAtMs = Date.now() + Math.min(LONGEST_WAIT_MS, rules.backoffMs * 2 ** Math.max(0, failures - 1));
  };
  const short = why.split('\n', 1)[0];
  if (ending === 'unsent') return null;
  if (ending === 'stopped') {
    unit.idleStops = step > unit.stoppedAtStep ? 0 : unit.idleStops + 1;
    unit.stoppedAtStep = step;
    if (unit.idleStops > MOST_IDLE_STOPS) {
      unit.failure = failureOf(unit, rules, 'unit-livelock', {
        what: `was stopped ${unit.idleStops} times in a row before it had got any further`,
        remedy:
          'Give it more time (executor.minutes) or a queue that does not preempt it, or let it save its checkpoint sooner (WINNOW_CHECKPOINT_SECONDS)',
      });
      return null;
    }
    again(unit.idleStops);
    return `${unit.id} ${short}: it goes on from step ${step}`;
  }
  if (ending === 'cancelled') {
    unit.failure = new WinnowError('interrupted', 'cancelled', `unit ${unit.id} was cancelled`, {
      remedy: 'Run the same command again: it goes on from its last checkpoint',
    });
    return null;
  }
  if (ending === 'fatal') {
    unit.failure = giveUp(unit, verdict, rules);
    return null;
  }
  if (ending === 'memory') {
    unit.halvings++;
    if (unit.halvings > MOST_HALVINGS) unit.failure = giveUp(unit, verdict, rules);
    else again(1);
    return unit.failure === null ? `${unit.id} ran out of memory: again with half of it` : null;
  }
  unit.failures++;
  if (unit.failures > rules.retries) {
    unit.failure = giveUp(unit, verdict, rules);
    return null;
  }
  again(unit.failures);
  return `${unit.id} failed (${short}): try ${unit.failures + 1} of ${rules.retries + 1} follows`;
}

/** The worker's own error where there is one, with the unit and where to look. */
function giveUp(unit: UnitState, { why, error, node }: Verdict, rules: RetryRules): WinnowError {
  const where = `(in unit ${unit.id}${node === undefined ? '' : ` on ${node}`}, log: ${rules.log})`;
  if (error !== undefined) {
    const found = new WinnowError(error.kind, error.code, '', {
      ...error.fields,
      unit: unit.id,
      log: rules.log,
    });
    found.message = `${error.message}\n${where}`;
    return found;
  }
  const tries = unit.failures > 1 ? ` after ${unit.failures} tries` : '';
  return failureOf(unit, rules, 'unit-failed', {
    what: `failed${tries}: ${why}`,
    remedy: `\`winnow why ${unit.id}\` tells of each try; the same command tries again`,
  });
}

function failureOf(
  unit: UnitState,
  { log }: RetryRules,
  code: string,
  { what, remedy }: { readonly what: string; readonly remedy: string },
): WinnowError {
  return machineError(code, `unit ${unit.id} ${what}`, { unit: basename(unit.dir), log, remedy });
}
