import { inputError } from '../base/errors.ts';
import { deriveSeed } from '../base/random.ts';
import { bootstrapMean } from '../stats/bootstrap.ts';
import { pearson } from '../stats/correlation.ts';
import type { Interval } from '../stats/interval.ts';
import { signFlipTest } from '../stats/sign-flip.ts';
import { type SignTest, signTest } from '../stats/sign-test.ts';
import { holm, pooledDeviation, studentQuantile } from '../stats/student-t.ts';
import { type RankRange, rankRanges } from './rank-ranges.ts';

/** One verdict on an arm's answer to a prompt, against the baseline's answer. */
export interface ArmVerdict {
  readonly prompt: string;
  /** The arm's share of the win, whichever order it was judged in: 1 won, ½ tied, 0 lost, or a preference between. */
  readonly win: number;
  /** Which repeat of the whole judging it belongs to. Default 0; both orders of one repeat have one number. */
  readonly repeat?: number;
}

export interface JudgedArm {
  readonly name: string;
  readonly verdicts: readonly ArmVerdict[];
}

export interface ArmWinRate {
  readonly name: string;
  /** Mean over prompts of each prompt's mean over its verdicts; the interval is of other prompts. */
  readonly winRate: Interval & { readonly n: number };
  readonly verdicts: number;
  readonly repeats: number;
  /** Standard deviation of the win rate between repeats: the judge's own noise. null with one repeat. */
  readonly repeatDeviation: number | null;
  readonly rank: RankRange;
}

/** Two arms on the prompts that both have verdicts on. */
export interface ArmPair {
  readonly a: string;
  readonly b: string;
  /** a − b. */
  readonly difference: Interval;
  readonly n: number;
  /** Prompts that only one of them has. */
  readonly leftOut: number;
  /** Sign-flip test over prompts. */
  readonly p: number;
  /** The same, corrected for all pairs of arms (Holm). */
  readonly adjustedP: number;
  /** The check: who has the larger share on how many prompts. On outcomes of 0 and 1 it is McNemar's exact test. */
  readonly signTest: SignTest;
  /** Between the two arms' shares over prompts: what a plan of the next comparison needs. */
  readonly correlation: number | null;
  /** How large a difference the judge's own noise alone makes, at the level of the intervals. null with one repeat. */
  readonly judgeNoise: number | null;
  /** The interval leaves out 0, the corrected p is below 1 − level, and the difference is beyond the judge's noise. */
  readonly separated: boolean;
}

export interface ArmsComparison {
  /** Highest win rate first. */
  readonly arms: readonly ArmWinRate[];
  readonly pairs: readonly ArmPair[];
}

export interface CompareArmsOptions {
  readonly seed: number;
  /** Of intervals and tests. Default 0.95. */
  readonly level?: number;
  /** Of the bootstrap. Default 2,000. */
  readonly resamples?: number;
}

/**
 * Compares arms that one judge has set against one baseline on the same prompts.
 *
 * A prompt counts once, however often it was judged: its share is the mean over orders and repeats. Differences are
 * paired by prompt; intervals are bootstraps over prompts, p a sign-flip test over prompts, corrected by Holm over all
 * pairs. Judge's noise of a difference: t · s · √(1/R_a + 1/R_b), s the standard deviation of win rates between
 * repeats, pooled over arms with its degrees of freedom, R the repeats. Ranks: {@link rankRanges}.
 * One arm has a win rate and no pair; one prompt an interval without width, and p = 1.
 *
 * @throws inputError for an arm without verdicts, two arms of one name, a win outside 0 … 1, no prompt in common.
 */
export function compareJudgedArms(arms: readonly JudgedArm[], options: CompareArmsOptions): ArmsComparison {
  const { seed, level = 0.95, resamples = 2000 } = options;
  const judged = arms.map((arm) => ({ name: arm.name, ...gather(arm) }));
  const twice = arms.find(({ name }, i) => arms.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) throw inputError('duplicate-arm', 'two arms have one name', { got: twice.name });
  const noise = pooledDeviation(judged.map(({ rates }) => rates));
  const quantile = noise === null ? 0 : studentQuantile((1 + level) / 2, noise.df);

  // Fine enough that the least p is below the level after correction.
  const draws = Math.max(9999, Math.ceil((judged.length * (judged.length - 1)) / (1 - level)));
  const raw = judged.flatMap((a, i) =>
    judged.slice(i + 1).map((b) => {
      const common = [...a.shares.keys()].filter((prompt) => b.shares.has(prompt));
      if (common.length === 0)
        throw inputError(
          'no-common-prompts',
          `arms ${a.name} and ${b.name} were judged on no common prompt`,
          {
            remedy: 'Judge both on the same prompts',
          },
        );
      const left = common.map((prompt) => a.shares.get(prompt) as number);
      const right = common.map((prompt) => b.shares.get(prompt) as number);
      const differences = left.map((share, k) => share - (right[k] as number));
      const of = (what: string) => deriveSeed(seed, what, a.name, b.name);
      return {
        a: a.name,
        b: b.name,
        difference: bootstrapMean(differences, { seed: of('difference'), level, resamples }),
        n: common.length,
        leftOut: a.shares.size + b.shares.size - 2 * common.length,
        p: signFlipTest(differences, { seed: of('sign flip'), draws }),
        signTest: signTest(differences),
        correlation: pearson(left, right),
        // An arm of one repeat has the noise that the repeats of the others show.
        judgeNoise:
          noise === null ? null : quantile * noise.sd * Math.sqrt(1 / a.rates.length + 1 / b.rates.length),
      };
    }),
  );
  const adjusted = holm(raw.map(({ p }) => p));
  const pairs = raw.map((pair, i): ArmPair => {
    const { value, low, high } = pair.difference;
    const adjustedP = adjusted[i] as number;
    const separated =
      (low > 0 || high < 0) && adjustedP <= 1 - level && Math.abs(value) > (pair.judgeNoise ?? 0);
    return { ...pair, adjustedP, separated };
  });

  const ranks = rankRanges(
    judged.map(({ name }) => name),
    pairs
      .filter(({ separated }) => separated)
      .map(({ a, b, difference }) => (difference.value > 0 ? [a, b] : [b, a])),
  );
  const rated = judged.map(({ name, shares, rates }, i): ArmWinRate => {
    const values = [...shares.values()];
    const winRate = bootstrapMean(values, { seed: deriveSeed(seed, 'win rate', name), level, resamples });
    return {
      name,
      winRate: { ...winRate, n: values.length },
      verdicts: (arms[i] as JudgedArm).verdicts.length,
      repeats: rates.length,
      repeatDeviation: pooledDeviation([rates])?.sd ?? null,
      rank: ranks[i] as RankRange,
    };
  });
  return { arms: rated.sort((a, b) => b.winRate.value - a.winRate.value), pairs };
}

/** Each prompt's share over all verdicts, and the win rate of each repeat. */
function gather({ name, verdicts }: JudgedArm) {
  if (verdicts.length === 0) throw inputError('no-verdicts', `arm ${name} has no verdict`);
  const all = new Map<string, number[]>();
  const byRepeat = new Map<number, Map<string, number[]>>();
  for (const { prompt, win, repeat = 0 } of verdicts) {
    if (!(win >= 0 && win <= 1))
      throw inputError('bad-win', `a verdict on arm ${name} is no share of a win`, {
        got: win,
        need: 'a number from 0 to 1',
        prompt,
      });
    const own = byRepeat.get(repeat) ?? new Map<string, number[]>();
    byRepeat.set(repeat, own);
    for (const shares of [all, own]) shares.set(prompt, [...(shares.get(prompt) ?? []), win]);
  }
  const means = (shares: ReadonlyMap<string, readonly number[]>) =>
    new Map([...shares].map(([prompt, wins]) => [prompt, mean(wins)] as const));
  return { shares: means(all), rates: [...byRepeat.values()].map((own) => mean([...means(own).values()])) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
