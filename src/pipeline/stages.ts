import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeError } from '../base/files.ts';
import { hashOfList, type Json, sha256 } from '../base/hash.ts';
import { writeJson, writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import type { Answer, GradedAnswer } from '../evaluate/answers.ts';
import { modelName } from '../model/hub.ts';
import { sha256OfFile } from '../pairs/lines.ts';
import type { Config } from '../run/config.ts';
import { readDone, resultFile, type UnitResult } from '../run/done.ts';
import { type ArmName, type ArmPlan, planArm } from '../select/arms.ts';
import type { AutoKeep } from '../select/auto-keep.ts';
import type { KeepOptions } from '../select/keep.ts';
import { strataCounts } from '../select/strata.ts';
import { type Forced, forcedBy } from '../select/verdicts.ts';
import { execute, type StageContext, type StageCost } from './execute.ts';
import { type LogProbRow, readReference, writeIds, writePrompts, writeWeights } from './inputs.ts';
import { judgeAnswers } from './judging.ts';
import { keepShare } from './keep-share.ts';
import { generationInputs, lengthsOf, type Prepared, pairTokensOf, tokenCounts } from './prepare.ts';
import { isTuned, type Scored, type ScoredPairs, tune } from './score.ts';
import {
  choose,
  correctionLines,
  rulesAndDecisions,
  type SelectionInput,
  saidInReceipt,
  selectedLines,
  selectionWarnings,
  verdictsOf,
} from './selection.ts';
import { needServerForArms } from './server/check.ts';
import { type SelectionSideEffects, writeSideEffects } from './side-effects.ts';
import { fixedHyper } from './start.ts';
import { answersUnit, heldOutUnit, trainingUnit } from './units.ts';
import { VERSION } from './version.ts';

export { isTuned, measure, type Scored, type ScoredPairs, score, tune } from './score.ts';

export interface Selected {
  /** The share that was kept, and how. */
  readonly options: KeepOptions;
  /** How the share was chosen; null where it was given. */
  readonly auto: AutoKeep | null;
  /** In training order. */
  readonly kept: readonly DifficultyRow[];
  /** Largest difficulty kept; of pairs that rules or people keep only where they keep all. */
  readonly threshold: number;
  /** What rules and people keep and drop. */
  readonly forced: Forced;
  /** What the loss of pairs counts in every arm, where rules say another number than 1. */
  readonly weights: ReadonlyMap<string, number>;
  /** What should be known of rules and decisions, in sentences. */
  readonly warnings: readonly string[];
  /** What the selection did to the data, and what the dropped pairs look like. */
  readonly sideEffects: SelectionSideEffects;
  /** What the kept pairs cost, in the unit of the budget; null without one. */
  readonly spent: number | null;
  readonly costs: readonly StageCost[];
}

export interface TrainedArm {
  readonly plan: ArmPlan;
  readonly result: UnitResult;
  readonly steps: number;
}

export interface Trained {
  readonly arms: readonly TrainedArm[];
  readonly costs: readonly StageCost[];
}

export interface Evaluated {
  /** By arm and seed, in the order of `Trained.arms`. */
  readonly arms: readonly {
    readonly arm: TrainedArm;
    readonly heldOut: readonly LogProbRow[];
    readonly answers: readonly Answer[];
    /** Of the answers, in their order; null where there is no judge. */
    readonly graded: readonly GradedAnswer[] | null;
  }[];
  readonly start: { readonly answers: readonly Answer[]; readonly graded: readonly GradedAnswer[] | null };
  /** Conversations whose prompt lost its start to fit into the judge's context. */
  readonly promptsCut: number;
  /** Prompts that count for none, see `Judged`. */
  readonly withoutVerdict: number;
  /** Of the held-out pairs under the start model. */
  readonly reference: ReadonlyMap<string, LogProbRow>;
  readonly costs: readonly StageCost[];
}

/**
 * Selection with its ledger and receipt: `selection/selected.jsonl`, `ledger.jsonl`, `receipt.json`, and
 * `corrections.jsonl` where people found labels the wrong way round; and what it did: `effects.json`, `labels.jsonl` of
 * the dropped pairs.
 */
export async function select(
  prepared: Prepared,
  scored: ScoredPairs,
  context: StageContext,
): Promise<Selected> {
  const { config, heldOut, refused, base, pool, source, strata } = prepared;
  const { runDir } = context;
  const costs: StageCost[] = [];
  const input: SelectionInput = {
    runDir,
    difficulties: scored.difficulties,
    scores: scored.scores,
    strata,
    tokens: tokenCounts(pool),
    heldOut: heldOut.map(({ tokens: { id, row } }) => ({ id, row })),
    refused,
    ...rulesAndDecisions(config, runDir),
  };
  const verdicts = await verdictsOf(input);
  const forced = forcedBy(verdicts);
  // Only a share that is chosen by trainings needs what they need.
  const ready = config.selection.keepFraction === 'auto' ? await tune(prepared, scored, context) : scored;
  costs.push(...ready.costs.slice(scored.costs.length));
  const { options, auto } = await keepShare(prepared, ready, context, costs, forced);
  const { kept, threshold, ledger, spent } = choose(input, verdicts, options);
  const folder = join(runDir, 'selection');
  mkdirSync(folder, { recursive: true });
  const fileOf = (name: string) => join(folder, name);
  const measured = scored.scores.length > 0 ? scored.scores : scored.difficulties;
  const keptIds = kept.map(({ id }) => id);
  writeJsonLines(fileOf('selected.jsonl'), selectedLines(runDir, kept, verdicts));
  writeJsonLines(fileOf('ledger.jsonl'), ledger);
  const corrections = [...correctionLines(runDir, verdicts)];
  if (corrections.length > 0) writeJsonLines(fileOf('corrections.jsonl'), corrections);
  else rmSync(fileOf('corrections.jsonl'), { force: true });
  writeJson(fileOf('receipt.json'), {
    version: VERSION,
    data: { ...source, rowsRead: prepared.read },
    model: {
      name: modelName(base.modelDir),
      dir: base.modelDir,
      hash: base.modelHash,
      chatTemplate: prepared.tokenizer.chatTemplate !== null,
    },
    tokens: base.tokens.hash,
    // Where scoring trained nothing and the rate is searched for, it is not known yet.
    training: isTuned(ready)
      ? ready.hyper
      : {
          ...fixedHyper(config, prepared.checkpoint, prepared.start, prepared.pool.length),
          learningRate: config.training.learningRate,
        },
    difficulty: { ...config.difficulty, scores: hashOfList(measured as unknown as Json[]) },
    selection: {
      ...options,
      ...(options.budget === undefined ? {} : { budget: { ...options.budget, spent } }),
      ...(auto === null ? {} : { auto }),
      // Of each stratum how many pairs there were, and how many were kept.
      ...(strata === null ? {} : { within: config.selection.within, strata: strataCounts(strata, keptIds) }),
    },
    ...saidInReceipt(input, verdicts),
    evaluation: { heldOut: config.evaluation.heldOut, seed: config.seed },
    kept: kept.length,
    dropped: scored.difficulties.length - kept.length,
    threshold,
    /** SHA-256 of the kept ids in training order, one a line. */
    keptIds: sha256(keptIds.map((id) => `${id}\n`).join('')),
    /** SHA-256 of the run folder's files that `winnow replay` goes by, and of what it must give again. */
    files: {
      'difficulty.jsonl': await sha256OfFile(join(runDir, 'difficulty.jsonl')),
      'pairs.jsonl': await sha256OfFile(join(runDir, 'pairs.jsonl')),
      'refused.jsonl': await sha256OfFile(join(runDir, 'refused.jsonl')),
      'selection/selected.jsonl': await sha256OfFile(fileOf('selected.jsonl')),
      'selection/ledger.jsonl': await sha256OfFile(fileOf('ledger.jsonl')),
    },
  });
  const warnings = selectionWarnings(input, verdicts, options);
  const sideEffects = writeSideEffects(prepared, scored, kept, runDir);
  const { weights } = verdicts;
  return { options, auto, kept, threshold, spent, forced, weights, warnings, sideEffects, costs };
}

/** Trains every arm with every seed; copies what was trained to `arms/<name>/`. */
export async function train(
  prepared: Prepared,
  scored: Scored,
  selected: Selected,
  context: StageContext,
): Promise<Trained> {
  const { config, base, pool, strata } = prepared;
  const costs: StageCost[] = [];
  const input = {
    difficulties: scored.difficulties,
    lengths: lengthsOf(pool),
    strata,
    tokens: pairTokensOf(pool),
    forced: selected.forced,
  };
  const plans = config.arms.flatMap((name: ArmName) =>
    Array.from({ length: config.trainingSeeds }, (_, i) =>
      planArm(name, input, selected.options, config.seed + i),
    ),
  );
  const specs = plans.map((plan) =>
    trainingUnit(base, scored.reference, {
      hyper: scored.hyper,
      seed: plan.seed,
      order: writeIds(context.runDir, plan.ids),
      ...weightsOf(context.runDir, plan.ids, selected.weights),
      shuffleSeed: plan.shuffleSeed,
    }),
  );
  // A server that takes no adapters is told now, not after the training.
  if (specs.some((spec) => readDone(context.runDir, spec) === null))
    await needServerForArms(prepared, context.signal);
  const results = await execute(prepared, context, 'Training the arms', specs, costs);
  const arms = plans.map((plan, i): TrainedArm => {
    const result = results[i] as UnitResult;
    publishArm(context.runDir, config, plan, result);
    return { plan, result, steps: [...parseLines(resultFile(result, 'steps.jsonl'))].length };
  });
  return { arms, costs };
}

/** Weights of an arm's pairs as a file; nothing where all count alike, so that such arms are known by what they always were. */
function weightsOf(runDir: string, ids: readonly string[], weights: ReadonlyMap<string, number>) {
  return ids.some((id) => weights.has(id)) ? { weights: writeWeights(runDir, ids, weights) } : {};
}

/** Held-out log-probabilities and answers of every arm, the start model's answers, and what the judge says of them. */
export async function evaluate(
  prepared: Prepared,
  scored: Scored,
  trained: Trained,
  context: StageContext,
): Promise<Evaluated> {
  const { base, heldOut, prompts } = prepared;
  const costs: StageCost[] = [];
  const ids = heldOut.map(({ tokens }) => tokens.id);
  const rows = writeIds(context.runDir, ids);
  const promptFile = writePrompts(context.runDir, prompts);
  const generation = generationInputs(prepared);
  const startAnswers = answersUnit(base, null, promptFile, generation);
  const specs = trained.arms.flatMap(({ result }) => [
    heldOutUnit(base, result, rows),
    answersUnit(base, result, promptFile, generation),
  ]);
  const results = await execute(prepared, context, 'Evaluation', [startAnswers, ...specs], costs);
  const answers = (result: UnitResult | undefined) => [
    ...parseLines<Answer>(resultFile(result as UnitResult, 'answers.jsonl')),
  ];
  const start = answers(results[0]);
  const others = trained.arms.map((_, i) => answers(results[2 + 2 * i]));
  const judged = await judgeAnswers(prepared, context, 'Evaluation', { prompts, start, others }, costs);
  const arms = trained.arms.map((arm, i) => ({
    arm,
    heldOut: [...parseLines<LogProbRow>(resultFile(results[1 + 2 * i] as UnitResult, 'log-probs.jsonl'))],
    answers: others[i] as Answer[],
    graded: judged?.others[i] ?? null,
  }));
  return {
    arms,
    start: { answers: start, graded: judged?.start ?? null },
    promptsCut: judged?.promptsCut ?? 0,
    withoutVerdict: judged?.withoutVerdict ?? 0,
    reference: readReference(resultFile(scored.reference, 'log-probs.jsonl'), ids),
    costs,
  };
}

/** `arms/<name>/` (with several seeds `arms/<name>-<seed>/`): the adapter or model, and the order it was trained in. */
function publishArm(runDir: string, config: Config, plan: ArmPlan, result: UnitResult): void {
  const folder = join(runDir, 'arms', config.trainingSeeds > 1 ? `${plan.name}-${plan.seed}` : plan.name);
  mkdirSync(folder, { recursive: true });
  const files = new Map(result.files.map(({ path }) => [basename(path), join(result.dir, path)]));
  // What an earlier configuration left here (a whole model, before an adapter) is not of this arm. The
  // unfinished copies of another winnow on the same folder are its own.
  for (const name of readdirSync(folder))
    if (!files.has(name) && !name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  for (const [name, from] of files) copyWhole(from, join(folder, name));
}

/** Copies a file whole or not at all: another winnow may be reading it, and this one may be killed. */
function copyWhole(from: string, to: string): void {
  const temp = `${to}.${process.pid}.tmp`;
  try {
    copyFileSync(from, temp);
    renameSync(temp, to);
  } catch (error) {
    rmSync(temp, { force: true });
    throw writeError(to, error);
  }
}
