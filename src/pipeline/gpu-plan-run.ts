import { SCORERS } from '../difficulty/scorers.ts';
import type { StageContext } from './execute.ts';
import { decoderSize, pairSequences, scoringRunFlop } from './gpu-cost.ts';
import { assumedSpeed, type GpuPlan, gpuPlan, gpuStages, type Speed, type Workload } from './gpu-plan.ts';
import { isJudged } from './judging.ts';
import { nominalShare } from './keep-share.ts';
import { type KnownUnits, knownUnits } from './known-units.ts';
import { firstRates } from './learning-rate.ts';
import type { Prepared, UsedPair } from './prepare.ts';
import { trlProcesses } from './trl/settings.ts';

/**
 * What a run takes on cards, before anything is queued: from token counts and shapes alone, less what the run folder has
 * done. Finished units say how fast the cards are; until there are any, the configuration's assumption does. No model
 * runs, no queue is asked.
 */
export function planOnGpus(prepared: Prepared, context: StageContext): GpuPlan {
  const { config } = prepared;
  const load = workload(prepared, context);
  const units = knownUnits(prepared, context.runDir);
  const assumed = config.engine === 'trl' ? assumedSpeed(config.trl) : null;
  return gpuPlan(config, load, measuredSpeed(prepared, load, units, assumed), units.done);
}

function workload(prepared: Prepared, context: StageContext): Workload {
  const { config, checkpoint, pool, heldOut, prompts, tuningPrompts } = prepared;
  const lengths = (pairs: readonly UsedPair[]) =>
    pairSequences(
      pairs.map(({ tokens: { prompt, chosen, rejected } }) => ({
        prompt: prompt.length,
        chosen: chosen.length,
        rejected: rejected.length,
      })),
    );
  const asked = (list: typeof prompts) => ({
    count: list.length,
    tokens: list.reduce((sum, { tokens }) => sum + tokens.length, 0),
  });
  return {
    size: decoderSize(checkpoint.config, checkpoint.parameters),
    pool: lengths(pool),
    heldOut: lengths(heldOut),
    prompts: asked(prompts),
    tuningPrompts: asked(tuningPrompts),
    rates: firstRates(config, checkpoint.parameters).length,
    judgedByAnswers: isJudged(prepared, context) && tuningPrompts.length > 0,
    keep: nominalShare(prepared),
    needsRuns: SCORERS[config.difficulty.scorer].needs === 'scoring-runs',
  };
}

/**
 * utilisation = Σ FLOP of finished units / (Σ their seconds · cards of a unit · peak)
 *
 * Of scoring runs where there are any, else of the reference pass. It has starting Python and loading the model in it:
 * with small models that is most of the time, and what is left of a run will be as slow.
 */
function measuredSpeed(
  { config }: Prepared,
  load: Workload,
  { reference, scoring }: KnownUnits,
  assumed: Speed | null,
): Speed | null {
  const { folds, seeds, checkpoints } = config.difficulty;
  const { epochs, method } = config.training;
  const again = config.trl.gradientCheckpointing;
  const setup = { folds, seeds, checkpoints, epochs, method, again, cached: true };
  const units = scoring.length > 0 ? scoring : reference === null ? [] : [reference];
  const seconds = units.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
  if (seconds === 0) return assumed;
  const flop =
    scoring.length > 0
      ? scoring.length * scoringRunFlop(load.size, load.pool, setup)
      : (gpuStages(config, load)[0]?.flop ?? 0);
  const rate = flop / seconds / cardsOfUnit(config);
  // Without a card (an embedded engine on a cluster) hours are of workers, and the rate is all there is.
  if (assumed === null) return { peak: rate, utilisation: 1, bandwidth: null, measured: true };
  return { ...assumed, utilisation: rate / assumed.peak, measured: true };
}

/** Cards of one unit. */
export function cardsOfUnit({ trl, executor, engine }: Prepared['config']): number {
  return engine === 'trl' ? trlProcesses({ trl, executor }) : 1;
}
