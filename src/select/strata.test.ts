import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { keep, keptCount } from './keep.ts';
import { firstWithin } from './quota.ts';
import {
  LEAST_LENGTH_BIN,
  lengthStrata,
  MOST_LENGTH_BINS,
  metaStrata,
  type PairLengths,
  strataCounts,
  strataWithin,
} from './strata.ts';

const DIRECTIONS = ['easiest', 'hardest', 'random'] as const;
const idOf = (row: number) => `pair-${row}`;
const ranked = (count: number, seed: number): DifficultyRow[] =>
  new Random(seed, 'ranks')
    .shuffle(Array.from({ length: count }, (_, i) => i + 1))
    .map((rank, row) => ({ id: idOf(row), row, difficulty: rank / 10, spread: null, n: 1, rank }));
const stratified = (names: readonly (number | string)[]) =>
  new Map(names.map((name, row) => [idOf(row), `s${name}`]));
const anyFraction = fc.double({ min: 0.001, max: 1, noNaN: true });
const anyStrata = fc
  .tuple(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 12 }))
  .chain(([count, most]) =>
    fc.array(fc.integer({ min: 1, max: most }), { minLength: count, maxLength: count }),
  );

function fault(work: () => unknown): WinnowError {
  try {
    work();
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error('no fault');
}

describe('keep within strata', () => {
  it('keeps exactly as many as without; each stratum its quota, rounded down or up', () => {
    fc.assert(
      fc.property(
        anyStrata,
        anyFraction,
        fc.constantFrom(...DIRECTIONS),
        fc.nat(),
        (names, keepFraction, direction, seed) => {
          const pairs = ranked(names.length, seed);
          const strata = stratified(names);
          const kept = keep(pairs, { keepFraction, direction, seed }, strata);
          const count = keptCount(pairs.length, keepFraction);
          expect(kept).toHaveLength(count);
          expect(new Set(kept).size).toBe(count);
          const ids = kept.map(({ id }) => id);
          for (const stratum of strataCounts(strata, ids)) {
            const quota = (count * stratum.pairs) / pairs.length;
            expect(stratum.kept).toBeGreaterThanOrEqual(Math.floor(quota + 1e-9));
            expect(stratum.kept).toBeLessThanOrEqual(Math.ceil(quota - 1e-9));
          }
          expect(keep(pairs, { keepFraction, direction, seed }, strata)).toEqual(kept);
        },
      ),
      { seed: 21 },
    );
  });

  it('keeps of each stratum its easiest (hardest), and trains on all from easy to hard', () => {
    fc.assert(
      fc.property(
        anyStrata,
        anyFraction,
        fc.constantFrom('easiest', 'hardest'),
        fc.nat(),
        (names, keepFraction, direction, seed) => {
          const pairs = ranked(names.length, seed);
          const strata = stratified(names);
          const kept = keep(pairs, { keepFraction, direction, seed }, strata);
          const ranks = kept.map(({ rank }) => rank);
          expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
          const isKept = new Set(kept);
          const sign = direction === 'easiest' ? 1 : -1;
          for (const pair of kept)
            for (const other of pairs)
              if (!isKept.has(other) && strata.get(other.id) === strata.get(pair.id))
                expect(sign * pair.rank).toBeLessThan(sign * other.rank);
        },
      ),
      { seed: 22, numRuns: 60 },
    );
  });

  it('of one stratum, of none, and of strata of one pair is what is kept without', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        anyFraction,
        fc.constantFrom(...DIRECTIONS),
        fc.nat(),
        (count, keepFraction, direction, seed) => {
          const pairs = ranked(count, seed);
          const options = { keepFraction, direction, seed };
          const plain = keep(pairs, options);
          // As it was before there were strata.
          const ascending = [...pairs].sort((a, b) => a.rank - b.rank);
          const kept = keptCount(count, keepFraction);
          expect(plain).toEqual(
            direction === 'random'
              ? new Random(seed, 'keep').shuffle(pairs).slice(0, kept)
              : direction === 'easiest'
                ? ascending.slice(0, kept)
                : ascending.slice(count - kept),
          );
          expect(keep(pairs, options, null)).toEqual(plain);
          expect(keep(pairs, options, stratified(pairs.map(() => 'all')))).toEqual(plain);
          expect(keep(pairs, options, stratified(pairs.map(({ row }) => row)))).toEqual(plain);
        },
      ),
      { seed: 23 },
    );
  });

  it('does not empty a category that is hard as a whole', () => {
    const pairs = ranked(100, 4);
    const strata = new Map(pairs.map(({ id, rank }) => [id, rank > 60 ? 'hard' : 'easy']));
    const options = { keepFraction: 0.5, direction: 'easiest', seed: 0 } as const;
    const hardIn = (kept: readonly DifficultyRow[]) => kept.filter(({ rank }) => rank > 60).length;
    expect(hardIn(keep(pairs, options))).toBe(0);
    expect(hardIn(keep(pairs, options, strata))).toBe(20);
  });

  it('breaks equal remainders by the order of preference', () => {
    // Two of a, two of b, one to keep: quotas of a half each.
    const strata = new Map([
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['b2', 'b'],
    ]);
    expect([...firstWithin(['b2', 'a1', 'a2', 'b1'], 1, strata)]).toEqual(['b2']);
    expect([...firstWithin(['a2', 'b2', 'b1', 'a1'], 1, strata)]).toEqual(['a2']);
    // Thirds of 5, 3 and 1: quotas 1.67, 1 and 0.33.
    const order = ['p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x'];
    const thirds = new Map(order.map((id, i) => [id, i < 5 ? '5' : i < 8 ? '3' : '1']));
    expect([...firstWithin(order, 3, thirds)].sort()).toEqual(['p', 'q', 'u']);
    expect(firstWithin(order, 0, thirds).size).toBe(0);
    expect(firstWithin(order, 9, thirds).size).toBe(9);
  });

  it('says which pair has no stratum', () => {
    const error = fault(() =>
      keep(ranked(3, 0), { keepFraction: 0.5, direction: 'easiest', seed: 0 }, new Map([[idOf(0), 'a']])),
    );
    expect(error).toMatchObject({ kind: 'input', code: 'no-stratum' });
    expect(error.fields.got).toMatch(/^pair-[12]$/);
  });
});

describe('strata of lengths', () => {
  const lengthsOf = (differences: readonly number[]) =>
    new Map(
      differences.map((d, row): [string, PairLengths] => [idOf(row), { chosen: 50 + d, rejected: 50 }]),
    );
  const difference = ({ chosen, rejected }: PairLengths) => chosen - rejected;

  it('never part equal differences, are intervals, and have the least size', () => {
    const anyDifferences = fc.oneof(
      fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 250 }),
      fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 1, maxLength: 120 }),
    );
    fc.assert(
      fc.property(anyDifferences, (differences) => {
        const lengths = lengthsOf(differences);
        const bins = lengthStrata(lengths);
        expect([...bins.keys()].sort()).toEqual([...lengths.keys()].sort());
        const ascending = differences.map((d, row) => ({ d, bin: bins.get(idOf(row)) as string }));
        ascending.sort((a, b) => a.d - b.d);
        // Once a bin is left in ascending order it does not come again, so equal differences share it.
        const runs = ascending.filter(({ bin }, i) => i === 0 || bin !== ascending[i - 1]?.bin);
        expect(new Set(runs.map(({ bin }) => bin)).size).toBe(runs.length);
        expect(runs.length).toBeLessThanOrEqual(MOST_LENGTH_BINS);
        for (const [i, { d }] of ascending.entries())
          if (d === ascending[i - 1]?.d) expect(ascending[i]?.bin).toBe(ascending[i - 1]?.bin);
        for (const { pairs } of strataCounts(bins, []))
          expect(pairs).toBeGreaterThanOrEqual(Math.min(LEAST_LENGTH_BIN, differences.length));
      }),
      { seed: 24 },
    );
  });

  it('are the deciles where there are enough pairs and no ties', () => {
    const differences = new Random(1, 'differences').shuffle(Array.from({ length: 200 }, (_, i) => i - 100));
    const counts = strataCounts(lengthStrata(lengthsOf(differences)), []);
    expect(counts.map(({ pairs }) => pairs)).toEqual(new Array(10).fill(20));
    expect(counts[0]?.name).toBe('length difference -100 to -81');
    expect(strataCounts(lengthStrata(lengthsOf(differences.slice(0, 45))), [])).toHaveLength(4);
    expect(strataCounts(lengthStrata(lengthsOf(differences.slice(0, 19))), [])).toHaveLength(1);
  });

  it('keep what lies to either side of one frequent difference apart', () => {
    const differences = [...new Array(80).fill(0), ...new Array(10).fill(-5), ...new Array(10).fill(7)];
    const counts = strataCounts(lengthStrata(lengthsOf(differences)), []);
    expect(counts.map(({ name, pairs }) => `${name}: ${pairs}`)).toEqual([
      'length difference -5: 10',
      'length difference 0: 80',
      'length difference 7: 10',
    ]);
    expect(lengthStrata(new Map()).size).toBe(0);
  });

  it('give a selection the pool’s length differences, where difficulty follows length', () => {
    const pairs = ranked(400, 7);
    const random = new Random(8, 'noise');
    const lengths = new Map(
      pairs.map(({ id, rank }): [string, PairLengths] => {
        const chosen = 40 + Math.round(rank / 10 + 10 * random.normal());
        return [id, { chosen, rejected: 40 }];
      }),
    );
    const mean = (rows: readonly DifficultyRow[]) =>
      rows.reduce((sum, { id }) => sum + difference(lengths.get(id) as PairLengths), 0) / rows.length;
    const options = { keepFraction: 0.5, direction: 'easiest', seed: 0 } as const;
    expect(mean(pairs) - mean(keep(pairs, options))).toBeGreaterThan(8);
    expect(Math.abs(mean(pairs) - mean(keep(pairs, options, lengthStrata(lengths))))).toBeLessThan(1);
  });
});

describe('strata of a meta field', () => {
  const rows = (metas: readonly Readonly<Record<string, unknown>>[]) =>
    metas.map((meta, row) => ({ id: idOf(row), row, meta }));

  it('are its values; pairs without it are one of their own', () => {
    const metas = [
      ...[{ s: 'b' }, { s: 'a' }, {}, { s: null }, { s: 'missing' }, { s: 1 }, { s: '1' }, { s: true }],
      ...[{ s: 'b' }, { s: 0.5 }],
    ];
    const strata = metaStrata(rows(metas), 's');
    expect([...strata.values()]).toEqual(
      ['"b"', '"a"', 'missing', 'missing', '"missing"', '1', '"1"', 'true', '"b"', '0.5'].map(
        (name) => `meta.s ${name}`,
      ),
    );
    expect(strataCounts(strata, [idOf(2), idOf(8)]).slice(0, 3)).toEqual([
      { name: 'meta.s "b"', pairs: 2, kept: 1 },
      { name: 'meta.s "a"', pairs: 1, kept: 0 },
      { name: 'meta.s missing', pairs: 2, kept: 1 },
    ]);
  });

  it('a long value is cut, and stays apart from another that begins alike', () => {
    const long = 'x'.repeat(500);
    const names = [
      ...metaStrata(rows([{ s: `${long}1` }, { s: `${long}2` }, { s: `${long}1` }]), 's').values(),
    ];
    expect(names[0]).toBe(names[2]);
    expect(names[0]).not.toBe(names[1]);
    expect(names[0]?.length).toBeLessThan(100);
  });

  it.each([
    ['within-no-meta', [{}, {}], 's', /further columns.*got "meta\.s".*Add a column s/],
    ['within-no-meta', [{ s: null }, { s: null }], 's', /further columns/],
    [
      'within-unknown-field',
      [{ source: 'a', lang: 'en' }, { source: 'b' }],
      'sources',
      /need "one of meta\.source, meta\.lang", got "meta\.sources".*Name one of these/,
    ],
    ['within-unknown-field', [{ source: 'a' }], 'constructor', /one of meta\.source/],
    ['within-bad-value', [{ s: 'a' }, { s: ['b'] }], 's', /row 1: .*list or an object.*got \["b"\]/],
    ['within-bad-value', [{ s: { a: 1 } }, { s: 'b' }], 's', /row 0: .*got \{"a":1\}/],
    ['within-all-different', [{ s: 1 }, { s: 2 }, {}], 's', /got "3 values for 3 pairs".*names categories/],
  ] as const)('%s: %j within %s', (code, metas, field, message) => {
    const error = fault(() => metaStrata(rows(metas), field));
    expect(error).toMatchObject({ kind: 'input', code, exitCode: 2 });
    expect(error.fields.key).toBe('selection.within');
    expect(error.fields.remedy).toBeTypeOf('string');
    expect(error.message).toMatch(message);
  });

  it('are chosen by selection.within', () => {
    const pairs = rows([{ 'a.b': 'x' }, { 'a.b': 'x' }]);
    const lengths = new Map(pairs.map(({ id }) => [id, { chosen: 3, rejected: 1 }]));
    expect(strataWithin('none', { pairs, lengths })).toBeNull();
    expect([...(strataWithin('length', { pairs, lengths })?.values() ?? [])]).toEqual(
      new Array(2).fill('length difference 2'),
    );
    expect(strataWithin('meta.a.b', { pairs, lengths })?.get(idOf(0))).toBe('meta.a.b "x"');
  });
});
