import type { GoldJudge } from '../judge/judge.ts';
import type { UnitResult } from '../run/done.ts';
import { type PoolEvent, runUnits } from '../run/pool.ts';
import { type UnitSpec, unitId } from '../run/unit.ts';
import type { Prepared } from './prepare.ts';
import { lanes } from './resources.ts';

/** How stages run: where, with which workers, and whom they tell. */
export interface StageContext {
  readonly runDir: string;
  /** Starts a worker process. */
  readonly command: readonly string[];
  readonly signal?: AbortSignal;
  /** Grades answers, where a program can. */
  readonly judge: GoldJudge | null;
  /** A stage begins, with so many units. */
  readonly onStage: (title: string, units: number) => StageTalk;
}

export interface StageTalk {
  event(event: PoolEvent): void;
  end(): void;
}

/** Wall time of a stage's units, for the report. */
export interface StageCost {
  readonly stage: string;
  readonly seconds: number;
}

/** Runs the units of a stage in worker processes, or reuses them; adds what they took to `costs`. */
export async function execute(
  prepared: Prepared,
  context: StageContext,
  title: string,
  specs: readonly UnitSpec[],
  costs: StageCost[],
): Promise<UnitResult[]> {
  const { workers, threads } = lanes(prepared.config, prepared.checkpoint.parameters);
  const talk = context.onStage(title, new Set(specs.map(unitId)).size);
  const results = await runUnits(context.runDir, specs, {
    workers,
    threadsPerWorker: threads,
    command: context.command,
    onEvent: (event) => talk.event(event),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  talk.end();
  const units = new Map(results.map((result) => [result.id, result.durationMs]));
  costs.push({ stage: title, seconds: [...units.values()].reduce((sum, ms) => sum + ms, 0) / 1000 });
  return results;
}
