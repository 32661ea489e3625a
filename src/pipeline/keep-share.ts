import { parseLines } from '../base/own-lines.ts';
import { deriveSeed } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import type { Answer } from '../evaluate/answers.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import { planArm } from '../select/arms.ts';
import { AUTO_SHARES, type AutoKeep, autoKeep } from '../select/auto-keep.ts';
import type { KeepOptions } from '../select/keep.ts';
import type { Forced } from '../select/verdicts.ts';
import { execute, type StageContext, type StageCost } from './execute.ts';
import { writeIds, writePrompts } from './inputs.ts';
import { type Judged, judgeAnswers } from './judging.ts';
import { generationInputs, lengthsOf, type Prepared } from './prepare.ts';
import { answersUnit, type Hyper, trialUnit } from './units.ts';

/** What `auto` is taken for where a share must be named before it is chosen: the paper's. */
export const NOMINAL_SHARE = 0.5;

/** The share that reliability is told of. */
export function nominalShare({ selection: { keepFraction } }: Pick<Config, 'selection'>): number {
  return keepFraction === 'auto' ? NOMINAL_SHARE : keepFraction;
}

/** What was scored, as far as it decides a selection. */
interface Scored {
  readonly difficulties: readonly DifficultyRow[];
  readonly hyper: Hyper;
  readonly reference: UnitResult;
}

/** The share to keep: the one configured, or chosen by trainings of every share on the tuning prompts. */
export async function keepShare(
  prepared: Prepared,
  scored: Scored,
  context: StageContext,
  costs: StageCost[],
  forced: Forced,
): Promise<{ readonly options: KeepOptions; readonly auto: AutoKeep | null }> {
  const { config } = prepared;
  const { keepFraction, direction } = config.selection;
  const options = (share: number): KeepOptions => ({ keepFraction: share, direction, seed: config.seed });
  if (keepFraction !== 'auto') return { options: options(keepFraction), auto: null };
  const auto = await tryShares(prepared, scored, context, options, costs, forced);
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
  const input = { difficulties: scored.difficulties, lengths: lengthsOf(pool), strata, forced };
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
  const units = [answersUnit(base, null, prompts, generation), ...trials];
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
