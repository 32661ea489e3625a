import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import {
  droppedSentences,
  gateSentences,
  selectionSentences,
  trainingSentences,
} from './effect-sentences.ts';
import { fixtureWithEffects } from './effects.fixture.ts';
import { fixtureReport } from './fixture.ts';
import { renderReport } from './page.ts';
import { asGood, shareSentences } from './share-curve.ts';
import { verdict } from './verdict.ts';

const data = fixtureWithEffects();

describe('sentences of side effects', () => {
  test('dropped pairs: how many look wrong, what the label is worth, and what one seed means', () => {
    const sentences = droppedSentences(data.dropped!);
    expect(sentences[0]).toMatchObject({
      level: 'warn',
      en: 'Of 412 dropped pairs 38 look wrong rather than hard: look at these before you throw them away.',
    });
    expect(sentences).toHaveLength(4);
    const none = { between: 'seeds', counts: { ...data.dropped!.counts, 'likely wrong': 0 } } as const;
    expect(droppedSentences(none).map(({ level }) => level)).toEqual(['good', 'neutral']);
  });
  test('selection: what it drops more of warns, what it drops less of is told, nothing found is said', () => {
    const found = selectionSentences(data.selectionEffects!);
    expect(found.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn', 'neutral']);
    expect(found[0]?.en).toBe(
      'It dropped 75.0% of the pairs “prompts in Japanese” (150 of 200), 50.0% of all: +28.0 points against the others (95% interval +22.0 to +34.0).',
    );
    const nothing = { ...data.selectionEffects!, groups: [], lengths: [], vocabulary: null };
    expect(selectionSentences(nothing)).toMatchObject([{ level: 'good' }]);
  });
  test('training: found changes with their direction, the rest by name', () => {
    expect(trainingSentences(data.trainingEffects!).map(({ level, en }) => [level, en])).toEqual([
      ['neutral', '“selected” against “before training”: answer length 7.4 instead of 6.8 (+9%, 95% interval +6% to +12%).'],
      ['warn', '“selected” against “before training”: repetition (4-grams said before) 10.0% instead of 2.0% (+8.0 points, 95% interval +7.0 to +9.0).'],
      ['good', '“selected” against “all pairs”: log-probability of good answers −0.100 instead of −0.150 (+0.050 nats per token, 95% interval +0.040 to +0.060).'],
      ['neutral', 'Against “all pairs” no change seen in: error of the implied probability (Brier).'],
      ['neutral', expect.stringMatching(/^4 comparisons/)],
    ]); // biome-ignore format: a sentence a line
  });
  test('gates: the failed one stands in the verdict, with value, interval and limit', () => {
    const [failed, warned] = gateSentences(data.gates!);
    expect(failed?.en).toBe(
      'Gate failed: rise of repetition is 8.0% (95% interval 7.0% … 9.0%), the limit is 6.0% (by the whole interval).',
    );
    expect(warned?.en).toMatch(/^Beyond its limit: growth of the answers is 30.0%/);
    const { findings, next } = verdict(data);
    expect(findings).toContainEqual(failed);
    expect(findings).not.toContainEqual(warned);
    expect(next).toContainEqual(droppedSentences(data.dropped!)[0]);
    expect(gateSentences({ by: 'interval', results: [{ ...data.gates!.results[1]!, outcome: 'passed' }] })).toMatchObject([{ level: 'good' }]); // biome-ignore format: one line
  });
  test('shares: the range that is as good, and no difference where there is none', () => {
    const auto = data.selection.auto!;
    expect(asGood(auto)).toEqual([0.7, 0.8]);
    expect(shareSentences(auto)[1]?.en).toMatch(/highest at 70% .* as good: 70%, 80%/);
    const flat = {
      keepFraction: 1,
      gain: { value: 0.01, low: -0.02, high: 0.04 },
      tried: auto.tried.map((one) => ({ ...one, belowBest: { value: -0.01, low: -0.03, high: 0.01 } })),
    };
    expect(
      shareSentences(flat)
        .map(({ en }) => en)
        .join(' '),
    ).toMatch(/No difference seen\. .*no share is shown to be worse/);
    // Reports of before there were intervals.
    expect(
      shareSentences({
        ...auto,
        tried: auto.tried.map(({ keepFraction, winRate }) => ({ keepFraction, winRate })),
      }),
    ).toEqual([]);
  });
});

describe('panels', () => {
  test('stand below the arms in the order of their weight, and only where there is something', () => {
    const sections = (report: typeof data) =>
      [...parseHTML(renderReport(report)).document.querySelectorAll('section[id]')].map(({ id }) => id);
    expect(sections(data)).toEqual([
      'training-effects',
      'dropped',
      'selection-effects',
      'share-curve',
      'cost',
    ]);
    expect(sections(fixtureReport())).toEqual([]);
  });
  test('what data holds is escaped', () => {
    const markup = renderReport(data);
    expect(markup).toContain('&lt;b&gt;どれ?&lt;/b&gt;');
    expect(markup).toContain('source = &lt;chat&gt;');
  });
});
