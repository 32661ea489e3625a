import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson } from '../base/json.ts';
import { freeMemory } from '../base/machine.ts';
import { heldBytes, memoryUse } from '../policy/held-weights.ts';
import { readDone } from '../run/done.ts';
import { execute, runMemory, type StageContext, type StageCost } from './execute.ts';
import { leftOf, type Measured, type PlannedStage, plannedStages, together } from './forecast.ts';
import { type EvaluationPrompt, type InputFile, writePrompts, writeTokens } from './inputs.ts';
import { isJudged } from './judging.ts';
import { knownUnits } from './known-units.ts';
import { PAPER_RATE } from './learning-rate.ts';
import { generationInputs, type Prepared } from './prepare.ts';
import {
  pairTokens,
  probedPolicy,
  probePairs,
  probeRounds,
  probeUnit,
  readProbe,
  representatives,
} from './probe.ts';
import { type Lanes, lanes, needMemory } from './resources.ts';

import { fixedHyper } from './start.ts';
import { type Hyper, referenceUnit } from './units.ts';
import { WorkModel } from './work.ts';

/** What a run will take on this machine. */
export interface Plan {
  readonly pairs: number;
  readonly heldOut: number;
  /** Of the pool's rows: prompt and both completions. */
  readonly tokens: number;
  readonly lanes: Lanes;
  /** Bytes: of all workers at their fullest, as calculated and as the probe had it; and what is free. */
  readonly memory: { readonly need: number; readonly measured: number; readonly free: number };
  /** Whether activations are kept for the backward pass, or some computed again. */
  readonly keepsActivations: boolean;
  /** Of all workers together. */
  readonly tokensPerSecond: Readonly<Record<'scoring' | 'training' | 'answering', number>>;
  readonly stages: readonly (PlannedStage & {
    /** Units that are done already; null: which units they will be is not known before scoring. */
    readonly done: number | null;
  })[];
  readonly seconds: number;
  /** Of what is not known to be done. */
  readonly secondsLeft: number;
  /** With the shortest and the longest answers and searches for a learning rate. */
  readonly between: readonly [number, number];
  /** What was measured: with all workers busy, and by a worker that has all cores to itself. */
  readonly probes: { readonly busy: Measured; readonly alone: Measured };
}

/**
 * Tries the model on a few pairs and prompts, in as many workers as the run will have and then in one alone, and works
 * out what the run takes: the passes that its units will make are known. Writes `plan.json`.
 *
 * @throws machineError `too-little-memory` where the workers would not fit.
 */
export async function makePlan(prepared: Prepared, context: StageContext): Promise<Plan> {
  const { config, checkpoint, pool, heldOut, base, prompts } = prepared;
  // Measurements are no results of the run: they lie apart.
  const aside = { ...context, runDir: join(context.runDir, ASIDE) };
  const needs = runMemory(prepared);
  needMemory(config, needs);
  const free = freeMemory();
  const poolTokens = pool.map(({ tokens }) => tokens);
  const all = [...poolTokens, ...heldOut.map(({ tokens }) => tokens)];
  const total = (pairs: typeof all) => pairs.reduce((sum, pair) => sum + pairTokens(pair), 0);
  const sample = representatives(all, pairTokens, probePairs(checkpoint.parameters, total(all) / all.length));
  const asked = representatives(prompts, ({ tokens }: EvaluationPrompt) => tokens.length, MOST_PROMPTS);
  const asks = writePrompts(aside.runDir, asked);
  const hyper: Hyper = {
    ...fixedHyper(config, checkpoint, prepared.start, pool.length),
    learningRate: PAPER_RATE,
  };
  const inputs = {
    sample: writeTokens(aside.runDir, sample),
    hyper,
    generation: generationInputs(prepared),
    precision: config.difficulty.precision,
    rounds: probeRounds(checkpoint.parameters, config.evaluation.maxNewTokens),
  };
  const measure = async (own: Lanes, asking: InputFile): Promise<Measured> => {
    const specs = Array.from({ length: own.workers }, (_, lane) =>
      probeUnit(base, { ...inputs, prompts: asking, lanes: own, lane }),
    );
    const costs: StageCost[] = [];
    const results = await execute(prepared, aside, 'Measuring this machine', specs, costs);
    const [cost] = costs as [StageCost];
    return together(results.map(readProbe), cost.fresh < cost.units ? null : cost.wallSeconds);
  };
  const lane = lanes(config, needs, Number.POSITIVE_INFINITY);
  const busy = await measure(lane, asks);
  // One worker seldom answers alone: how fast it would is not worth the wait.
  const { startAnswer, prompts: first, round } = busy.seconds;
  const single = lanes(config, needs, 1);
  const noPrompts = writePrompts(aside.runDir, []);
  const own = lane.workers === 1 ? busy : await measure(single, noPrompts);
  const alone = { ...own, seconds: { ...own.seconds, startAnswer, prompts: first, round } };
  const kept = memoryUse(checkpoint, config.training, lane.workBytes);
  const keeps = needs.again + kept.activationBytes >= needs.saving;
  const work = new WorkModel(checkpoint, probedPolicy(hyper), kept.activationBytes);
  const rates = {
    busy,
    alone,
    workers: lane.workers,
    scoring: work.scoring(sample),
    epoch: work.epoch(sample, hyper.batchSize),
    promptTokens: Math.max(1, ...asked.map(({ tokens }) => tokens.length)),
  };
  const judged = isJudged(prepared, context);
  const rewardWork =
    prepared.rewardModel === null
      ? null
      : new WorkModel(prepared.rewardModel.checkpoint, { method: 'none' }, Number.POSITIVE_INFINITY);
  const { done } = knownUnits(prepared, context.runDir);
  const stages = plannedStages(prepared, hyper, { rates, work, judged, rewardWork }).map((stage) => ({
    ...stage,
    done: done.get(stage.stage) ?? null,
  }));
  const sum = (of: (stage: (typeof stages)[number]) => number) =>
    stages.reduce((s, stage) => s + of(stage), 0);
  const plan: Plan = {
    pairs: pool.length,
    heldOut: heldOut.length,
    tokens: total(poolTokens),
    lanes: lane,
    memory: {
      need:
        needs.mapped +
        lane.workers *
          ((keeps ? needs.saving : needs.again + kept.activationBytes) +
            (kept.holdWeights ? heldBytes(checkpoint) : 0)),
      measured: lane.workers * busy.peakBytes,
      free,
    },
    keepsActivations: keeps,
    tokensPerSecond: {
      scoring: (lane.workers * total(sample)) / busy.seconds.score,
      training: (lane.workers * total(sample)) / busy.seconds.train,
      answering: (lane.workers * busy.prompts) / Math.max(1e-6, busy.seconds.round),
    },
    stages,
    seconds: sum(({ seconds }) => seconds),
    secondsLeft: sum((stage) => leftOf(stage) * stage.seconds),
    between: [sum(({ between }) => between[0]), sum(({ between }) => between[1])],
    probes: { busy, alone },
  };
  writeJson(join(context.runDir, PLAN_FILE), plan);
  return plan;
}

/** How far a run is that may be planned: a finished one without measurements is not worth any. */
export function planState(prepared: Prepared, runDir: string): 'fresh' | 'begun' | 'unmeasured' {
  const { loss } = prepared.config.training;
  if (readDone(runDir, referenceUnit(prepared.base, { loss })) === null) return 'fresh';
  return existsSync(join(runDir, ASIDE)) ? 'begun' : 'unmeasured';
}

const PLAN_FILE = 'plan.json';
const ASIDE = 'plan';
const MOST_PROMPTS = 32;

/** A plan held against what happened. */
export interface Outcome {
  readonly stages: readonly {
    readonly stage: string;
    readonly expectedSeconds: number;
    readonly tookSeconds: number;
  }[];
  readonly expectedSeconds: number;
  readonly tookSeconds: number;
}

/**
 * Compares the stages that have run with what was expected of them, and adds it to `plan.json`. Of a stage that was
 * partly done before, the same part is expected. Null where nothing ran.
 */
export function planOutcome(plan: Plan, costs: readonly StageCost[], runDir: string): Outcome | null {
  const stages = plan.stages.flatMap(({ stage, seconds }) => {
    const own = costs.filter((cost) => cost.stage === stage);
    const [fresh, units] = [own, own].map((list, i) =>
      list.reduce((sum, cost) => sum + (i === 0 ? cost.fresh : cost.units), 0),
    ) as [number, number];
    if (fresh === 0) return [];
    const tookSeconds = own.reduce((sum, cost) => sum + cost.wallSeconds, 0);
    return [{ stage, expectedSeconds: (seconds * fresh) / units, tookSeconds }];
  });
  if (stages.length === 0) return null;
  const sum = (key: 'expectedSeconds' | 'tookSeconds') => stages.reduce((s, stage) => s + stage[key], 0);
  const outcome = {
    stages,
    expectedSeconds: sum('expectedSeconds'),
    tookSeconds: sum('tookSeconds'),
  };
  writeJson(join(runDir, PLAN_FILE), { ...plan, outcome });
  return outcome;
}
