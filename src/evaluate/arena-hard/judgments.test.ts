import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../base/fuzz.fixture.ts';
import { type ArenaJudgment, battlesOf } from './judgments.ts';
import { meanRates } from './mean-rates.ts';
import { verdictOf } from './verdict.ts';

const judgment = (first: unknown, second: unknown, model = 'm'): ArenaJudgment => ({
  question: 'q',
  model,
  baseline: null,
  category: null,
  judge: null,
  labels: [first, second],
});
/** What counts for the model, row by row. */
const sharesOf = (first: unknown, second: unknown, version: 'v0.1' | 'v2.0') =>
  battlesOf([judgment(first, second)], 'base', version, 3).battles.map(({ shareOfA }) => 1 - shareOfA);

const LABELS = ['A>>B', 'A>B', 'A=B', 'B>A', 'B>>A'] as const;
const resampling = { seed: 1, resamples: 5, level: 0.9 };

describe('battles of judgments', () => {
  // In game 1 answer A is the baseline's, in game 2 the model's; >> and << count three times.
  it.each([
    ['A>>B', 'A>>B', [0, 0, 0, 1, 1, 1]],
    ['A>B', 'A>B', [0, 1]],
    ['A=B', 'A=B', [0.5, 0.5]],
    ['B>A', 'B>A', [1, 0]],
    ['B>>A', 'B>>A', [1, 1, 1, 0, 0, 0]],
    ['B>>A', 'A>B', [1, 1, 1, 1]],
  ] as const)('%s then %s counts %j for the model', (first, second, shares) => {
    expect(sharesOf(first, second, 'v0.1')).toEqual(shares);
    expect(sharesOf(first, second, 'v2.0')).toEqual(shares);
  });

  it('a game without a verdict is dropped alone in v0.1, with its partner in v2.0', () => {
    for (const nothing of [null, undefined, '', 'A>>>B', 'a>b', 7, ' A>B']) {
      expect(sharesOf(nothing, 'A>B', 'v0.1')).toEqual([1]);
      expect(sharesOf('A>B', nothing, 'v0.1')).toEqual([0]);
      expect(sharesOf(nothing, 'A>B', 'v2.0')).toEqual([]);
    }
    const rows = [
      judgment(null, 'A>B'),
      judgment('A>B', 'A>B'),
      judgment(null, null),
      judgment('A>B', null, 'n'),
    ];
    const count = (version: 'v0.1' | 'v2.0') => [...battlesOf(rows, 'base', version, 3).games];
    expect(count('v0.1')).toEqual([
      ['m', { counted: 3, dropped: 3 }],
      ['n', { counted: 1, dropped: 1 }],
    ]);
    expect(count('v2.0')).toEqual([
      ['m', { counted: 2, dropped: 4 }],
      ['n', { counted: 0, dropped: 2 }],
    ]);
  });

  it('labels written the other way round are known to v2.0 alone', () => {
    expect(['A<<B', 'A<B', 'B=A', 'B<A', 'B<<A'].map((label) => verdictOf(label, 'v0.1'))).toEqual(
      new Array(5).fill(null),
    );
    for (const [turned, written] of [
      ['A<<B', 'B>>A'],
      ['A<B', 'B>A'],
      ['B=A', 'A=B'],
      ['B<A', 'A>B'],
      ['B<<A', 'A>>B'],
    ])
      expect(verdictOf(turned, 'v2.0')).toEqual(verdictOf(written, 'v2.0'));
    expect(verdictOf('toString', 'v2.0')).toBeNull();
  });

  it('swapping the answers in every game mirrors the win rate', () => {
    const swapped = (label: string) => label.replace(/[AB]/g, (side) => (side === 'A' ? 'B' : 'A'));
    // A label with sides swapped and turned again is one of the five: A>>B ↔ B>>A, A>B ↔ B>A.
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...LABELS), fc.constantFrom(...LABELS)), { minLength: 1 }),
        (games) => {
          const rate = (of: (label: string) => string) => {
            const rows = games.map(([first, second]) => judgment(of(first), of(second)));
            const { battles, games: counted } = battlesOf(rows, 'base', 'v2.0', 3);
            const group = { category: null, baseline: 'base', battles, games: counted };
            return meanRates(group, resampling).get('m')!.winRate;
          };
          expect(rate(swapped)).toBeCloseTo(100 - rate((label) => label), 9);
        },
      ),
      seeded(100),
    );
  });

  it('a model that is its own baseline is an error', () => {
    expect(() => battlesOf([judgment('A>B', 'A>B', 'base')], 'base', 'v0.1', 3)).toThrow(/itself/);
  });
});
