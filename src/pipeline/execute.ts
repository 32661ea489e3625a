import type { PairJudge } from '../judge/duel.ts';
import type { GoldJudge } from '../judge/judge.ts';
import type { Config } from '../run/config.ts';
import { dispatchUnits } from '../run/dispatch.ts';
import type { UnitResult } from '../run/done.ts';
import type { Executor } from '../run/executor.ts';
import { type PoolEvent, runUnits } from '../run/pool.ts';
import { type UnitSpec, unitId } from '../run/unit.ts';
import type { Prepared } from './prepare.ts';
import { queueSettings } from './queue-settings.ts';
import { lanes, memoryNeeds, type Needs } from './resources.ts';
import { fixedHyper } from './start.ts';
import { sharedRow } from './work.ts';

/** A language model that judges the answers of a run. */
export interface RunLlmJudge {
  readonly judge: PairJudge;
  /** Tells people, such as of the price before it is paid. */
  readonly note: (text: string) => void;
}

/** How stages run: where, with which workers, and whom they tell. */
export interface StageContext {
  readonly runDir: string;
  /** Starts a worker process. */
  readonly command: readonly string[];
  readonly signal?: AbortSignal;
  /** Has the workers started elsewhere; left out: they are processes of this machine. */
  readonly queue?: Executor;
  /** Grades answers, where a program can; a reward model that does is in `Prepared`. */
  readonly judge: GoldJudge | null;
  /** A language model that judges; left out where none does. */
  readonly llm?: RunLlmJudge;
  /** A stage begins, with so many units. */
  readonly onStage: (title: string, units: number) => StageTalk;
}

export interface StageTalk {
  event(event: PoolEvent): void;
  end(): void;
}

/** What the units of a stage took. */
export interface StageCost {
  readonly stage: string;
  /** Of all units together, each by the clock, those included that were done before. */
  readonly seconds: number;
  readonly units: number;
  /** Units that were worked on now, and the time that passed meanwhile. */
  readonly fresh: number;
  readonly wallSeconds: number;
}

/**
 * Runs the units of a stage in worker processes, or reuses them; adds what they took to `costs`.
 * @param needs memory of each worker. Default: as the model that is trained needs it.
 */
export async function execute(
  prepared: Prepared,
  context: StageContext,
  title: string,
  specs: readonly UnitSpec[],
  costs: StageCost[],
  needs: Needs = runMemory(prepared),
): Promise<UnitResult[]> {
  return runStage(context, title, specs, { ...prepared.config, needs }, costs);
}

/** What a stage may use of this machine, and what its workers need. */
export type StageResources = Pick<Config, 'workers' | 'threads' | 'memoryGB' | 'device'> &
  Partial<Pick<Config, 'engine' | 'trl' | 'executor'>> & {
    readonly needs: Needs;
  };

/** `execute`, for units of any work. */
export async function runStage(
  context: StageContext,
  title: string,
  specs: readonly UnitSpec[],
  resources: StageResources,
  costs: StageCost[],
): Promise<UnitResult[]> {
  const count = new Set(specs.map(unitId)).size;
  const begun = performance.now();
  let reused = 0;
  const talk = context.onStage(title, count);
  const common = {
    command: context.command,
    onEvent(event: PoolEvent) {
      if (event.type === 'reused') reused++;
      talk.event(event);
    },
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  };
  let results: UnitResult[];
  const { engine, executor } = resources;
  if (context.queue === undefined || engine === undefined || executor === undefined) {
    const { workers, threads, workBytes, gpus = [] } = lanes(resources, resources.needs, count);
    const { device } = resources;
    const local = {
      ...{ workers, threadsPerWorker: threads, device, workBytes },
      ...(gpus.length > 0 && { environmentOf: (lane: number) => gpusOf(gpus, lane) }),
      ...(engine === 'trl' && { stopGraceMs: TRL_STOP_MS }),
    };
    results = await runUnits(context.runDir, specs, { ...common, ...local });
  } else {
    const settings = queueSettings({ ...resources, engine, executor }, context.queue);
    results = await dispatchUnits(context.runDir, specs, { ...common, ...settings });
  }
  talk.end();
  const units = new Map(results.map((result) => [result.id, result.durationMs]));
  costs.push({
    stage: title,
    seconds: [...units.values()].reduce((sum, ms) => sum + ms, 0) / 1000,
    units: count,
    fresh: count - reused,
    wallSeconds: (performance.now() - begun) / 1000,
  });
  return results;
}

/** A step of a large model takes its time, and a checkpoint of it too. */
const TRL_STOP_MS = 10 * 60_000;

/** Workers side by side have GPUs of their own; where more were asked for than there are GPUs, some share them. */
function gpusOf(gpus: readonly string[], lane: number): Record<string, string> {
  return { CUDA_VISIBLE_DEVICES: gpus[lane % gpus.length] as string };
}

const known = new WeakMap<Prepared, Needs>();

/** Memory that this run's workers need for the model that is trained. */
export function runMemory(prepared: Prepared): Needs {
  let found = known.get(prepared);
  if (found === undefined) {
    const { config, checkpoint, start, pool, heldOut, prompts, tuningPrompts } = prepared;
    const { method, rank, alpha, targets } = fixedHyper(config, checkpoint, start, pool.length);
    const trained = method === 'full' ? ({ method } as const) : { method, rank, alpha, targets, seed: 0 };
    const promptTokens = [...prompts, ...tuningPrompts].reduce(
      (most, { tokens }) => Math.max(most, tokens.length),
      0,
    );
    found = memoryNeeds(
      checkpoint,
      trained,
      [...pool, ...heldOut].map(({ tokens }) => sharedRow(tokens)),
      { promptTokens, newTokens: config.evaluation.maxNewTokens },
      config.difficulty.precision,
    );
    known.set(prepared, found);
  }
  return found;
}
