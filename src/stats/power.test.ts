import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { normalQuantile } from './normal.ts';
import { casesForMean, casesForTwoProportions, powerOfMean, winShareVariance } from './power.ts';

describe('power', () => {
  it('agrees with statsmodels', () => {
    // statsmodels 0.15.0: NormalIndPower(ddof=0).solve_power(0.09 / √0.2169, alpha=0.05, power=0.8, ratio=0), which
    // counts finding the wrong sign too.
    expect(casesForMean(0.09, Math.sqrt(0.2169))).toBeCloseTo(210.1750425252937, 2);
    // Textbook case: 0.5 against 0.6 needs 388 in each group. By numpy and scipy's quantiles; with
    // power_proportions_2indep(0.1, 0.5, 388) = 0.80067.
    expect(casesForTwoProportions(0.5, 0.6)).toBeCloseTo(387.33851669903584, 8);
    expect(casesForTwoProportions(0.2, 0.3, { power: 0.9 })).toBeCloseTo(391.947065671596, 8);
  });

  it('power and number of cases undo each other', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        fc.double({ min: 0.5, max: 0.99, noNaN: true }),
        fc.double({ min: 0.001, max: 0.2, noNaN: true }),
        (effect, sd, power, level) => {
          const n = casesForMean(effect, sd, { power, level });
          // The formula leaves out finding the wrong sign.
          expect(powerOfMean(effect, sd, n, level)).toBeGreaterThanOrEqual(power - 1e-9);
          expect(powerOfMean(effect, sd, n, level)).toBeLessThan(power + level / 10);
          expect(casesForMean(-effect, sd, { power, level })).toBe(n);
          expect(casesForMean(effect / 2, sd, { power, level })).toBeCloseTo(4 * n, 6);
        },
      ),
      { seed: 8 },
    );
  });

  it('at the edges', () => {
    expect(casesForMean(0.1, 0)).toBe(0);
    expect([powerOfMean(0, 1, 100), powerOfMean(0.1, 1, 0), powerOfMean(0.1, 0, 1)]).toEqual([0.05, 0.05, 1]);
    expect(powerOfMean(1e-9, 1, 1)).toBeCloseTo(0.05, 9);
    expect(() => casesForMean(0, 1)).toThrow(/not 0/);
    expect(() => casesForMean(0.1, 1, { power: 1 })).toThrow(/power/);
    expect(() => casesForTwoProportions(0.5, 0.5)).toThrow(/different shares/);
  });
});

describe('variance of a win share', () => {
  it('has closed forms: p (1 − p) without ties, 0 with nothing else, a mean of independent or equal verdicts', () => {
    expect(winShareVariance(0.6, 0)).toBeCloseTo(0.24, 12);
    expect(winShareVariance(0.5, 1)).toBe(0);
    expect(winShareVariance(0.5, 0.2, 4, 0)).toBeCloseTo(0.2 / 4, 12);
    expect(winShareVariance(0.5, 0.2, 4, 1)).toBeCloseTo(0.2, 12);
    expect(winShareVariance(0.5, 0.2, 2, -1)).toBeCloseTo(0, 12);
  });

  it('mirrors with the sides; ties and a win rate away from ½ make it smaller', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.49, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (away, share) => {
          const ties = share * (1 - 2 * away);
          const variance = winShareVariance(0.5 + away, ties);
          expect(variance).toBeCloseTo(winShareVariance(0.5 - away, ties), 12);
          expect(variance).toBeLessThanOrEqual(winShareVariance(0.5, 0));
          expect(variance).toBeGreaterThanOrEqual(-1e-12);
          if (ties > 0.01) expect(variance).toBeLessThan(winShareVariance(0.5 + away, 0));
        },
      ),
      { seed: 9 },
    );
  });

  it('refuses verdicts that cannot be', () => {
    expect(() => winShareVariance(0.9, 0.3)).toThrow(/ties between/);
    expect(() => winShareVariance(0.5, 0, 3, -0.6)).toThrow(/correlation/);
    expect(() => winShareVariance(0.5, 0, 0)).toThrow(/at least 1 verdict/);
  });
});

/** A verdict of 0, ½ or 1 by inverting its distribution at u. */
const verdict = (u: number, winRate: number, ties: number) => {
  const wins = winRate - ties / 2;
  return u < wins ? 1 : u < wins + ties ? 0.5 : 0;
};

/** How often the interval mean ± z · s / √n of simulated differences leaves out 0. */
function simulatedPower(draw: (random: Random) => number, n: number, level: number, trials: number): number {
  const z = normalQuantile(1 - level / 2);
  let found = 0;
  for (let trial = 0; trial < trials; trial++) {
    const random = new Random(trial, 'power');
    let [sum, squares] = [0, 0];
    for (let i = 0; i < n; i++) {
      const value = draw(random);
      sum += value;
      squares += value * value;
    }
    const mean = sum / n;
    const error = Math.sqrt((squares / n - mean * mean) / (n - 1));
    if (Math.abs(mean) > z * error) found++;
  }
  return found / trials;
}

describe('simulated power is the promised one', () => {
  const trials = 4000;
  /** Three Monte Carlo standard errors, and 1 % for what the normal distribution leaves out. */
  const within = (power: number) => 3 * Math.sqrt((power * (1 - power)) / trials) + 0.01;

  it.each([
    [0.09, 0.1, 1, 0, 0.8, 0.05],
    [0.09, 0.1, 2, 0.5, 0.8, 0.05],
    [0.05, 0.3, 4, 0.3, 0.9, 0.05],
    [0.09, 0, 2, 0.5, 0.8, 0.05 / 6],
  ])(
    'one model against a half: effect %d, ties %d, %d verdicts that correlate by %d, power %d, level %d',
    (effect, ties, verdicts, correlation, power, level) => {
      const winRate = 0.5 + effect;
      const n = Math.ceil(
        casesForMean(effect, Math.sqrt(winShareVariance(winRate, ties, verdicts, correlation)), {
          power,
          level,
        }),
      );
      // With chance √ρ a verdict is the prompt's own; two are with chance ρ.
      const share = Math.sqrt(correlation);
      const simulated = simulatedPower(
        (random) => {
          const own = verdict(random.uniform(), winRate, ties);
          let sum = 0;
          for (let i = 0; i < verdicts; i++)
            sum += random.uniform() < share ? own : verdict(random.uniform(), winRate, ties);
          return sum / verdicts - 0.5;
        },
        n,
        level,
        trials,
      );
      expect(Math.abs(simulated - power)).toBeLessThan(within(power));
    },
  );

  it('two arms on the same prompts', () => {
    const [effect, ties, power, same] = [0.09, 0.1, 0.8, 0.4];
    // The arms' verdicts are one draw's with chance `same`, else independent: what that correlates by is exact.
    const rates = [0.5 + effect / 2, 0.5 - effect / 2] as const;
    const [va, vb] = rates.map((rate) => winShareVariance(rate, ties)) as [number, number];
    const grid = Array.from({ length: 20_000 }, (_, i) => (i + 0.5) / 20_000);
    const together =
      grid.reduce((sum, u) => sum + verdict(u, rates[0], ties) * verdict(u, rates[1], ties), 0) / 20_000;
    const correlation = (same * (together - rates[0] * rates[1])) / Math.sqrt(va * vb);
    const sd = Math.sqrt(va + vb - 2 * correlation * Math.sqrt(va * vb));
    const n = Math.ceil(casesForMean(effect, sd, { power }));
    const simulated = simulatedPower(
      (random) => {
        const u = random.uniform();
        const v = random.uniform() < same ? u : random.uniform();
        return verdict(u, rates[0], ties) - verdict(v, rates[1], ties);
      },
      n,
      0.05,
      trials,
    );
    expect(Math.abs(simulated - power)).toBeLessThan(within(power));
    // Unpaired, the same power takes more of each.
    expect(n).toBeLessThan(casesForMean(effect, Math.sqrt(va + vb), { power }));
  });

  it('where there is no effect, the level', () => {
    const simulated = simulatedPower(
      (random) => verdict(random.uniform(), 0.5, 0.2) - 0.5,
      200,
      0.05,
      trials,
    );
    expect(Math.abs(simulated - 0.05)).toBeLessThan(within(0.05));
  });
});
