import * as Plot from '@observablehq/plot';
import type { AutoKeep } from '../select/auto-keep.ts';
import { effectWords } from './effect-words.ts';
import { fixed, keepPercent, percent, points } from './numbers.ts';
import { bilingual, type Chart, draw } from './plot.ts';
import { type Sentence, say } from './sentences.ts';
import { words } from './words.ts';

/** Shares that are statistically as good as the highest: the interval of the difference reaches 0. */
export function asGood({ tried }: AutoKeep): number[] {
  return tried.flatMap(({ keepFraction, belowBest }) =>
    belowBest !== undefined && belowBest.high >= 0 ? [keepFraction] : [],
  );
}

/** What the curve of shares says; nothing of reports that have no intervals of it. */
export function shareSentences(auto: AutoKeep): Sentence[] {
  const good = asGood(auto);
  if (good.length === 0) return [];
  const best = auto.tried.reduce((a, b) => (b.winRate > a.winRate ? b : a));
  const { value, low, high } = auto.gain;
  const chosen = keepPercent(auto.keepFraction);
  const gain = `${points(value)} points, 90% interval ${points(low)} to ${points(high)}`;
  const gainJa = `${points(value)} ポイント、90% 信頼区間 ${points(low)} ～ ${points(high)}`;
  const range = good.map(keepPercent);
  return [
    auto.keepFraction < 1
      ? say(
          'good',
          `${chosen} of the pairs were kept: the best share below all, and better than all pairs beyond chance (${gain}).`,
          `採用率は ${chosen} です。全件より少ない採用率のうち最も高く、全件との差は偶然を超えています（${gainJa}）。`,
        )
      : say(
          'neutral',
          `All pairs were kept: no share below all is better beyond chance (best share minus all pairs ${gain}). No difference seen.`,
          `全件を採用しました。偶然を超えて全件を上回る採用率はありません（最良の採用率 − 全件：${gainJa}）。差は確認できません。`,
        ),
    good.length === auto.tried.length
      ? say(
          'neutral',
          `The win rate is highest at ${keepPercent(best.keepFraction)} (${percent(best.winRate)}), but no share is shown to be worse: the curve is flat as far as these prompts can tell.`,
          `勝率は ${keepPercent(best.keepFraction)} で最も高い（${percent(best.winRate)}）ものの、どの採用率も劣るとは言えません。このプロンプト数では曲線は平らです。`,
        )
      : say(
          'neutral',
          `The win rate is highest at ${keepPercent(best.keepFraction)} (${percent(best.winRate)}); statistically as good: ${range.join(', ')}. The highest of several is flattered by luck.`,
          `勝率は ${keepPercent(best.keepFraction)} で最も高く（${percent(best.winRate)}）、統計的に差がないのは ${range.join('、')} です。複数から選んだ最高値は、偶然により高めに出ます。`,
        ),
  ];
}

/** Win rate over the share kept, with the intervals of each. */
export function shareChart(auto: AutoKeep): Chart | null {
  const good = new Set(asGood(auto));
  const rows = auto.tried.flatMap(({ keepFraction, winRate, interval }) =>
    interval === undefined
      ? []
      : [
          {
            share: 100 * keepFraction,
            value: 100 * winRate,
            low: 100 * interval.low,
            high: 100 * interval.high,
            text: fixed(100 * winRate, 1),
            isChosen: keepFraction === auto.keepFraction,
            isGood: good.has(keepFraction),
          },
        ],
  );
  if (rows.length === 0) return null;
  const colour = (row: (typeof rows)[number]) => (row.isGood ? 'var(--accent)' : 'var(--muted)');
  return {
    id: 'shares',
    caption: effectWords.sharesCaption,
    svg: draw(
      {
        height: 260,
        marginBottom: 42,
        marginLeft: 48,
        x: {
          label: bilingual(effectWords.shareKept),
          labelArrow: 'none',
          labelAnchor: 'center',
          labelOffset: 36,
          ticks: rows.map(({ share }) => share),
          inset: 24,
        },
        y: {
          label: bilingual({ en: `${words.winRate.en} (%)`, ja: `${words.winRate.ja} (%)` }),
          labelArrow: 'none',
          grid: true,
          inset: 10,
        },
        marks: [
          Plot.line(rows, { x: 'share', y: 'value', stroke: 'var(--muted)', strokeDasharray: '3 3' }),
          Plot.ruleX(rows, { x: 'share', y1: 'low', y2: 'high', stroke: colour, strokeWidth: 2 }),
          Plot.dot(rows, {
            x: 'share',
            y: 'value',
            r: 5,
            stroke: colour,
            strokeWidth: 2,
            fill: (row: (typeof rows)[number]) => (row.isChosen ? 'var(--accent)' : 'var(--paper)'),
          }),
          Plot.text(rows, {
            x: 'share',
            y: 'value',
            text: 'text',
            dx: 8,
            textAnchor: 'start',
            fill: 'currentColor',
            stroke: 'var(--paper)',
            fontSize: 11,
          }),
        ],
      },
      'chart-shares',
    ),
  };
}
