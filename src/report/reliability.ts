import { spearmanBrown } from '../stats/correlation.ts';
import { hasOneCut, type ReportData } from './data.ts';
import { fixed, keepPercent, known, percent } from './numbers.ts';
import { isMeasuredOnce, scorerName } from './scorer.ts';
import { type Sentence, say } from './sentences.ts';

/** Below this rank correlation more of a pair's place is noise than order. */
const NOISE = 0.5;
/** From here on the order is about as stable as the paper's own (0.90 to 0.97 between runs, Fig. 2). */
const STABLE = 0.8;

const BETWEEN = {
  seeds: { en: 'two seeds', ja: '二つのシード' },
  checkpoints: { en: 'two checkpoints of the same training', ja: '同じ学習の二つのチェックポイント' },
  'token-halves': { en: 'two halves of the tokens', ja: 'トークンを半分ずつに分けた二つの測定' },
} as const;

/** How far the difficulty can be trusted: noise in the scores is noise in the selection. */
export function reliability(data: ReportData): Sentence[] {
  const { difficulty, selection } = data;
  const between = BETWEEN[difficulty.reliabilityBetween ?? 'seeds'];
  const rho = difficulty.spearman;
  const scorer = scorerName(data);
  const sentences: Sentence[] = [];
  if (scorer !== null)
    sentences.push(
      say(
        'neutral',
        `The pairs are ordered by another scorer than the held-out loss: ${scorer.en}.`,
        `ペアの順序は学習に使わないときの損失ではなく、別の尺度によります：${scorer.ja}。`,
      ),
    );
  if (isMeasuredOnce(data)) {
    sentences.push(
      say(
        'neutral',
        'It was measured once, so how stable the order is was not measured; whether this order is the better one, only the arms tell.',
        '測定は一度だけで、順位の安定性は測定されていません。この順序が有効かどうかは、条件の比較だけが示します。',
      ),
    );
  } else if (!known(rho)) {
    sentences.push(
      say(
        'warn',
        'How reliable the difficulty is was not measured: score with at least two seeds before you act on the selection.',
        '難易度の信頼性は測定されていません。選別の結果を使う前に、二つ以上のシードで測定してください。',
      ),
    );
  } else {
    const numbers = {
      en: `Rank correlation of the difficulty between ${between.en}: ${fixed(rho, 2)}`,
      ja: `${between.ja}の間での難易度の順位相関：${fixed(rho, 2)}`,
    };
    if (rho < NOISE) {
      sentences.push(
        say(
          'warn',
          `${numbers.en}. That is low: the selection rests largely on noise, and other pairs would be kept another time.`,
          `${numbers.ja}。低い値です。選別は大部分が偶然に左右され、やり直すと別のペアが選ばれます。`,
        ),
      );
    } else if (rho < STABLE) {
      sentences.push(
        say(
          'neutral',
          `${numbers.en}. That is moderate: the easiest and the hardest pairs are told apart, those near the cut are not.`,
          `${numbers.ja}。中程度です。ごく易しいペアと難しいペアは区別できますが、しきい値付近は入れ替わります。`,
        ),
      );
    } else {
      sentences.push(
        say('good', `${numbers.en}. The order is stable.`, `${numbers.ja}。順位は安定しています。`),
      );
    }
  }
  sentences.push(...sharedKept(data));
  const { seeds, reliabilityBetween } = difficulty;
  if (known(rho) && rho > 0 && reliabilityBetween === 'seeds' && seeds > 1) {
    const whole = fixed(spearmanBrown(rho, seeds), 2);
    sentences.push(
      say(
        'neutral',
        `The selection uses the mean over ${seeds} seeds, which is steadier than one: about ${whole} by the Spearman–Brown formula.`,
        `選別には ${seeds} シードの平均を使うため、1 シードより安定します（スピアマン・ブラウンの公式で約 ${whole}）。`,
      ),
    );
  }
  if (known(rho) && reliabilityBetween !== 'seeds') {
    sentences.push(
      say(
        'neutral',
        'This compares parts of the same trainings; how much another seed would change the order is not in it.',
        '同じ学習の中での比較です。シードを変えたときの変動は含まれていません。',
      ),
    );
  }
  // Losses alone have a ln 2 at which the label is contradicted.
  if (scorer !== null) return sentences;
  const pairs = fixed(difficulty.values.length, 0);
  const below = percent(difficulty.shareBelowLn2);
  const cut =
    hasOneCut(selection) && known(selection.threshold)
      ? {
          en: ` The cut of this selection is ${fixed(selection.threshold, 3)}.`,
          ja: `今回の選別のしきい値は ${fixed(selection.threshold, 3)} です。`,
        }
      : { en: '', ja: '' };
  sentences.push(
    say(
      'neutral',
      `Models that never trained on a pair order ${below} of the ${pairs} pairs as the label says (a loss below ln 2 = 0.693).${cut.en}`,
      `そのペアで学習していないモデルがラベルどおりに順位付けできたのは、${pairs} 件中 ${below} です（損失が ln 2 = 0.693 未満）。${cut.ja}`,
    ),
  );
  return sentences;
}

function sharedKept({ difficulty, selection }: ReportData): Sentence[] {
  const { overlap } = difficulty;
  if (!known(overlap) || selection.keepFraction >= 1) return [];
  const chance = selection.keepFraction;
  // Less than a fifth of the way from chance to perfect agreement.
  const weak = overlap < chance + 0.2 * (1 - chance);
  return [
    say(
      weak ? 'warn' : 'neutral',
      `Each would keep ${percent(overlap)} of the same pairs; by chance it would be ${keepPercent(chance)}.${weak ? ' That is hardly more than chance.' : ''}`,
      `両者が共通して採用するペアは ${percent(overlap)} です（偶然でも ${keepPercent(chance)}）。${weak ? '偶然とほとんど変わりません。' : ''}`,
    ),
  ];
}

/** Whether the selection rests on noise, or nobody looked where noise is. */
export function isUnreliable(data: ReportData): boolean {
  const { difficulty } = data;
  if (isMeasuredOnce(data)) return false;
  return !known(difficulty.spearman) || difficulty.spearman < NOISE;
}
