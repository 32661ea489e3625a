import { describe, expect, test } from 'vitest';
import { winLengths } from '../evaluate/win-lengths.ts';
import type { ReportData } from './data.ts';
import { fixtureReport, fixtureWithoutGold, fixtureWithRewardModel, withComparison } from './fixture.ts';
import { findingOf } from './sentences.ts';
import { reportText } from './text.ts';
import { verdict } from './verdict.ts';

/** The fixture with win rates of the selected arm against random and full set to a difference and half an interval. */
function winRates(random: [number, number] | null, full: [number, number] | null): ReportData {
  return withComparison(
    withComparison(fixtureReport(), 'winRate', 'random', random),
    'winRate',
    'full',
    full,
  );
}

function english(data: ReportData): string {
  const { title, findings, reliability, next } = verdict(data);
  return [title, ...findings, ...reliability, ...next].map((sentence) => sentence.en).join('\n');
}

describe('verdict', () => {
  test('better than random and than all pairs', () => {
    const found = verdict(winRates([0.05, 0.02], [0.03, 0.02]));
    expect(found).toMatchObject({
      outcome: 'better',
      metric: 'winRate',
      title: { level: 'good', en: 'Selection helped here' },
    });
    expect(found.findings.map((s) => s.en)).toContain(
      'Win rate, “selected” minus “random, same number”: +5.0 points (95% interval +3.0 to +7.0, n=600): better.',
    );
    expect(found.findings[0]!.ja).toContain('採用率 50%');
  });

  test('better than random, no difference from all pairs: no advice to leave pairs out', () => {
    const found = verdict(winRates([0.05, 0.02], [0.01, 0.02]));
    expect(found.outcome).toBe('better');
    expect(found.title.en).toContain('no difference from all pairs');
    expect(found.next[0]!.en).toContain('keep all pairs unless');
  });

  test('better than random, worse than all pairs', () => {
    expect(verdict(winRates([0.05, 0.02], [-0.05, 0.02]))).toMatchObject({
      outcome: 'mixed',
      title: { level: 'warn' },
    });
  });

  test('worse', () => {
    const found = verdict(winRates([-0.05, 0.02], [-0.08, 0.02]));
    expect(found).toMatchObject({ outcome: 'worse', title: { level: 'warn', en: 'Selection hurt here' } });
    expect(found.next[0]!.en).toContain('Keep all pairs');
  });

  test('no better than random and worse than all pairs is worse', () => {
    expect(verdict(winRates([0.0, 0.02], [-0.08, 0.02])).outcome).toBe('worse');
  });

  test('no difference seen is not called equal', () => {
    const data = winRates([0.01, 0.02], [-0.01, 0.02]);
    expect(verdict(data)).toMatchObject({ outcome: 'no-difference', title: { level: 'neutral' } });
    expect(english(data)).toContain('no proof that they are equal');
  });

  test('better than all pairs but not than random may be the number of pairs alone', () => {
    const data = winRates([0.01, 0.02], [0.05, 0.02]);
    expect(verdict(data).outcome).toBe('no-difference');
    expect(english(data)).toContain('fewer pairs rather than from which ones');
  });

  test('a win rate up with correctness down is said as such', () => {
    const data = withComparison(winRates([0.05, 0.02], [0.03, 0.02]), 'correctness', 'full', [-0.046, 0.02]);
    const found = verdict(data);
    expect(found).toMatchObject({ outcome: 'mixed', title: { level: 'warn' } });
    expect(found.title.en).toContain('fewer answers are right');
    expect(english(data)).toContain('what the win rate rewards is not correctness');
    expect(english(data)).toContain('Share of correct answers, “selected” minus “all pairs”: −4.6 points');
  });

  test('correctness below the start is warned of, though it is not the selection that cost it', () => {
    const data = withComparison(winRates([0.05, 0.02], [0.03, 0.02]), 'correctness', 'start', [-0.05, 0.02]);
    expect(verdict(data).outcome).toBe('better');
    expect(english(data)).toContain('Fewer answers are right than before training');
  });

  test('without a judge held-out accuracy and loss decide, and that is said', () => {
    const data = fixtureWithoutGold();
    expect(verdict(data)).toMatchObject({ outcome: 'better', metric: 'heldOutAccuracy' });
    expect(english(data)).toContain('No judge compared the answers');
    expect(english(data)).toContain('Held-out loss, “selected” minus “random, same number”: −0.030 nats');
  });

  test('a judge without a checker: preferred is not right', () => {
    const data = fixtureReport();
    const arms = data.arms.map((arm) => ({ ...arm, correctness: null }));
    const comparisons = data.comparisons.filter((c) => c.metric !== 'correctness');
    expect(english({ ...data, arms, comparisons })).toContain('what is preferred, not what is right');
  });

  test('a reward model decides by its win rate, is named, and is not taken for people', () => {
    const data = fixtureWithRewardModel();
    expect(verdict(data)).toMatchObject({ outcome: 'better', metric: 'winRate' });
    expect(english(data)).toContain('The judge is the reward model org/judge@abc');
    expect(english(data)).toContain('not necessarily what people prefer');
    expect(english(data)).toContain('what is preferred, not what is right');
    expect(english(fixtureReport())).not.toContain('The judge is');
  });

  test('one arm only: nothing can be said', () => {
    const data = fixtureReport();
    const alone = { ...data, arms: data.arms.filter((arm) => arm.name === 'selected'), comparisons: [] };
    expect(verdict(alone)).toMatchObject({ outcome: 'unknown', title: { level: 'warn' } });
    expect(english(alone)).toContain('Run again with a random arm');
    expect(verdict({ ...alone, arms: [] }).outcome).toBe('unknown');
  });

  test('without a random arm a gain over all pairs is no verdict', () => {
    expect(verdict(winRates(null, [0.05, 0.02])).outcome).toBe('unknown');
  });

  test('everything kept', () => {
    const data = fixtureReport();
    const all = { ...data.selection, keepFraction: 1, kept: 1636, dropped: 0 };
    expect(verdict({ ...data, selection: all }).outcome).toBe('nothing-selected');
  });

  test.each([
    [0.31, 'warn', 'rests largely on noise'],
    [0.72, 'neutral', 'moderate'],
    [0.93, 'good', 'stable'],
    [null, 'warn', 'was not measured'],
  ] as const)('reliability %s', (spearman, level, words) => {
    const data = fixtureReport();
    const changed = { ...data, difficulty: { ...data.difficulty, spearman } };
    const [first] = verdict(changed).reliability;
    expect(first!.level).toBe(level);
    expect(first!.en).toContain(words);
    expect(verdict(changed).findings.some((s) => s.en === first!.en)).toBe(level === 'warn');
    expect(verdict(changed).next.some((s) => s.en.includes('more seeds first'))).toBe(level === 'warn');
  });

  test('longer answers, cut answers, displaced log-probabilities and few prompts are warned of', () => {
    const data = fixtureReport();
    const arms = data.arms.map((arm) =>
      arm.name === 'selected'
        ? { ...arm, meanLengthTokens: 9.1, endedShare: 0.8, chosenLogProbChange: -1.2 }
        : arm,
    );
    const comparisons = data.comparisons.map((c) => ({ ...c, n: 40 }));
    const warned = verdict({ ...data, arms, comparisons })
      .findings.filter((s) => s.level === 'warn')
      .map((s) => s.en);
    expect(warned).toEqual([
      expect.stringContaining('chosen minus rejected is +1.2 tokens in the kept pairs and +0.5 in all pairs'),
      expect.stringContaining('+34% against “before training”'),
      expect.stringContaining('Only 80.0% of the answers end'),
      expect.stringContaining('less probable (−1.200 nats'),
      expect.stringContaining('Only 40 prompts'),
    ]);
  });

  test('a selection with the length gap of the pool is not called length-biased', () => {
    const data = fixtureReport();
    const lengths = { pool: { chosen: 6.9, rejected: 6.4 }, kept: { chosen: 7.0, rejected: 6.4 } };
    const { findings } = verdict({ ...data, selection: { ...data.selection, lengths } });
    expect(findings.map((s) => s.en).join()).not.toContain('prefers length');
  });

  test('never advises to drop pairs', () => {
    const cases = [
      winRates([0.05, 0.02], [0.05, 0.02]),
      winRates([-0.05, 0.02], null),
      fixtureReport(),
      fixtureWithoutGold(),
    ];
    for (const data of cases) expect(english(data)).not.toMatch(/\bdrop|discard|remove|delete/i);
  });
});

describe('findingOf', () => {
  const of = (metric: 'winRate' | 'reward' | 'heldOutLoss', low: number, high: number) =>
    findingOf({ metric, a: 'selected', b: 'full', difference: { value: (low + high) / 2, low, high }, n: 9 });

  test('an interval that touches 0 shows nothing; a lower loss is better', () => {
    expect(of('winRate', 0, 0.1)).toBe('none');
    expect(of('winRate', 0.01, 0.1)).toBe('better');
    expect(of('reward', 0.01, 0.1)).toBe('better');
    expect(of('reward', -0.1, -0.01)).toBe('worse');
    expect(of('heldOutLoss', 0.01, 0.1)).toBe('worse');
    expect(of('heldOutLoss', -0.1, -0.01)).toBe('better');
    expect(of('winRate', Number.NaN, 0.1)).toBe('unknown');
    expect(findingOf(undefined)).toBe('unknown');
  });
});

describe('a gain of length', () => {
  const matched = (difference: [number, number] | null, random: [number, number] = [0.05, 0.02]) =>
    withComparison(winRates(random, [0.01, 0.02]), 'winRate', 'length-matched', difference);

  test('is told from one of difficulty where random pairs of the same lengths were trained on', () => {
    expect(english(matched([0.04, 0.02]))).toContain('also beats random pairs of the same lengths');
    expect(english(matched([0.01, 0.02]))).toContain('may come from the lengths of its pairs');
    expect(english(matched([0.01, 0.02]))).toContain('“selected” minus “random, same lengths”: +1.0 points');
  });

  test('is not spoken of without that arm, or without a gain', () => {
    for (const data of [matched(null), matched([0.01, 0.02], [0, 0.02])])
      expect(english(data)).not.toMatch(/may come from the lengths|also beats random pairs/);
  });
});

describe('length beside the win rate', () => {
  /** Every other prompt is won, and always by the longer answer. */
  const told = winLengths(
    Array.from({ length: 60 }, (_, i) => ({
      prompt: `p${i}`,
      win: i % 2,
      lengthModel: 20 + (i % 2) * (1 + (i % 5)),
      lengthOpponent: 20 + ((i + 1) % 2) * (1 + (i % 3)),
    })),
  );
  const data = fixtureReport();
  const arms = data.arms.map((arm) => (arm.name === 'selected' ? { ...arm, winLengths: told } : arm));

  test('a judge that takes the longer answer is warned of, with what is left at equal length', () => {
    const sentence = verdict({ ...data, arms }).findings.find(({ en }) =>
      en.includes('chose the longer answer'),
    );
    expect(sentence?.level).toBe('warn');
    expect(sentence?.en).toContain('The judge chose the longer answer in 100.0% of its decided verdicts');
    expect(sentence?.en).toMatch(/At equal length it would win \d+\.\d% instead of 67\.1%/);
    expect(sentence?.ja).toMatch(/長さが同じなら勝率は 67\.1% ではなく/);
  });

  test('the table has a column for it, and a cause where it cannot be told', () => {
    expect(reportText({ ...data, arms })).toContain('Equal length %');
    expect(reportText(data)).not.toContain('Equal length %');
    const none = { ...told, lengthControlled: null, lengthControlledError: 'x' };
    const without = data.arms.map((arm) => (arm.name === 'selected' ? { ...arm, winLengths: none } : arm));
    expect(reportText({ ...data, arms: without })).toContain('length cannot be told from the model here');
  });
});

test('what rules and people decided is told, and there is no one cut then', () => {
  const data = fixtureReport();
  const decided = { ...data, selection: { ...data.selection, byHand: { keep: 53, drop: 14 } } };
  const told = verdict(decided).findings.find(({ en }) => en.startsWith('Rules and people'));
  expect(told?.en).toMatch(/keep 53 pairs .* leave 14 out of every arm/);
  expect(told?.ja).toMatch(/53 件.*14 件/);
  expect(reportText(decided)).not.toMatch(/The cut of this selection/);
  expect(reportText(data)).toMatch(/The cut of this selection/);
});
