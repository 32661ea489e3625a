import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { spearman } from '../src/stats/correlation.ts';
import { integersAreExact } from '../src/tensor/integer-products.ts';
import { argumentsOf, readRows, readScores, tinyWorld, unitsOf, winnow, winnowOk } from './tiny-world.ts';

/** Scoring with products of integers: the ranks are what they are in float32, and training is float32's. */
const world = tinyWorld('precision');
const precisions = ['f32', 'int16', 'int8'] as const;
const outOf = (precision: string) => join(world.dir, precision);

const exactHere = await integersAreExact();

describe.skipIf(!exactHere)('difficulty.precision (integers need VNNI or AMX)', () => {
  beforeAll(async () => {
    for (const precision of precisions)
      await winnowOk(
        argumentsOf('score', world, { out: outOf(precision), seeds: 1, more: ['--precision', precision] }),
      );
  });

  it.each([
    ['int16', 0.9999, 1e-3],
    ['int8', 0.99, 0.5],
  ] as const)(
    '%s: ranks agree with float32 (ρ ≥ %f), log-probabilities within %f nats',
    (precision, least, nats) => {
      const [exact, rounded] = ['f32', precision].map((name) => readScores(outOf(name)));
      expect(rounded?.map(({ id }) => id)).toEqual(exact?.map(({ id }) => id));
      const losses = (rows: typeof exact) => (rows ?? []).map(({ loss }) => loss);
      expect(spearman(losses(exact), losses(rounded))).toBeGreaterThanOrEqual(least);
      expect(losses(rounded)).not.toEqual(losses(exact));
      exact?.forEach((row, i) => {
        for (const key of [
          'chosenLogProb',
          'refChosenLogProb',
          'rejectedLogProb',
          'refRejectedLogProb',
        ] as const)
          expect(Math.abs(row[key] - (rounded?.[i]?.[key] as number))).toBeLessThan(nats);
      });
    },
  );

  it('holds the scores against a reference pass of the same rounding; training keeps that of float32', () => {
    const references = unitsOf(outOf('int8'), 'reference');
    expect(references).toHaveLength(2);
    expect(unitsOf(outOf('f32'), 'reference')).toHaveLength(1);
    const steps = (name: string) =>
      unitsOf(outOf(name), 'scoring')
        .flatMap((unit) =>
          readRows<{ loss: number }>(
            unit,
            'attempts',
            readdirSync(join(unit, 'attempts'))[0] as string,
            'steps.jsonl',
          ),
        )
        .map(({ loss }) => loss)
        .sort();
    expect(steps('int8')).toEqual(steps('f32'));
  });
});

describe('difficulty.precision', () => {
  it.skipIf(exactHere)('is refused on a processor that overflows', async () => {
    const more = ['--precision', 'int8'];
    const { code, stderr } = await winnow(argumentsOf('score', world, { out: outOf('refused'), more }));
    expect(code).toBe(1);
    expect(stderr).toContain('this processor adds products of 8-bit integers in 16 bits');
    expect(stderr).toContain('--precision f32');
  });

  it.each([
    ['--method', 'full', 'training.method'],
    ['--device', 'webgpu', 'device'],
  ])('is refused with %s %s', async (flag, value, remedy) => {
    const more = ['--precision', 'int8', flag, value];
    const { code, stderr } = await winnow(
      argumentsOf('check', world, { out: join(world.dir, `no-${value}`), more }),
    );
    expect(code).toBe(2);
    expect(stderr).toContain('difficulty.precision');
    expect(stderr).toContain(remedy);
  });
});
