import type { Outlook } from '../difficulty/outlook.ts';
import { count, fixed, keepPercent, points } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';

/** What is likely, before any arm is trained: one sentence, and how far it may be trusted. */
export function outlookSentence(outlook: Outlook): Sentence {
  const { says, record, error } = outlook;
  const dropped = keepPercent(1 - outlook.keepFraction);
  const gain = `${points(outlook.predicted)} points of win rate, with a typical error of ${fixed(100 * error, 1)}`;
  const gainJa = `勝率の予測差 ${points(outlook.predicted)} ポイント、典型的な誤差 ${fixed(100 * error, 1)}`;
  const trust = `In the lab, it spoke of ${record.told} of ${record.dataSets} data sets in worlds new to it, and was wrong in ${record.wrong}; small models and a program as judge are all it knows.`;
  const trustJa = `実験室では、未見の条件の ${record.dataSets} データセット中 ${record.told} 件で予測を述べ、${record.wrong} 件で外れました（小さなモデルとプログラムによる判定での結果です）。`;
  if (says === 'unknown')
    return say(
      'neutral',
      `Outlook: whether dropping the hardest ${dropped} would help cannot be told (${whyNot(outlook)}). ${trust}`,
      `見通し：難しい ${dropped} を除く効果は予測できません（${whyNotJa(outlook)}）。${trustJa}`,
    );
  return says === 'help'
    ? say(
        'good',
        `Outlook: dropping the hardest ${dropped} is likely to help (${gain}). ${trust}`,
        `見通し：難しい ${dropped} を除くと改善する見込みです（${gainJa}）。${trustJa}`,
      )
    : say(
        'warn',
        `Outlook: dropping the hardest ${dropped} is likely to hurt (${gain}). ${trust}`,
        `見通し：難しい ${dropped} を除くと悪化する見込みです（${gainJa}）。${trustJa}`,
      );
}

function whyNot({ because, predicted, error, evidence, pairs, leastPairs }: Outlook): string {
  if (because === 'not-measured') return 'the scores of one seed are not enough: --seeds 2';
  if (because === 'too-few-pairs')
    return `${count(pairs)} pairs are too few: the rule is one of ${count(leastPairs)} and more`;
  if (because === 'within-error')
    return `${points(predicted)} points of win rate are predicted, with a typical error of ${fixed(100 * error, 1)}`;
  const odd = evidence.find((one) => outside(one));
  return `these pairs are unlike the lab’s: ${odd?.property} is ${fixed(odd?.value, 2)}, there ${fixed(odd?.low, 2)} to ${fixed(odd?.high, 2)}`;
}

function whyNotJa({ because, predicted, error, evidence, pairs, leastPairs }: Outlook): string {
  if (because === 'not-measured') return '1 シードの測定では不足です。--seeds 2 を指定してください';
  if (because === 'too-few-pairs')
    return `${count(pairs)} 件では不足です。この規則は ${count(leastPairs)} 件以上を対象とします`;
  if (because === 'within-error')
    return `勝率の予測差 ${points(predicted)} ポイントは典型的な誤差 ${fixed(100 * error, 1)} の範囲内です`;
  const odd = evidence.find((one) => outside(one));
  return `実験室のデータと性質が異なります：${odd?.property} = ${fixed(odd?.value, 2)}、実験室では ${fixed(odd?.low, 2)}～${fixed(odd?.high, 2)}`;
}

function outside({ value, low, high }: Outlook['evidence'][number]): boolean {
  return value !== null && (value < low || value > high);
}
