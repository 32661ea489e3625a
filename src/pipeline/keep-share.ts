import { parseLines } from '../base/own-lines.ts';
import { deriveSeed } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import type { Answer } from '../evaluate/answers.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { planArm } from '../select/arms.ts';
import { AUTO_SHARES, type AutoKeep, autoKeep } from '../select/auto-keep.ts';
import type { Budget } from '../select/budget.ts';
import { type Band, type KeepOptions, keep } from '../select/keep.ts';
import { keepForced } from '../select/keep-forced.ts';
import type { Strata } from '../select/strata.ts';
import type { Forced } from '../select/verdicts.ts';
import { execute, type StageContext, type StageCost } from './execute.ts';
import { writeIds, writePrompts } from './inputs.ts';
import type { Judged } from './judged.ts';
import { judgeAnswers } from './judging.ts';
import { generationInputs, lengthsOf, type Prepared, pairTokensOf } from './prepare.ts';
import { answersUnit, type Hyper, trialUnit, withoutServer } from './units.ts';

/** What `auto` is taken for where a share must be named before it is chosen: the paper's. */
export const NOMINAL_SHARE = 0.5;

/** The share that will be kept, as far as it is known before pairs are scored. */
export function nominalShare({ config, pool }: Pick<Prepared, 'config' | 'pool'>): number {
  const { keepFraction, band } = config.selection;
  const budget = budgetOf(config);
  const [low, high] = (band ?? [0, 1]) as unknown as Band;
  if (budget !== undefined) {
    const tokens = [...pairTokensOf(pool).values()].reduce((sum, own) => sum + own, 0);
    const all = budget.each * (budget.unit === 'pairs' ? pool.length : tokens);
    return Math.min(high - low, budget.most / all);
  }
  if (band !== null) return high - low;
  return keepFraction === 'auto' ? NOMINAL_SHARE : keepFraction;
}

/** How pairs are selected; @param share in place of `auto`. */
export function selectionOptions(config: Config, share = NOMINAL_SHARE): KeepOptions {
  const { keepFraction, direction, band } = config.selection;
  const budget = budgetOf(config);
  return {
    keepFraction: keepFraction === 'auto' ? share : keepFraction,
    direction,
    seed: config.seed,
    ...(band === null ? {} : { band: band as unknown as Band }),
    ...(budget === undefined ? {} : { budget }),
  };
}

/** What the selection keeps of ids from easy to hard, for any measurement of difficulty; of `random`, the easiest. */
export function keptOfOrder({ config, pool, strata }: Prepared): (order: readonly string[]) => Set<string> {
  const options = selectionOptions(config);
  // A draw at random does not depend on difficulty, and would agree wholly.
  const direction = options.direction === 'random' ? 'easiest' : options.direction;
  const tokens = pairTokensOf(pool);
  return (order) => {
    const rows = order.map((id, i) => ({ id, row: i, difficulty: i, spread: null, n: 1, rank: i + 1 }));
    return new Set(keep(rows, { ...options, direction }, strata, tokens).map(({ id }) => id));
  };
}

/** The configured budget; a pair's tokens are paid for in each epoch. */
function budgetOf({ selection, training: { epochs } }: Config): Budget | undefined {
  const { pairs, tokens, money } = selection.budget;
  if (pairs !== null) return { unit: 'pairs', most: pairs, each: 1 };
  if (tokens !== null) return { unit: 'tokens', most: tokens, each: epochs };
  // The configuration was checked: where there is money there is a price.
  const price = (selection.pricePerMillionTokens ?? 0) / 1e6;
  return money === null ? undefined : { unit: 'money', most: money, each: epochs * price };
}

/** With the share that a band or a budget comes to. */
export function settledShare(
  difficulties: readonly DifficultyRow[],
  options: KeepOptions,
  strata: Strata | null,
  forced: Forced,
  tokens: ReadonlyMap<string, number>,
): KeepOptions {
  if (options.band === undefined && options.budget === undefined) return options;
  const kept = keepForced(difficulties, options, strata, forced, tokens);
  return { ...options, keepFraction: kept.length / difficulties.length };
}

/** What was scored, as far as it decides a selection; and what trainings need, for `auto` alone. */
interface ScoredShare {
  readonly difficulties: readonly DifficultyRow[];
  readonly hyper?: Hyper;
  readonly reference?: UnitResult;
}

type Scored = Required<ScoredShare>;

/** The share to keep: the one configured, or chosen by trainings of every share on the tuning prompts. */
export async function keepShare(
  prepared: Prepared,
  scored: ScoredShare,
  context: StageContext,
  costs: StageCost[],
  forced: Forced,
): Promise<{ readonly options: KeepOptions; readonly auto: AutoKeep | null }> {
  const { config, pool, strata } = prepared;
  const { difficulties } = scored;
  const options = (share: number) => selectionOptions(config, share);
  if (config.selection.keepFraction !== 'auto') {
    const given = options(NOMINAL_SHARE);
    return { options: settledShare(difficulties, given, strata, forced, pairTokensOf(pool)), auto: null };
  }
  const { hyper, reference } = scored;
  if (hyper === undefined || reference === undefined) throw new Error('a share is chosen by trainings');
  const ready = { difficulties, hyper, reference };
  const auto = await tryShares(prepared, ready, context, options, costs, forced);
  return { options: options(auto.keepFraction), auto };
}

async function tryShares(
  prepared: Prepared,
  scored: Scored,
  context: StageContext,
  options: (share: number) => KeepOptions,
  costs: StageCost[],
  forced: Forced,
): Promise<AutoKeep> {
  const { base, config, heldOut, pool, strata, tuningPrompts } = prepared;
  const prompts = writePrompts(context.runDir, tuningPrompts);
  const held = writeIds(
    context.runDir,
    heldOut.map(({ tokens }) => tokens.id),
  );
  const generation = generationInputs(prepared);
  const input = {
    difficulties: scored.difficulties,
    lengths: lengthsOf(pool),
    strata,
    tokens: pairTokensOf(pool),
    forced,
  };
  const shares = [...AUTO_SHARES, 1];
  // As the arms will be trained: the selected pairs in their order, all pairs shuffled.
  const trials = shares.flatMap((share) =>
    Array.from({ length: config.trainingSeeds }, (_, i) => {
      const name = share === 1 ? 'full' : 'selected';
      const plan = planArm(name, input, options(share), config.seed + i);
      return trialUnit(base, scored.reference, {
        hyper: scored.hyper,
        seed: plan.seed,
        order: writeIds(context.runDir, plan.ids),
        shuffleSeed: plan.shuffleSeed,
        heldOut: held,
        prompts,
        generation,
      });
    }),
  );
  // The engine answers in the trials: what they are held against must be its own too.
  const units = [answersUnit(withoutServer(base), null, prompts, generation), ...trials];
  const stage = 'Choosing the keep fraction';
  const results = await execute(prepared, context, stage, units, costs);
  const [start = [], ...others] = results.map((result: UnitResult) => [
    ...parseLines<Answer>(resultFile(result, 'answers.jsonl')),
  ]);
  const answered = { prompts: tuningPrompts, start, others };
  // `prepare` has asked for a judge.
  const judged = (await judgeAnswers(prepared, context, stage, answered, costs)) as Judged;
  const wins = judged.others.map((graded) => graded.map(({ win }) => win));
  const tried = shares.map((keepFraction, s) => ({
    keepFraction,
    wins: wins.slice(s * config.trainingSeeds, (s + 1) * config.trainingSeeds),
  }));
  const all = tried.at(-1) as (typeof tried)[number];
  return autoKeep(tried.slice(0, -1), all, deriveSeed(config.seed, 'keep fraction'));
}
