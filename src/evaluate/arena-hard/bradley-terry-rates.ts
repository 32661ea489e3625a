import { inputError } from '../../base/errors.ts';
import { bradleyTerry } from '../../stats/bradley-terry.ts';
import type { ArenaGroup } from './groups.ts';
import { bounds, drawCounts, type RateEstimate, rateOf, rateQuantile, tally } from './rates.ts';

export interface ResampleOptions {
  readonly seed: number;
  readonly resamples: number;
  /** Coverage of the interval. */
  readonly level: number;
}

export interface BradleyTerryRate extends RateEstimate {
  /** On Elo's scale, the baseline at 1000; null where it is infinite. */
  readonly rating: number | null;
}

/**
 * R_m = 1000 + 400 (θ_m − θ_baseline) / ln 10,  win rate = 100 / (1 + 10^((R_baseline − R_m) / 400))
 *
 * θ by Bradley and Terry's maximum likelihood over all battles of the group together, as in v0.1; resamples draw
 * battles. Where every battle is against the baseline, a model's win rate is its (wins + ties / 2) / n exactly.
 * *Reference:* lmarena/arena-hard-auto at 0489bf3, utils_math.py (logistic regression without penalty).
 * A model that won everything has 100, one that lost everything 0: the limits.
 *
 * @throws inputError `not-comparable` for a model that no chain of battles compares with the baseline.
 */
export function bradleyTerryRates(
  { baseline, battles }: ArenaGroup,
  { seed, resamples, level }: ResampleOptions,
): ReadonlyMap<string, BradleyTerryRate> {
  const models = [...new Set([baseline, ...battles.flatMap(({ a, b }) => [a, b])])];
  const numberOf = new Map(models.map((model, number) => [model, number]));
  const pairs = new Map<string, { readonly a: number; readonly b: number; readonly kind: number }>();
  const kindOf = Int32Array.from(battles, ({ a, b }) => {
    const key = JSON.stringify([a, b]);
    const known = pairs.get(key);
    const pair = known ?? {
      a: numberOf.get(a) as number,
      b: numberOf.get(b) as number,
      kind: pairs.size,
    };
    if (known === undefined) pairs.set(key, pair);
    return pair.kind;
  });
  const shareOf = Float64Array.from(battles, ({ shareOfA }) => shareOfA);
  const strengthsOf = (counts?: Uint32Array) => {
    const { weights, wins } = tally(pairs.size, kindOf, shareOf, counts);
    const comparisons = [...pairs.values()].map(({ a, b, kind }) => ({
      a,
      b,
      winsOfA: wins[kind]!,
      winsOfB: weights[kind]! - wins[kind]!,
    }));
    return bradleyTerry(models.length, comparisons, 0);
  };

  const strengths = strengthsOf();
  const drawn: number[][] = models.map(() => []);
  for (const counts of drawCounts(battles.length, resamples, seed, 'arena-hard')) {
    strengthsOf(counts).forEach((strength, number) => {
      if (strength !== null) drawn[number]!.push(strength);
    });
  }
  const [low, high] = bounds(level);
  return new Map(
    models.map((model, number) => {
      const strength = strengths[number] as number | null;
      if (strength === null) throw notComparable(model, baseline);
      return [
        model,
        {
          winRate: rateOf(strength),
          low: rateQuantile(drawn[number]!, low),
          high: rateQuantile(drawn[number]!, high),
          rating: Number.isFinite(strength) ? 1000 + (400 * strength) / Math.LN10 : null,
        },
      ];
    }),
  );
}

function notComparable(model: string, baseline: string) {
  return inputError('not-comparable', `no chain of battles compares ${model} with ${baseline}`, {
    need: 'wins, losses or ties that link the two, directly or over others',
    remedy: 'Add battles between them, or leave the model out',
  });
}
