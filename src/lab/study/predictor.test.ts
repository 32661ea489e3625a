import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import {
  errorLeftOut,
  type Group,
  leaveOneWorldOut,
  makePredictor,
  predictorOn,
  recordOf,
} from './predictor.ts';

const random = new Random(5, 'predictor');
/** Twelve worlds with two models each; the gain is 0.1 · a − 0.1 · b and a little noise, c has no part in it. */
const groups: Group[] = Array.from({ length: 24 }, (_, i) => {
  const [a, b, c] = [random.uniform(), random.uniform(), random.uniform()];
  return {
    name: `g${i}`,
    world: `w${i % 12}`,
    properties: [{ pairs: 100, a, b, c }],
    gain: 0.1 * a - 0.1 * b + 0.002 * (random.uniform() - 0.5),
    gainVariance: 0,
  };
});

it('finds what the gain comes from, and predicts worlds left out by it', () => {
  const predictor = makePredictor(groups, ['a', 'b', 'c']);
  expect(predictor.properties).toEqual(['a', 'b']);
  // A ridge of 2 beside 24 standardised rows shrinks slopes by a twelfth.
  expect(predictor.fit.slopes[0]).toBeGreaterThan(0.085);
  expect(predictor.fit.slopes[1]).toBeLessThan(-0.085);
  expect(predictor.error).toBeLessThan(0.007);
  expect(predictor.leastPairs).toBe(50);
  const { error, naive } = errorLeftOut(groups, (others) => predictorOn(['a', 'b'], others));
  expect(error).toBeLessThan(naive / 4);
  expect(errorLeftOut(groups, (others) => predictorOn(['c'], others)).error).toBeGreaterThan(naive / 2);
});

it('does not take for its own what replicates differ by, but never more than half of it', () => {
  const seen = predictorOn(['a', 'b'], groups).error;
  const noisy = (share: number) =>
    predictorOn(
      ['a', 'b'],
      groups.map((group) => ({ ...group, gainVariance: share * seen ** 2 })),
    ).error;
  expect(noisy(0.36) / seen).toBeCloseTo(0.8, 10);
  expect(noisy(2) / seen).toBeCloseTo(0.5, 10);
});

it('never shows a world what was made with it', () => {
  for (const { group, made } of leaveOneWorldOut(groups, (others) => others.map(({ world }) => world))) {
    expect(made).not.toContain(group.world);
    expect(made).toHaveLength(22);
  }
});

describe('its record', () => {
  it('is right where there is something to find', () => {
    const record = recordOf(groups, (others) => makePredictor(others, ['a', 'b', 'c']));
    expect(record).toMatchObject({ dataSets: 24, worlds: 12, wrong: 0 });
    expect(record.help + record.hurt).toBe(record.told);
    expect(record.help).toBeGreaterThan(3);
    expect(record.hurt).toBeGreaterThan(3);
  });

  it('says little where there is nothing', () => {
    const blind = groups.map((group) => ({ ...group, gain: random.uniform() - 0.5 }));
    const record = recordOf(blind, (others) => makePredictor(others, ['a', 'b', 'c']));
    expect(record.told).toBeLessThan(5);
  });
});
