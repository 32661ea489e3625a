import type { Comparison, Interval } from './data.ts';
import { count, fixed, known, points, signed } from './numbers.ts';
import { armName, type Both, words } from './words.ts';

/** good: evidence for the selection; warn: read this before acting; neutral: neither. */
export type Level = 'good' | 'neutral' | 'warn';

export interface Sentence extends Both {
  readonly level: Level;
}

/** What a paired difference shows: `better` and `worse` only where the 95 % interval excludes 0. */
export type Finding = 'better' | 'worse' | 'none' | 'unknown';

export const METRIC_NAMES = {
  winRate: { en: 'win rate', ja: '勝率' },
  reward: { en: 'mean reward', ja: '平均報酬' },
  correctness: { en: 'share of correct answers', ja: '正答率' },
  heldOutAccuracy: { en: 'held-out accuracy', ja: '評価用ペアの判別率' },
  heldOutLoss: { en: 'held-out loss', ja: '評価用ペアの損失' },
} as const satisfies Record<Comparison['metric'], Both>;

/** What a difference is told in: percentage points of shares, nats of losses, nothing of rewards, which have no unit. */
export const METRIC_UNITS = {
  winRate: words.points,
  reward: null,
  correctness: words.points,
  heldOutAccuracy: words.points,
  heldOutLoss: words.nats,
} as const satisfies Record<Comparison['metric'], Both | null>;

export function say(level: Level, en: string, ja: string): Sentence {
  return { level, en, ja };
}

/** Whether the interval of a − b excludes 0, and on which side; a lower loss is the better one. */
export function findingOf(comparison: Comparison | undefined): Finding {
  if (comparison === undefined) return 'unknown';
  const { value, low, high } = comparison.difference;
  if (!known(value) || !known(low) || !known(high)) return 'unknown';
  if (low <= 0 && high >= 0) return 'none';
  return low > 0 === (comparison.metric !== 'heldOutLoss') ? 'better' : 'worse';
}

/** The numbers of a paired difference, in one sentence. */
export function differenceSentence(comparison: Comparison): Sentence {
  const finding = findingOf(comparison);
  const metric = METRIC_NAMES[comparison.metric];
  const a = armName(comparison.a);
  const b = armName(comparison.b);
  const { value, range } = differenceText(comparison.metric, comparison.difference);
  const named = METRIC_UNITS[comparison.metric];
  const unit = named === null ? { en: '', ja: '' } : { en: ` ${named.en}`, ja: ` ${named.ja}` };
  const result: Both = {
    better: { en: 'better', ja: '改善' },
    worse: { en: 'worse', ja: '悪化' },
    none: { en: 'no difference seen', ja: '差は確認できず' },
    unknown: { en: 'not measured', ja: '測定なし' },
  }[finding];
  return say(
    finding === 'better' ? 'good' : finding === 'none' ? 'neutral' : 'warn',
    `${capital(metric.en)}, “${a.en}” minus “${b.en}”: ${value}${unit.en} (95% interval ${range.en}, n=${count(comparison.n)}): ${result.en}.`,
    `${metric.ja}の差（「${a.ja}」−「${b.ja}」）：${value}${unit.ja}（95% 信頼区間 ${range.ja}、n=${count(comparison.n)}）＝${result.ja}。`,
  );
}

/** A difference and its interval, in the unit of `METRIC_UNITS`. */
export function differenceText(
  metric: Comparison['metric'],
  { value, low, high }: Interval,
): { readonly value: string; readonly range: Both } {
  const show = (x: number) => (METRIC_UNITS[metric] === words.points ? points(x) : signed(x, 3));
  return {
    value: show(value),
    range: { en: `${show(low)} to ${show(high)}`, ja: `${show(low)} ～ ${show(high)}` },
  };
}

/** `12.3 tokens, +18% against …`: how a length relates to another. */
export function relativeChange(now: number, before: number): string {
  return before > 0 ? `${signed(100 * (now / before - 1), 0)}%` : '–';
}

export function tokens(value: number): string {
  return fixed(value, 1);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
