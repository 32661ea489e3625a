import type { Interval } from '../../stats/interval.ts';
import type { TrainingEffect, TrainingEffects } from './training-effects.ts';

/** What may have limits, of the arm `selected`. Shares are 0 … 1; each is the worse the larger it is. */
export const GATES = [
  'lengthGrowth',
  'repetition',
  'unterminated',
  'refusals',
  'languageSwitch',
  'chosenLogProbDrop',
  'calibrationError',
  'winRateLoss',
  'correctnessLoss',
] as const;

export type GateName = (typeof GATES)[number];

export interface GateLimits {
  readonly warn: number | null;
  readonly fail: number | null;
}

export type GateSettings = Readonly<Record<GateName, GateLimits>> & {
  /** interval: a gate fails where the whole interval lies beyond its limit; point: where the value does. */
  readonly by: 'interval' | 'point';
};

export interface GateResult {
  readonly gate: GateName;
  readonly value: Interval;
  readonly limits: GateLimits;
  readonly outcome: 'passed' | 'warned' | 'failed';
}

/** A paired difference of the run, selected minus another arm. */
export interface GateComparison {
  readonly metric: string;
  readonly a: string;
  readonly b: string;
  readonly difference: Interval;
}

/**
 * failed: `low > fail` (by: point, `value > fail`);  warned: `value > warn`, or `value > fail` without the evidence to fail
 *
 * A warning costs a look, so the value is enough for it; a failed gate stops a release, so it takes a whole 95 % interval
 * beyond the limit: with few prompts nothing fails by chance, and a change that few prompts cannot show warns. What was
 * not measured has no result: it neither passes nor fails.
 */
export function gateResults(
  effects: Pick<TrainingEffects, 'effects' | 'calibration'>,
  comparisons: readonly GateComparison[],
  settings: GateSettings,
): GateResult[] {
  return GATES.flatMap((gate) => {
    const limits = settings[gate];
    const value = measureOf(gate, effects, comparisons);
    if (value === null || (limits.warn === null && limits.fail === null)) return [];
    const beyond = (limit: number | null, found: number) => limit !== null && found > limit;
    const isFailed = beyond(limits.fail, settings.by === 'point' ? value.value : value.low);
    const isWarned = beyond(limits.warn, value.value) || beyond(limits.fail, value.value);
    return [{ gate, value, limits, outcome: isFailed ? 'failed' : isWarned ? 'warned' : 'passed' } as const];
  });
}

function measureOf(
  gate: GateName,
  { effects, calibration }: Pick<TrainingEffects, 'effects' | 'calibration'>,
  comparisons: readonly GateComparison[],
): Interval | null {
  const effect = (measure: TrainingEffect['measure']) =>
    effects.find((one) => one.measure === measure && one.a === 'selected' && one.b === 'start');
  const compared = (metric: string) =>
    comparisons.find((one) => one.metric === metric && one.a === 'selected' && one.b === 'full');
  switch (gate) {
    case 'lengthGrowth':
      return effect('length')?.relative ?? null;
    case 'repetition':
    case 'unterminated':
    case 'languageSwitch':
      return effect(gate)?.difference ?? null;
    case 'refusals':
      return effect('refusal')?.difference ?? null;
    case 'chosenLogProbDrop':
      return reversed(effect('chosenChange')?.difference);
    case 'calibrationError':
      return calibration.find(({ arm }) => arm === 'selected')?.ece ?? null;
    case 'winRateLoss':
      return reversed(compared('winRate')?.difference);
    case 'correctnessLoss':
      return reversed(compared('correctness')?.difference);
  }
}

function reversed(interval: Interval | undefined): Interval | null {
  return interval === undefined
    ? null
    : { value: 0 - interval.value, low: 0 - interval.high, high: 0 - interval.low };
}
