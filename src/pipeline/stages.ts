import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson, writeJsonLines } from '../base/files.ts';
import { hashOf, type Json, sha256 } from '../base/hash.ts';
import { aggregate } from '../difficulty/aggregate.ts';
import { type CrossFitItem, crossFitPlan } from '../difficulty/cross-fit.ts';
import { type Reliability, reliability } from '../difficulty/reliability.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import type { Answer } from '../evaluate/answers.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { type PoolEvent, runUnits } from '../run/pool.ts';
import { type UnitSpec, unitId } from '../run/unit.ts';
import { type ArmName, type ArmPlan, planArm } from '../select/arms.ts';
import { keep } from '../select/keep.ts';
import { ledger } from '../select/ledger.ts';
import { parseLines, writeIds, writePrompts } from './inputs.ts';
import type { Prepared } from './prepare.ts';
import { batchSize, bestRate, lanes, learningRates, widenGrid } from './resources.ts';
import type { LogProbRow } from './runners.ts';
import { answersUnit, type Hyper, heldOutUnit, referenceUnit, scoringUnit, trainingUnit } from './units.ts';
import { VERSION } from './version.ts';

/** How stages run: where, with which workers, and whom they tell. */
export interface StageContext {
  readonly runDir: string;
  /** Starts a worker process. */
  readonly command: readonly string[];
  readonly signal?: AbortSignal;
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

export interface Scored {
  readonly hyper: Hyper;
  readonly reference: UnitResult;
  readonly learningRates:
    | readonly { readonly learningRate: number; readonly loss: number; readonly chosen: boolean }[]
    | null;
  readonly scores: readonly ScoreRow[];
  readonly difficulties: readonly DifficultyRow[];
  readonly reliability: Reliability;
  readonly costs: readonly StageCost[];
}

export interface Selected {
  /** In training order. */
  readonly kept: readonly DifficultyRow[];
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
  }[];
  readonly start: { readonly answers: readonly Answer[] };
  readonly reference: ReadonlyMap<string, LogProbRow>;
  readonly costs: readonly StageCost[];
}

/** Reference log-probabilities, learning rate, cross-fit; writes `scores.jsonl`, `difficulty.jsonl`, `reliability.json`. */
export async function score(prepared: Prepared, context: StageContext): Promise<Scored> {
  const { config, base, pool, checkpoint } = prepared;
  const costs: StageCost[] = [];
  const [reference] = (await execute(
    prepared,
    context,
    'Reference log-probabilities',
    [referenceUnit(base)],
    costs,
  )) as [UnitResult];
  const items: CrossFitItem[] = pool.map(({ pair, duplicateKey }) => ({ id: pair.id, duplicateKey }));
  const { folds, seeds, checkpoints } = config.difficulty;
  const plan = crossFitPlan(items, { folds, seeds, firstSeed: config.seed });
  const ids = (places: readonly number[]) =>
    writeIds(
      context.runDir,
      places.map((place) => (items[place] as CrossFitItem).id),
    );
  const inputs = plan.map((run) => ({ run, trainOn: ids(run.trainOn), score: ids(run.score) }));
  const unitFor = ({ run, trainOn, score: held }: (typeof inputs)[number], hyper: Hyper) =>
    scoringUnit(base, reference, {
      hyper,
      seed: run.seed,
      part: run.part,
      checkpoints,
      trainOn,
      score: held,
    });

  const fixed = { ...config.training, batchSize: batchSize(config, pool.length) };
  const first = inputs[0] as (typeof inputs)[number];
  const tried: { learningRate: number; loss: number }[] = [];
  let untried = [...learningRates(config, checkpoint.parameters)];
  const choosing = untried.length > 1;
  while (choosing && untried.length > 0) {
    const specs = untried.map((learningRate) => unitFor(first, { ...fixed, learningRate }));
    const results = await execute(prepared, context, 'Choosing the learning rate', specs, costs);
    untried.forEach((learningRate, i) => {
      tried.push({
        learningRate,
        loss: finalLoss(parseLines(resultFile(results[i] as UnitResult, 'scores.jsonl'))),
      });
    });
    const next = widenGrid(config, tried);
    untried = next === null ? [] : [next];
  }
  const learningRate = choosing ? bestRate(tried) : (untried[0] as number);
  const hyper: Hyper = { ...fixed, learningRate };

  const results = await execute(
    prepared,
    context,
    'Scoring runs',
    inputs.map((input) => unitFor(input, hyper)),
    costs,
  );
  const scores = results
    .flatMap((result) => parseLines<ScoreRow>(resultFile(result, 'scores.jsonl')))
    .sort((a, b) => a.row - b.row || a.seed - b.seed || a.checkpoint - b.checkpoint);
  const difficulties = aggregate(scores);
  const agreement = reliability(scores, { beta: hyper.beta, keepFraction: config.selection.keepFraction });
  writeJsonLines(join(context.runDir, 'scores.jsonl'), scores);
  writeJsonLines(join(context.runDir, 'difficulty.jsonl'), difficulties);
  const { agreement: _, ...summary } = agreement;
  writeJson(join(context.runDir, 'reliability.json'), summary);
  const rates = tried.map((item) => ({ ...item, chosen: item.learningRate === learningRate }));
  rates.sort((a, b) => a.learningRate - b.learningRate);
  return {
    hyper,
    reference,
    learningRates: choosing ? rates : null,
    scores,
    difficulties,
    reliability: agreement,
    costs,
  };
}

/** Selection with its ledger and receipt: `selection/selected.jsonl`, `ledger.jsonl`, `receipt.json`. */
export function select(prepared: Prepared, scored: Scored, context: StageContext): Selected {
  const { config, pool, heldOut, refused, base, source } = prepared;
  const options = { ...config.selection, seed: config.seed };
  const kept = keep(scored.difficulties, options);
  const folder = join(context.runDir, 'selection');
  mkdirSync(folder, { recursive: true });
  const pairs = new Map(pool.map(({ pair }) => [pair.id, pair]));
  writeJsonLines(
    join(folder, 'selected.jsonl'),
    kept.map(({ id, difficulty, rank }) => {
      const { prompt, chosen, rejected, meta, row } = pairs.get(id) as (typeof pool)[number]['pair'];
      return { id, row, difficulty, rank, prompt, chosen, rejected, meta };
    }),
  );
  const held = heldOut.map(({ pair }) => ({ id: pair.id, row: pair.row }));
  writeJsonLines(
    join(folder, 'ledger.jsonl'),
    ledger({ difficulties: scored.difficulties, kept, heldOut: held, refused, options }),
  );
  writeJson(join(folder, 'receipt.json'), {
    version: VERSION,
    data: { file: source.file, sha256: source.sha256, format: source.format, rowsRead: prepared.read },
    model: { dir: base.modelDir, hash: base.modelHash },
    tokens: base.tokens.hash,
    training: scored.hyper,
    difficulty: { ...config.difficulty, scores: hashOf(scored.scores as unknown as Json) },
    selection: options,
    evaluation: { heldOut: config.evaluation.heldOut, seed: config.seed },
    kept: kept.length,
    dropped: scored.difficulties.length - kept.length,
    threshold: Math.max(...kept.map(({ difficulty }) => difficulty)),
    /** SHA-256 of the kept ids in training order, one a line. */
    keptIds: sha256(kept.map(({ id }) => `${id}\n`).join('')),
  });
  return { kept };
}

/** Trains every arm with every seed; copies what was trained to `arms/<name>/`. */
export async function train(prepared: Prepared, scored: Scored, context: StageContext): Promise<Trained> {
  const { config, base } = prepared;
  const costs: StageCost[] = [];
  const selection = { ...config.selection, seed: config.seed };
  const plans = config.arms.flatMap((name: ArmName) =>
    Array.from({ length: config.trainingSeeds }, (_, i) =>
      planArm(name, scored.difficulties, selection, config.seed + i),
    ),
  );
  const specs = plans.map((plan) =>
    trainingUnit(base, scored.reference, {
      hyper: scored.hyper,
      seed: plan.seed,
      order: writeIds(context.runDir, plan.ids),
      shuffleSeed: plan.shuffleSeed,
    }),
  );
  const results = await execute(prepared, context, 'Training the arms', specs, costs);
  const arms = plans.map((plan, i): TrainedArm => {
    const result = results[i] as UnitResult;
    publishArm(context.runDir, config, plan, result);
    return { plan, result, steps: parseLines(resultFile(result, 'steps.jsonl')).length };
  });
  return { arms, costs };
}

/** Held-out log-probabilities and answers of every arm, and the start model's answers. */
export async function evaluate(
  prepared: Prepared,
  scored: Scored,
  trained: Trained,
  context: StageContext,
): Promise<Evaluated> {
  const { config, base, heldOut, prompts, tokenizer, checkpoint } = prepared;
  const { maxNewTokens, temperature, topP } = config.evaluation;
  const costs: StageCost[] = [];
  const rows = writeIds(
    context.runDir,
    heldOut.map(({ pair }) => pair.id),
  );
  const promptFile = writePrompts(context.runDir, prompts);
  const stopIds = [...new Set([...checkpoint.config.eosTokenIds, tokenizer.eosId])];
  const generation = {
    maxNewTokens,
    temperature,
    topP,
    seed: config.seed,
    stopIds,
    tokenizerHash: tokenizer.hash,
  };
  const startAnswers = answersUnit(base, null, promptFile, generation);
  const specs = trained.arms.flatMap(({ result }) => [
    heldOutUnit(base, result, rows),
    answersUnit(base, result, promptFile, generation),
  ]);
  const results = await execute(prepared, context, 'Evaluation', [startAnswers, ...specs], costs);
  const answers = (result: UnitResult | undefined) =>
    parseLines<Answer>(resultFile(result as UnitResult, 'answers.jsonl'));
  const reference = parseLines<LogProbRow>(resultFile(scored.reference, 'log-probs.jsonl'));
  const arms = trained.arms.map((arm, i) => ({
    arm,
    heldOut: parseLines<LogProbRow>(resultFile(results[1 + 2 * i] as UnitResult, 'log-probs.jsonl')),
    answers: answers(results[2 + 2 * i]),
  }));
  return {
    arms,
    start: { answers: answers(results[0]) },
    reference: new Map(reference.map((row) => [row.id, row])),
    costs,
  };
}

async function execute(
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

/** Mean validation loss at the last checkpoint. */
function finalLoss(scores: readonly ScoreRow[]): number {
  const last = Math.max(...scores.map(({ checkpoint }) => checkpoint));
  const losses = scores.filter(({ checkpoint }) => checkpoint === last).map(({ loss }) => loss);
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

/** `arms/<name>/` (with several seeds `arms/<name>-<seed>/`): the adapter or model, and the order it was trained in. */
function publishArm(runDir: string, config: Config, plan: ArmPlan, result: UnitResult): void {
  const folder = join(runDir, 'arms', config.trainingSeeds > 1 ? `${plan.name}-${plan.seed}` : plan.name);
  mkdirSync(folder, { recursive: true });
  for (const { path } of result.files)
    copyFileSync(join(result.dir, path), join(folder, path.split('/').at(-1) as string));
}
