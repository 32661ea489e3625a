import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import type { RefusedRow } from '../pairs/pair.ts';
import { type KeepOptions, keep } from './keep.ts';
import { type LedgerRow, ledger } from './ledger.ts';

/** An input of which some rows were scored, some held out and some refused, in mixed order. */
function inputOf(fates: readonly ('scored' | 'held-out' | 'refused')[], seed: number) {
  const rowsOf = (fate: string) => fates.flatMap((given, row) => (given === fate ? [row] : []));
  const scored = rowsOf('scored');
  const ranks = new Random(seed, 'ranks').shuffle(scored.map((_, i) => i + 1));
  return {
    difficulties: scored.map(
      (row, i): DifficultyRow => ({
        id: `pair-${row}`,
        row,
        difficulty: (ranks[i] as number) / 7,
        spread: i % 2 === 0 ? null : 0.25,
        n: 2,
        rank: ranks[i] as number,
      }),
    ),
    heldOut: rowsOf('held-out').map((row) => ({ id: `pair-${row}`, row })),
    refused: rowsOf('refused').map(
      (row): RefusedRow => ({
        row,
        ...(row % 2 === 0 ? { id: `pair-${row}` } : {}),
        cause: 'identical-sides',
        message: `row ${row}: chosen and rejected are the same`,
        remedy: 'Remove the row',
      }),
    ),
  };
}

const options: KeepOptions = { keepFraction: 0.5, direction: 'easiest', seed: 1 };

describe('ledger', () => {
  it('says of every row of the input once what became of it; positions are the training order', () => {
    const fates = fc
      .array(fc.constantFrom('scored', 'scored', 'held-out', 'refused'), { minLength: 1, maxLength: 50 })
      .filter((given) => given.includes('scored'));
    fc.assert(
      fc.property(
        fates,
        fc.nat(),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.constantFrom('easiest', 'hardest', 'random'),
        (given, seed, keepFraction, direction) => {
          const parts = inputOf(given as ('scored' | 'held-out' | 'refused')[], seed);
          const choice: KeepOptions = { keepFraction, direction, seed };
          const kept = keep(parts.difficulties, choice);
          const rows = ledger({ ...parts, kept, options: choice });
          expect(rows.map(({ row }) => row)).toEqual(given.map((_, row) => row));
          const count = (decision: LedgerRow['decision']) =>
            rows.filter((row) => row.decision === decision).length;
          expect(count('keep')).toBe(kept.length);
          expect(count('drop')).toBe(parts.difficulties.length - kept.length);
          expect(count('held-out')).toBe(parts.heldOut.length);
          expect(count('refused')).toBe(parts.refused.length);
          const trained = rows
            .filter(({ position }) => position !== null)
            .sort((a, b) => (a.position as number) - (b.position as number));
          expect(trained.map(({ position }) => position)).toEqual(kept.map((_, place) => place));
          expect(trained.map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
          for (const { decision, position, reason } of rows) {
            expect(decision === 'keep').toBe(position !== null);
            expect(reason).not.toBe('');
          }
        },
      ),
      { seed: 13 },
    );
  });

  it('carries the numbers of scored rows, and none of the others', () => {
    const parts = inputOf(['scored', 'held-out', 'refused', 'refused', 'scored'], 2);
    const rows = ledger({ ...parts, kept: keep(parts.difficulties, options), options });
    const [first, second] = parts.difficulties as [DifficultyRow, DifficultyRow];
    const bare = { by: null, rule: null, difficulty: null, spread: null, rank: null, position: null };
    const message = (row: number) => `row ${row}: chosen and rejected are the same`;
    expect(rows[1]).toEqual({
      row: 1,
      id: 'pair-1',
      decision: 'held-out',
      reason: 'kept apart for evaluation',
      ...bare,
    });
    expect(rows[2]).toEqual({ row: 2, id: 'pair-2', decision: 'refused', reason: message(2), ...bare });
    expect(rows[3]).toEqual({ row: 3, id: null, decision: 'refused', reason: message(3), ...bare });
    for (const [row, source] of [
      [rows[0], first],
      [rows[4], second],
    ] as const)
      expect(row).toMatchObject({
        id: source.id,
        difficulty: source.difficulty,
        spread: source.spread,
        rank: source.rank,
      });
  });

  it.each([
    ['easiest', 'rank 1 of 4: one of the easiest 2', 'rank 4 of 4: not one of the easiest 2'],
    ['hardest', 'rank 4 of 4: one of the hardest 2', 'rank 1 of 4: not one of the hardest 2'],
  ] as const)('%s: the reason holds rank, number and keep fraction', (direction, kept, dropped) => {
    const parts = inputOf(['scored', 'scored', 'scored', 'scored'], 3);
    const choice = { ...options, direction };
    const rows = ledger({ ...parts, kept: keep(parts.difficulties, choice), options: choice });
    const reasons = rows.map(({ decision, reason }) => `${decision}: ${reason}`);
    expect(reasons).toContain(`keep: ${kept} (keep fraction 0.5)`);
    expect(reasons).toContain(`drop: ${dropped} (keep fraction 0.5)`);
  });

  it('within strata: the reason holds the rank within the stratum and how many were kept there', () => {
    const parts = inputOf(['scored', 'scored', 'scored', 'scored', 'scored', 'scored'], 3);
    const strata = new Map(parts.difficulties.map(({ id, rank }) => [id, rank > 2 ? 'meta.a "x"' : 'rest']));
    const kept = keep(parts.difficulties, options, strata);
    const rows = ledger({ ...parts, kept, options, strata }).sort((a, b) => Number(a.rank) - Number(b.rank));
    expect(rows.map(({ decision, reason }) => `${decision}: ${reason}`)).toEqual([
      'keep: rank 1 of 6, rank 1 of 2 within rest: one of the easiest 1 there (keep fraction 0.5)',
      'drop: rank 2 of 6, rank 2 of 2 within rest: not one of the easiest 1 there (keep fraction 0.5)',
      'keep: rank 3 of 6, rank 1 of 4 within meta.a "x": one of the easiest 2 there (keep fraction 0.5)',
      'keep: rank 4 of 6, rank 2 of 4 within meta.a "x": one of the easiest 2 there (keep fraction 0.5)',
      'drop: rank 5 of 6, rank 3 of 4 within meta.a "x": not one of the easiest 2 there (keep fraction 0.5)',
      'drop: rank 6 of 6, rank 4 of 4 within meta.a "x": not one of the easiest 2 there (keep fraction 0.5)',
    ]);
  });

  it('random: the number drawn is not told as the number drawn from', () => {
    const parts = inputOf(['scored', 'scored', 'scored', 'scored'], 3);
    const choice = { ...options, direction: 'random' } as const;
    const rows = ledger({ ...parts, kept: keep(parts.difficulties, choice), options: choice });
    for (const { decision, rank, reason } of rows)
      expect(reason).toBe(
        `rank ${rank} of 4: ${decision === 'keep' ? 'one' : 'not one'} of 2 drawn at random (keep fraction 0.5)`,
      );
  });
});
