import type { CostSheet, Money } from '../pipeline/cost-sheet.ts';
import { count, duration, fixed, percent, points, signed } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';
import { armName, type Both } from './words.ts';

/** What scoring cost and selection saves, when it has paid, and what a larger pilot would tell. */
export function costSentences(cost: CostSheet & { readonly money: Money | null }): Sentence[] {
  const { breakEven, finalTraining } = cost;
  const saved = finalTraining.savedTokens / Math.max(1, finalTraining.fullTokens);
  const hours = duration(finalTraining.savedHours === null ? null : 3600 * finalTraining.savedHours);
  const paid: Sentence =
    breakEven.trainings === null
      ? say(
          'neutral',
          'The selection leaves out no tokens, so a final training costs what it did.',
          '選別でトークンが減っていないため、最終的な学習の費用は変わりません。',
        )
      : say(
          'neutral',
          `Training on the kept pairs saves ${percent(saved)} of the tokens (${tokenText(finalTraining.savedTokens).en}${finalTraining.savedHours === null ? '' : `, ${hours.en}`} a training of this size). Scoring has paid for itself after ${fixed(breakEven.trainings, 1)} such trainings, or with one of a model ${fixed(breakEven.trainings, 1)} times as large as the one that scored; how many pairs there are does not matter, as both grow with them.`,
          `採用ペアだけで学習すると、トークンの ${percent(saved)} を節約できます（この規模の学習 1 回で ${tokenText(finalTraining.savedTokens).ja}${finalTraining.savedHours === null ? '' : `、${hours.ja}`}）。難易度の測定の費用は、同じ学習 ${fixed(breakEven.trainings, 1)} 回分、または測定に使ったモデルの ${fixed(breakEven.trainings, 1)} 倍の大きさのモデルの学習 1 回で回収できます。どちらもペア数に比例するため、件数にはよりません。`,
        );
  return [paid, ...moneySentences(cost.money), ...largerSentences(cost)];
}

function moneySentences(money: Money | null): Sentence[] {
  if (money === null) return [];
  const { currency } = money;
  const show = (value: number | null) =>
    value === null ? '–' : `${fixed(value, value !== 0 && Math.abs(value) < 0.1 ? 4 : 2)} ${currency}`;
  const after = (value: number | null) => (value === null ? '–' : fixed(value, 1));
  return [
    say(
      'neutral',
      `At your prices: scoring ${show(money.scoring)}, comparing ${show(money.comparing)}${money.judging === null ? '' : ` (of it judging ${show(money.judging)})`}; a training on the kept pairs saves ${show(money.savedPerTraining)}. Scoring alone has paid after ${after(money.breakEvenScoring)} trainings, the whole pilot after ${after(money.breakEvenPilot)}.`,
      `設定された単価では、測定 ${show(money.scoring)}、比較 ${show(money.comparing)}${money.judging === null ? '' : `（うち評価者 ${show(money.judging)}）`}、採用ペアでの学習 1 回の節約は ${show(money.savedPerTraining)}。測定だけなら ${after(money.breakEvenScoring)} 回、試行全体では ${after(money.breakEvenPilot)} 回の学習で回収できます。`,
    ),
  ];
}

function largerSentences({ largerPilot: pilot }: CostSheet): Sentence[] {
  if (pilot === null) return [];
  const show = (value: number) =>
    (pilot.metric === 'heldOutLoss' ? signed(value, 3) : points(value)).replace('+', '');
  const other = armName(pilot.against);
  const isShown = Math.abs(pilot.difference) > pilot.halfWidth;
  const widths = [pilot.halfWidth, pilot.doubled, pilot.fourfold].map(show);
  const needed = pilot.needed === null ? null : count(pilot.needed);
  return [
    say(
      'neutral',
      `Is a larger pilot worth it? The difference to “${other.en}” is known to ±${widths[0]} points from ${count(pilot.n)} prompts or pairs; twice as many would make it ±${widths[1]}, four times as many ±${widths[2]} (as 1/√n). ${isShown ? 'It is already shown to be other than 0, so more would only narrow it.' : needed === null ? 'No difference was found, so no number can be said.' : `If the difference is as large as found, about ${needed} would show it; if it is smaller, more.`}`,
      `試行を大きくする価値はあるか：「${other.ja}」との差は ${count(pilot.n)} 件から ±${widths[0]} ポイントの精度で分かっています。2 倍なら ±${widths[1]}、4 倍なら ±${widths[2]} です（1/√n に比例）。${isShown ? '0 でないことはすでに示されており、増やしても区間が狭まるだけです。' : needed === null ? '差が見られないため、必要な件数は言えません。' : `差が見積もりどおりなら約 ${needed} 件で示せます。実際の差が小さければ、さらに必要です。`}`,
    ),
  ];
}

/** 1234567 → `1.2 M tokens`. */
export function tokenText(tokens: number): Both {
  const [text, unit] =
    tokens >= 1e9
      ? [fixed(tokens / 1e9, 1), ' G']
      : tokens >= 1e6
        ? [fixed(tokens / 1e6, 1), ' M']
        : tokens >= 1e4
          ? [fixed(tokens / 1e3, 0), ' k']
          : [count(tokens), ''];
  return { en: `${text}${unit} tokens`, ja: `${text}${unit} トークン` };
}
