import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type ArmName, planArm } from './arms.ts';
import type { Decision, DecisionKind } from './decisions.ts';
import { standingDecisions } from './decisions.ts';
import { type KeepOptions, keep, keptCount } from './keep.ts';
import { keepForced } from './keep-forced.ts';
import { ledger } from './ledger.ts';
import type { Rule, RuleAction } from './rules.ts';
import { coverageWarnings, forcedBy, makeVerdicts } from './verdicts.ts';

const ranked = (count: number, seed: number): DifficultyRow[] =>
  new Random(seed, 'ranks')
    .shuffle(Array.from({ length: count }, (_, i) => i + 1))
    .map((rank, row) => ({ id: `pair-${row}`, row, difficulty: rank / 10, spread: null, n: 1, rank }));
const rule = (name: string, action: RuleAction, line = 1, because: string | null = null): Rule => ({
  ...{ name, when: 'true', action, weight: action === 'weight' ? 0.5 * line : null, because, line },
  whenLine: line + 1,
});
const decision = (id: string, kind: DecisionKind, note: string | null = null): Decision => ({
  ...{ id, row: 0, decision: kind, note, time: '2026-01-01T00:00:00.000Z', reviewer: 'Aoi' },
});

/** Random rules that match random pairs, and random decisions of which later ones overrule. */
const cases = fc.record({
  count: fc.integer({ min: 1, max: 40 }),
  seed: fc.nat(1000),
  keepFraction: fc.double({ min: 0.01, max: 1, noNaN: true }),
  direction: fc.constantFrom<KeepOptions['direction']>('easiest', 'hardest', 'random'),
  rules: fc.array(
    fc.record({
      action: fc.constantFrom<RuleAction>('keep', 'drop', 'review'),
      matches: fc.array(fc.nat(39), { maxLength: 20 }),
    }),
    { maxLength: 4 },
  ),
  decisions: fc.array(
    fc.record({
      place: fc.nat(45),
      kind: fc.constantFrom<DecisionKind>('keep', 'drop', 'swap', 'skip', 'note'),
    }),
    { maxLength: 12 },
  ),
  strata: fc.boolean(),
});

function worldOf({
  count,
  seed,
  keepFraction,
  direction,
  rules,
  decisions,
  strata,
}: typeof cases extends fc.Arbitrary<infer T> ? T : never) {
  const pairs = ranked(count, seed);
  const matches = rules.map((item) =>
    [...new Set(item.matches)].filter((place) => place < count).sort((a, b) => a - b),
  );
  const set = rules.map(({ action }, r) => rule(`rule-${r}`, action, 1 + 5 * r));
  const said = decisions.map(({ place, kind }) => decision(`pair-${place}`, kind));
  const verdicts = makeVerdicts(pairs, set, matches, standingDecisions(said));
  const options: KeepOptions = { keepFraction, direction, seed };
  const groups = strata ? new Map(pairs.map(({ id, row }) => [id, row % 3 === 0 ? 'a' : 'b'])) : null;
  return { pairs, matches, set, said, verdicts, options, strata: groups };
}

/** Precedence, said again in the plainest way. */
function fateOf(id: string, place: number, world: ReturnType<typeof worldOf>): 'keep' | 'drop' | 'free' {
  for (const { id: about, decision: kind } of [...world.said].reverse())
    if (about === id && kind !== 'skip' && kind !== 'note') return kind === 'keep' ? 'keep' : 'drop';
  for (const [r, { action }] of world.set.entries())
    if (action !== 'weight' && world.matches[r]?.includes(place))
      return action === 'review' ? 'free' : action;
  return 'free';
}

const SEEDED = { seed: 31, numRuns: 300 };

describe('rules, people and the threshold', () => {
  it('decide as the brute force does: people, the first rule, the threshold; the size is what was asked', () => {
    fc.assert(
      fc.property(cases, (item) => {
        const world = worldOf(item);
        const { pairs, verdicts, options, strata } = world;
        const fates = pairs.map(({ id }, place) => fateOf(id, place, world));
        const of = (fate: string) => pairs.filter((_, place) => fates[place] === fate);
        const forced = forcedBy(verdicts);
        expect([...forced.keep].sort()).toEqual(
          of('keep')
            .map(({ id }) => id)
            .sort(),
        );
        expect([...forced.drop].sort()).toEqual(
          of('drop')
            .map(({ id }) => id)
            .sort(),
        );
        if (of('drop').length === pairs.length) {
          expect(() => keepForced(pairs, options, strata, forced)).toThrow(
            expect.objectContaining({ kind: 'input', code: 'all-dropped' }),
          );
          return;
        }
        const kept = keepForced(pairs, options, strata, forced);
        const ids = new Set(kept.map(({ id }) => id));
        expect(ids.size).toBe(kept.length);
        for (const { id } of of('keep')) expect(ids.has(id)).toBe(true);
        for (const { id } of of('drop')) expect(ids.has(id)).toBe(false);
        const places = keptCount(pairs.length, options.keepFraction);
        const wanted = Math.max(of('keep').length, Math.min(places, of('keep').length + of('free').length));
        expect(kept.length).toBe(wanted);
        // What the threshold adds is the preferred end of what is left to it.
        if (options.direction !== 'random' && strata === null) {
          const free = of('free').sort((a, b) => a.rank - b.rank);
          if (options.direction === 'hardest') free.reverse();
          expect(free.filter(({ id }) => ids.has(id))).toEqual(free.slice(0, wanted - of('keep').length));
          expect(kept.map(({ rank }) => rank)).toEqual(kept.map(({ rank }) => rank).sort((a, b) => a - b));
        }
        expect(keepForced(pairs, options, strata, forced)).toEqual(kept);
      }),
      SEEDED,
    );
  });

  it('coverage: every match is decided by the rule, a rule above or a person', () => {
    fc.assert(
      fc.property(cases, (item) => {
        const world = worldOf(item);
        for (const [r, { matched, decided, byPeople, shadowedBy }] of world.verdicts.coverage.entries()) {
          expect(matched).toBe(world.matches[r]?.length);
          expect(decided + byPeople + shadowedBy.reduce((sum, { pairs }) => sum + pairs, 0)).toBe(matched);
          for (const { rule: above } of shadowedBy) expect(world.set.indexOf(above)).toBeLessThan(r);
        }
      }),
      SEEDED,
    );
  });

  it('arms: what is dropped is in none, what is kept in all; the sizes are that of the selection', () => {
    const names: readonly ArmName[] = [
      'selected',
      'random',
      'hardest',
      'easiest-shuffled',
      'length-matched',
      'shortest',
    ];
    fc.assert(
      fc.property(cases, (item) => {
        const world = worldOf(item);
        const { pairs, options, strata, verdicts } = world;
        const forced = forcedBy(verdicts);
        const left = pairs.filter(({ id }) => !forced.drop.has(id));
        if (left.length === 0) return;
        const lengths = new Map(
          pairs.map(({ id, rank, row }) => [id, { chosen: rank % 7, rejected: row % 5 }]),
        );
        const input = { difficulties: pairs, lengths, strata, forced };
        const size = keepForced(pairs, options, strata, forced).length;
        for (const name of names) {
          const { ids } = planArm(name, input, options, 5);
          expect(ids).toHaveLength(size);
          expect(new Set(ids).size).toBe(size);
          expect(ids.filter((id) => forced.drop.has(id))).toEqual([]);
          expect(ids.filter((id) => forced.keep.has(id))).toHaveLength(
            pairs.filter(({ id }) => forced.keep.has(id)).length,
          );
        }
        expect([...planArm('full', input, options, 5).ids].sort()).toEqual(left.map(({ id }) => id).sort());
      }),
      SEEDED,
    );
  });

  it('a budget pays for what rules keep first, and a band is that of all pairs', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 40 }), (item, most) => {
        const world = worldOf({ ...item, direction: 'easiest', strata: false });
        const { pairs, verdicts, options } = world;
        const forced = forcedBy(verdicts);
        const left = pairs.filter(({ id }) => !forced.drop.has(id));
        if (left.length === 0) return;
        const budget = { unit: 'pairs', most, each: 1 } as const;
        const paid = keepForced(pairs, { ...options, budget }, null, forced);
        expect(paid).toHaveLength(Math.max(forced.keep.size, Math.min(most, left.length)));
        for (const id of forced.keep) expect(paid.map((row) => row.id)).toContain(id);
        const kept = (band: readonly [number, number]) =>
          keepForced(pairs, { ...options, band }, null, forced).map(({ id }) => id);
        const inside = pairs.filter(({ rank }) => rank <= Math.floor(pairs.length / 2));
        if (inside.length === 0 || !inside.some(({ id }) => !forced.drop.has(id))) return;
        const wanted = left.filter((row) => forced.keep.has(row.id) || inside.includes(row));
        expect(kept([0, 0.5]).sort()).toEqual(wanted.map(({ id }) => id).sort());
      }),
      SEEDED,
    );
  });

  it('without rules and decisions nothing changes', () => {
    const pairs = ranked(30, 3);
    const nothing = forcedBy(makeVerdicts(pairs, [], [], new Map()));
    for (const direction of ['easiest', 'hardest', 'random'] as const) {
      const options = { keepFraction: 0.4, direction, seed: 2 };
      expect(keepForced(pairs, options, null, nothing)).toEqual(keep(pairs, options));
    }
  });
});

describe('what is told', () => {
  const pairs = ranked(6, 1).sort((a, b) => a.rank - b.rank);
  const keeping = rule('safety', 'keep', 2, 'Refusals stay.');
  const dropping = rule('pii', 'drop', 6);
  const looking = rule('odd', 'review', 10);
  const never = rule('never', 'drop', 14);
  const shadow = rule('shadow', 'keep', 18);

  it('of rules that match nothing, are shadowed or contradict others', () => {
    const matches = [[5], [0, 5], [1], [], [5]];
    const verdicts = makeVerdicts(pairs, [keeping, dropping, looking, never, shadow], matches, new Map());
    expect(coverageWarnings(verdicts.coverage, 'r.yaml')).toEqual([
      'r.yaml, line 6: rule pii would drop 1 pair that safety (line 2) decides first: keep',
      'r.yaml, line 14: rule never matches no pair',
      'r.yaml, line 18: rule shadow decides none of its 1 pair: safety (line 2) decides 1',
    ]);
  });

  it('in the ledger: who decided, and why', () => {
    const said = [
      decision(pairs[2]?.id as string, 'drop', 'says nothing'),
      decision(pairs[3]?.id as string, 'swap'),
    ];
    const verdicts = makeVerdicts(
      pairs,
      [keeping, dropping, looking],
      [[5], [0], [1]],
      standingDecisions(said),
    );
    const options = { keepFraction: 0.5, direction: 'easiest', seed: 0 } as const;
    const kept = keepForced(pairs, options, null, forcedBy(verdicts));
    const rows = ledger({
      difficulties: pairs,
      kept,
      heldOut: [],
      refused: [],
      options,
      verdicts: verdicts.byId,
    });
    const told = [...rows].sort((a, b) => Number(a.rank) - Number(b.rank));
    expect(told.map(({ decision: fate, by, rule: name, reason }) => [fate, by, name, reason])).toEqual([
      ['drop', 'rule', 'pii', 'rule pii (line 6) drops it; rank 1 of 6'],
      [
        'keep',
        'threshold',
        'odd',
        'rank 2 of 6: one of the easiest 2 of the 2 left to the threshold (keep fraction 0.5); rule odd (line 10) asks for a look',
      ],
      ['drop', 'person', null, 'Aoi dropped it: says nothing; rank 3 of 6'],
      ['drop', 'person', null, 'Aoi found its label the wrong way round; rank 4 of 6'],
      [
        'keep',
        'threshold',
        null,
        'rank 5 of 6: one of the easiest 2 of the 2 left to the threshold (keep fraction 0.5)',
      ],
      ['keep', 'rule', 'safety', 'rule safety (line 2) keeps it: Refusals stay; rank 6 of 6'],
    ]);
  });

  it('of rules that drop every pair', () => {
    const verdicts = makeVerdicts(pairs, [dropping], [[0, 1, 2, 3, 4, 5]], new Map());
    const options = { keepFraction: 0.5, direction: 'easiest', seed: 0 } as const;
    expect(() => keepForced(pairs, options, null, forcedBy(verdicts))).toThrow(WinnowError);
  });
});

it('rules that weigh decide nothing, and are multiplied, whatever stands above them', () => {
  const pairs = ranked(6, 1);
  const set = [
    rule('keeps', 'keep'),
    rule('halves', 'weight', 1),
    rule('triples', 'weight', 6),
    rule('drops', 'drop'),
  ];
  const { byId, weights, coverage } = makeVerdicts(
    pairs,
    set,
    [
      [0, 1],
      [0, 2, 5],
      [0, 3],
      [2, 5],
    ],
    new Map(),
  );
  const of = (place: number) => (pairs[place] as DifficultyRow).id;
  expect([0, 1, 2, 3, 4, 5].map((place) => byId.get(of(place))?.action ?? null)).toEqual([
    'keep',
    'keep',
    'drop',
    null,
    null,
    'drop',
  ]);
  expect(new Map(weights)).toEqual(
    new Map([
      [of(0), 1.5],
      [of(2), 0.5],
      [of(3), 3],
      [of(5), 0.5],
    ]),
  );
  expect(coverage.map(({ matched, decided }) => [matched, decided])).toEqual([
    [2, 2],
    [3, 3],
    [2, 2],
    [2, 2],
  ]);
  const kept = pairs.filter((_, place) => place !== 2 && place !== 5);
  const options = { keepFraction: 0.9, direction: 'easiest', seed: 0 } as const;
  const rows = ledger({
    difficulties: pairs,
    kept,
    heldOut: [],
    refused: [],
    options,
    verdicts: byId,
    weights,
  });
  expect(rows.map(({ weight }) => weight ?? null)).toEqual([1.5, null, null, 3, null, null]);
});
