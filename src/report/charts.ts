import { answerLengthChart, armChart, pairLengthChart } from './arm-charts.ts';
import type { ArmResult, Interval, ReportData } from './data.ts';
import { agreementChart, difficultyChart } from './difficulty-charts.ts';
import type { Chart } from './plot.ts';
import type { Both } from './words.ts';

/** The charts for which the run has data, in the order of the page. */
export function charts(data: ReportData): Chart[] {
  const panels: [id: string, caption: Both, of: (arm: ArmResult) => Interval | null, rule: number | null][] =
    [
      [
        'win-rate',
        {
          en: 'Win rate against the model before training, with 95% intervals. At 50% (line) neither is preferred.',
          ja: '学習前のモデルに対する勝率と 95% 信頼区間。50%（線）は優劣なしを表します。',
        },
        (arm) => arm.winRate,
        50,
      ],
      [
        'correctness',
        {
          en: 'Share of correct answers, with 95% intervals. Line: before training.',
          ja: '正答率と 95% 信頼区間。線は学習前の値です。',
        },
        (arm) => arm.correctness,
        startOf(data)?.correctness == null ? null : 100 * startOf(data)!.correctness!.value,
      ],
      [
        'held-out-accuracy',
        {
          en: 'Share of held-out pairs that the model orders as the label says, with 95% intervals. Line: a guess, 50%.',
          ja: '評価用ペアをラベルどおりに順位付けした割合と 95% 信頼区間。線は当て推量（50%）です。',
        },
        ({ heldOut }) => ({ value: heldOut.accuracy, low: heldOut.accuracyLow, high: heldOut.accuracyHigh }),
        50,
      ],
    ];
  return [
    difficultyChart(data),
    agreementChart(data),
    ...panels.map(([id, caption, of, rule]) => armChart(data, id, caption, of, rule)),
    pairLengthChart(data),
    answerLengthChart(data),
  ].filter((chart) => chart !== null);
}

function startOf({ arms }: ReportData): ArmResult | undefined {
  return arms.find((arm) => arm.name === 'start');
}
