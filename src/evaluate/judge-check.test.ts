import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { checkLabels } from './check-labels.ts';
import { checkJudge } from './judge-check.ts';
import { readLabels, readVerdicts } from './label-files.ts';
import {
  firstAnswer,
  type JudgeVerdict,
  type Label,
  type LabelledPair,
  type LabelSet,
  longerAnswer,
  majority,
} from './labelled.ts';

const options = { seed: 1, resamples: 300 };
const labels = ['a', 'b', 'tie'] as const;

const pair = (id: number, label: Label | null, lengthA = 4, lengthB = 2): LabelledPair => ({
  id: String(id),
  prompt: `prompt ${id}`,
  answerA: 'x'.repeat(lengthA),
  answerB: 'x'.repeat(lengthB),
  labels: [label],
});
const setOf = (pairs: readonly LabelledPair[]): LabelSet => ({ annotators: ['label'], pairs });
const judgeOf = (verdicts: readonly JudgeVerdict[]) => ({
  judge: 'judge',
  verdicts: new Map(verdicts.map((verdict, i) => [String(i), verdict])),
});
const other = { a: 'b', b: 'a', tie: 'tie' } as const;

describe('majority', () => {
  it('is the label with more votes than every other', () => {
    expect(majority(['a', 'b', 'a'])).toBe('a');
    expect(majority(['tie', null, 'tie'])).toBe('tie');
    expect(majority(['a', 'b', 'tie'])).toBeNull();
    expect(majority(['a', 'b'])).toBeNull();
    expect(majority(['b'])).toBe('b');
    expect([majority([]), majority([null])]).toEqual([null, null]);
  });
});

describe('a judge against labels', () => {
  it('counts what was judged, and takes two orders that differ for a tie', () => {
    const set = setOf([pair(0, 'a'), pair(1, 'a'), pair(2, 'b'), pair(3, 'tie'), pair(4, 'b'), pair(5, 'a')]);
    const check = checkJudge(
      set,
      {
        judge: 'j',
        verdicts: new Map<string, JudgeVerdict>([
          ['0', { first: 'a', swapped: 'a' }],
          ['1', { first: 'a', swapped: 'b' }],
          ['2', { first: 'a', swapped: 'a' }],
          ['3', { first: 'tie', swapped: 'tie' }],
          ['4', { first: 'b', swapped: null }],
          ['99', { first: 'a' }],
        ]),
      },
      options,
    );
    expect(check).toMatchObject({ judged: 4, notAsked: 1, unreadable: 1, unknownIds: 1, ties: 2 });
    expect(check.againstMajority).toMatchObject({
      n: 4,
      accuracy: { value: 0.5 },
      decided: { value: 0.5, n: 2 },
    });
    expect(check.againstEach).toEqual([{ annotator: 'label', ...check.againstMajority }]);
    expect(check.position).toMatchObject({ known: true, n: 4, alwaysFirst: 1, alwaysSecond: 0 });
    expect(check.position).toMatchObject({ consistent: { value: 0.75 }, firstShare: { value: 4 / 6, n: 6 } });
  });

  it('finds a judge’s taste for the first place and for length, and none where there is none', () => {
    const n = 1200;
    const random = new Random(5, 'judge');
    const pairs = Array.from({ length: n }, (_, i) =>
      pair(i, random.pick(['a', 'b'] as const), 1 + random.integer(9), 1 + random.integer(9)),
    );
    const longer = longerAnswer(setOf(pairs)).verdicts;
    const verdict = (i: number, place: 'a' | 'b', byPlace: number, byLength: number): Label => {
      const u = random.uniform();
      if (u < byPlace) return place;
      const taken = u < byPlace + byLength ? longer.get(String(i))?.first : 'tie';
      return taken === 'tie' || taken == null ? (pairs[i]?.labels[0] as Label) : taken;
    };
    const judge = (byPlace: number, byLength: number) =>
      checkJudge(
        setOf(pairs),
        judgeOf(
          pairs.map((_, i) => ({
            first: verdict(i, 'a', byPlace, byLength),
            swapped: verdict(i, 'b', byPlace, byLength),
          })),
        ),
        options,
      );
    const fair = judge(0, 0);
    expect(fair.againstMajority).toMatchObject({
      accuracy: { value: 1 },
      kappa: { value: expect.closeTo(1, 9) },
    });
    expect(fair.position).toMatchObject({ consistent: { value: 1 }, firstShare: { value: 0.5 }, p: 1 });
    expect(fair.length).toMatchObject({
      difference: { value: 0 },
      errorsLonger: null,
      partialCorrelation: null,
    });

    // By place in 30 of 100: the first place is preferred in 30 + 70 / 2.
    const placed = judge(0.3, 0);
    if (!placed.position.known) throw new Error('both orders were asked');
    expect(placed.position.firstShare?.low).toBeLessThan(0.65);
    expect(placed.position.firstShare?.high).toBeGreaterThan(0.65);
    expect(placed.position.firstShare?.low).toBeGreaterThan(0.6);
    expect(placed.position.p).toBeLessThan(1e-6);
    expect(placed.position.alwaysSecond).toBe(0);
    // What it prefers by place is a tie over both orders: no preference that is left errs.
    expect(placed.length).toMatchObject({ errorsLonger: null });
    expect(placed.length.difference?.low).toBeLessThan(0);
    expect(placed.length.difference?.high).toBeGreaterThan(0);

    const long = judge(0, 0.3);
    expect(long.length.difference?.low).toBeGreaterThan(0.02);
    expect(long.length.errorsLonger?.value).toBe(1);
    expect(long.length.errorsLongerByChance).toBeCloseTo(0.5, 1);
    expect(long.length.partialCorrelation?.low).toBeGreaterThan(0.1);
    expect(long.position).toMatchObject({ known: true });
    expect(long.position.firstShare?.low).toBeLessThan(0.5);
    expect(long.position.firstShare?.high).toBeGreaterThan(0.5);
  });

  it('with one order it does not know a position bias, and holds it against the labels', () => {
    const set = setOf([pair(0, 'a'), pair(1, 'b'), pair(2, 'b'), pair(3, 'tie')]);
    const { position } = checkJudge(set, firstAnswer(set), options);
    expect(position).toMatchObject({
      known: false,
      n: 3,
      firstShare: { value: 1 },
      labelFirstShare: { value: 1 / 3 },
      difference: { value: expect.closeTo(2 / 3, 12) },
    });
  });

  it('the baselines: the longer answer and the first', () => {
    const set = setOf([pair(0, 'a', 2, 1), pair(1, 'b', 2, 1), pair(2, 'tie', 3, 3), pair(3, 'b', 1, 2)]);
    const long = checkJudge(set, longerAnswer(set), options);
    expect(long.againstMajority).toMatchObject({ accuracy: { value: 0.75 }, decided: { value: 2 / 3 } });
    expect(long.length).toMatchObject({
      n: 3,
      longerShare: { value: 1 },
      labelLongerShare: { value: 2 / 3 },
      errorsLonger: { value: 1, n: 1 },
      errorsLongerByChance: expect.closeTo(1 / 3, 12),
    });
    expect(checkJudge(set, firstAnswer(set), options).againstMajority.accuracy?.value).toBe(0.25);
  });

  it('length is counted in characters, not in code units', () => {
    const set = setOf([{ ...pair(0, 'a'), answerA: '😀😀', answerB: 'abc' }]);
    expect(longerAnswer(set).verdicts.get('0')).toEqual({ first: 'b' });
  });

  it('no verdict gives no figure; verdicts on other pairs are an error', () => {
    const set = setOf([pair(0, 'a')]);
    expect(checkJudge(set, judgeOf([]), options)).toMatchObject({
      judged: 0,
      notAsked: 1,
      againstMajority: { n: 0, accuracy: null, kappa: null, decided: null },
      meanAccuracy: null,
      position: { known: false, n: 0, firstShare: null, difference: null },
      length: { n: 0, longerShare: null, difference: null, partialCorrelation: null },
    });
    const strange = { judge: 'j', verdicts: new Map([['7', { first: 'a' as const }]]) };
    expect(() => checkJudge(set, strange, options)).toThrow(/no verdict of j has the id/);
  });

  it('swapping the two answers of every pair mirrors verdicts and changes no figure', () => {
    const label = fc.constantFrom(...labels);
    const rows = fc.array(
      fc.record({ label, first: label, swapped: label, a: fc.nat({ max: 3 }), b: fc.nat({ max: 3 }) }),
      { minLength: 1, maxLength: 25 },
    );
    fc.assert(
      fc.property(rows, (cases) => {
        const one = checkJudge(
          setOf(cases.map((row, i) => pair(i, row.label, row.a, row.b))),
          judgeOf(cases),
          options,
        );
        const mirrored = checkJudge(
          setOf(cases.map((row, i) => pair(i, other[row.label], row.b, row.a))),
          judgeOf(cases.map((row) => ({ first: other[row.swapped], swapped: other[row.first] }))),
          options,
        );
        expect(mirrored.againstMajority.accuracy).toEqual(one.againstMajority.accuracy);
        expect(mirrored.againstMajority.decided).toEqual(one.againstMajority.decided);
        expect(mirrored.againstMajority.kappa?.value ?? 9).toBeCloseTo(
          one.againstMajority.kappa?.value ?? 9,
          9,
        );
        expect(mirrored.position).toEqual(one.position);
        expect(mirrored.length.longerShare).toEqual(one.length.longerShare);
        expect(mirrored.length.errorsLonger).toEqual(one.length.errorsLonger);
        const partial = one.length.partialCorrelation?.value ?? 9;
        expect(mirrored.length.partialCorrelation?.value ?? 9).toBeCloseTo(partial, 9);
      }),
      { seed: 15, numRuns: 60 },
    );
  });
});

describe('annotators among themselves', () => {
  const set: LabelSet = {
    annotators: ['x', 'y', 'z'],
    pairs: (
      [
        ['a', 'a', 'a'],
        ['a', 'a', 'b'],
        ['b', 'b', 'b'],
        ['a', 'b', 'tie'],
        ['tie', 'tie', null],
      ] as const
    ).map((row, i) => ({ ...pair(i, null), labels: row })),
  };

  it('each with each, each with most of the others, and all together', () => {
    const { majority, ceiling, pairs, prompts } = checkLabels(set, options);
    expect({ majority, pairs, prompts }).toEqual({
      majority: { a: 2, b: 1, tie: 1, none: 1 },
      pairs: 5,
      prompts: 5,
    });
    expect(ceiling?.betweenTwo.map(({ a, b, n, accuracy }) => [a, b, n, accuracy?.value])).toEqual([
      ['x', 'y', 5, 0.8],
      ['x', 'z', 4, 0.5],
      ['y', 'z', 4, 0.5],
    ]);
    // Of x, y and z: pairs in which the others agree (or one alone has a label).
    expect(
      ceiling?.againstOthers.map(({ annotator, n, accuracy }) => [annotator, n, accuracy?.value]),
    ).toEqual([
      ['x', 3, 1],
      ['y', 3, 1],
      ['z', 3, 2 / 3],
    ]);
    expect(ceiling?.meanAccuracy).toBeCloseTo(0.6, 12);
    // Over the four pairs that all three labelled: agreements 1, 1/3, 1, 0; shares a 6/12, b 5/12, tie 1/12.
    expect(ceiling?.fleissKappa?.value).toBeCloseTo((7 / 12 - 62 / 144) / (1 - 62 / 144), 12);
  });

  it('one annotator has none', () => {
    expect(checkLabels(setOf([pair(0, 'a')]), options)).toMatchObject({
      ceiling: null,
      longer: { value: 1, n: 1 },
      first: { value: 1 },
    });
  });
});

const shared = join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
const panda = join(shared, 'pandalm');
describe.skipIf(!existsSync(panda))('PandaLM’s published test set (needs ../shared/data)', async () => {
  const set = existsSync(panda) ? await readLabels(join(panda, 'testset-v1.json')) : null;

  it('has the kappas and the labels that its README states', () => {
    const { pairs, prompts, majority, ceiling } = checkLabels(set!, options);
    // README: κ 0.85, 0.88 and 0.86 between annotators; labels 105 ties, 422 and 472.
    expect(ceiling?.betweenTwo.map(({ kappa }) => kappa?.value.toFixed(2))).toEqual(['0.85', '0.88', '0.86']);
    expect(majority).toEqual({ a: 422, b: 472, tie: 105, none: 0 });
    expect([pairs, prompts]).toEqual([999, 170]);
    // scikit-learn 1.9.1: cohen_kappa_score
    const kappas = [0.8520226785167024, 0.8789438112500384, 0.8616614540762907];
    for (const [k, kappa] of kappas.entries())
      expect(ceiling?.betweenTwo[k]?.kappa?.value).toBeCloseTo(kappa, 12);
  });

  it.each([
    ['pandalm-7b-testset-v1.json', 0, 0.6677, 0.4353549248202223],
    ['gpt-3.5-turbo-testset-v1.json', 25, 0.7107, 0.49286471530289244],
  ])(
    '%s: accuracy as its compute_metrics.py states, which takes what could not be read for a tie',
    async (file, unreadable, accuracy, kappa) => {
      const judge = await readVerdicts(join(panda, file));
      const check = checkJudge(set!, judge, options);
      expect(check).toMatchObject({ unreadable, judged: 999 - unreadable, notAsked: 0, unknownIds: 0 });
      // scikit-learn 1.9.1: cohen_kappa_score over the verdicts that could be read
      expect(check.againstMajority.kappa?.value).toBeCloseTo(kappa, 12);
      const asTie = new Map(
        [...judge.verdicts].map(([id, { first }]) => [id, { first: first ?? ('tie' as const) }]),
      );
      const theirs = checkJudge(set!, { judge: 'theirs', verdicts: asTie }, options);
      expect(theirs.againstMajority.accuracy?.value.toFixed(4)).toBe(String(accuracy));
    },
  );
});

const llmbar = join(shared, 'llmbar');
describe.skipIf(!existsSync(llmbar))('LLMBar (needs ../shared/data)', () => {
  it.each([
    ['Natural', 100],
    ['Adversarial_Neighbor', 134],
    ['Adversarial_GPTInst', 92],
    ['Adversarial_GPTOut', 47],
    ['Adversarial_Manual', 46],
  ])('%s: %d pairs, labels without ties', async (name, n) => {
    const set = await readLabels(join(llmbar, `${name}.json`));
    const { pairs, majority } = checkLabels(set, options);
    expect([pairs, majority.a + majority.b]).toEqual([n, n]);
  });
});
