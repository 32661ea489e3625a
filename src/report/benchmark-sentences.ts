import type { DuelResult, DuelResults } from '../evaluate/benchmark/results.ts';
import type { ArmPair } from '../evaluate/compare-arms.ts';
import { lengthSentence } from './length-sentence.ts';
import { count, fixed, percent, signed } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';
import { words } from './words.ts';

/** The better one first. */
function ahead(pair: ArmPair): ArmPair {
  const { a, b, difference } = pair;
  if (difference.value >= 0) return pair;
  const turned = { value: -difference.value, low: -difference.high, high: -difference.low };
  return { ...pair, a: b, b: a, difference: turned };
}

/** What a difference between two models shows, the better one first. `rating`: as it stands; `points`: of a share. */
export function pairSentence(pair: ArmPair, unit: 'points' | 'rating'): Sentence {
  const { a, b, difference, n, adjustedP, judgeNoise, separated } = ahead(pair);
  const scaled = (value: number) => (unit === 'points' ? signed(100 * value, 1) : signed(value, 2));
  const units = unit === 'points' ? { en: ' points', ja: ' ポイント' } : { en: '', ja: '' };
  const range = `${scaled(difference.low)} … ${scaled(difference.high)}`;
  const inside = judgeNoise !== null && Math.abs(difference.value) <= judgeNoise;
  const p = adjustedP < 0.001 ? '< 0.001' : fixed(adjustedP, 3);
  const numbers = `${scaled(difference.value)}${units.en} (95 % ${range}; corrected p ${p}; ${count(n)} questions)`;
  const numbersJa = `${scaled(difference.value)}${units.ja}（95 % 区間 ${range}、補正後 p ${p}、質問 ${count(n)} 件）`;
  if (separated)
    return say(
      'neutral',
      `${a} − ${b}: ${numbers}: ${a} is better.`,
      `${a} − ${b}：${numbersJa}。${a} が優れています。`,
    );
  return inside
    ? say(
        'neutral',
        `${a} − ${b}: ${numbers}: inside the judge’s own noise (${scaled(judgeNoise).replace('+', '±')}); no ranking.`,
        `${a} − ${b}：${numbersJa}。判定自体のばらつき（${scaled(judgeNoise).replace('+', '±')}）の範囲内で、順位は付けられません。`,
      )
    : say(
        'neutral',
        `${a} − ${b}: ${numbers}: no difference shown; no ranking.`,
        `${a} − ${b}：${numbersJa}。差は示されず、順位は付けられません。`,
      );
}

/** How far length alone explains the judge; null without verdicts. */
export function duelLengths({ model, winRate, ...told }: DuelResult): Sentence | null {
  return lengthSentence({ en: model, ja: model }, winRate?.value ?? null, told, words.characters);
}

/** What the order of the two answers did, over all models; null where it was not tried. */
export function positionSentence({ position }: DuelResults['overall']): Sentence | null {
  if (position === null || position.firstShare === null) return null;
  const { duels, opposite, firstShare } = position;
  const share = opposite / duels;
  return say(
    share > 0.2 ? 'warn' : 'neutral',
    `In ${percent(share)} of ${count(duels)} duels the judge’s winner changed with the order of the answers; the first place won ${percent(firstShare)} of the shares.`,
    `${count(duels)} 件のうち ${percent(share)} で、回答の提示順を入れ替えると勝者が逆転しました。先に示された側の取り分は ${percent(firstShare)} です。`,
  );
}

/** The judge's own chance; null where it was not asked twice. */
export function noiseSentence({ overall: { noise }, models }: DuelResults): Sentence | null {
  if (noise === null || noise.agreement === null) return null;
  const errors = models.flatMap((model) => model.noise?.winRateError ?? []);
  const most = fixed(100 * Math.max(0, ...errors), 1);
  return say(
    'neutral',
    `Asked again, the judge names the same winner in ${percent(noise.agreement)}; its chance alone moves a win rate by up to ${most} points (standard error of one asking).`,
    `同じ質問を繰り返すと ${percent(noise.agreement)} で同じ勝者になります。判定の偶然だけで勝率は最大 ${most} ポイント（1 回の標準誤差）動きます。`,
  );
}

/** So many pairs of models are told one by one; of more, those that were told apart. */
const MOST_PAIRS = 6;

/** What the differences show. */
export function pairSentences(pairs: readonly ArmPair[], unit: 'points' | 'rating'): Sentence[] {
  if (pairs.length <= MOST_PAIRS) return pairs.map((pair) => pairSentence(pair, unit));
  const apart = pairs.filter(({ separated }) => separated);
  const rest = pairs.length - apart.length;
  if (rest === 0) return apart.map((pair) => pairSentence(pair, unit));
  const [all, allJa] = apart.length === 0 ? ['', ''] : ['other ', '残りの '];
  return [
    ...apart.map((pair) => pairSentence(pair, unit)),
    say(
      'neutral',
      `The ${all}${count(rest)} pairs of models are not told apart: no difference beyond chance and the judge’s own noise (evaluation.json has them all).`,
      `${allJa}${count(rest)} 組のモデルは区別できません。差は偶然と判定自体のばらつきの範囲内です（全組は evaluation.json にあります）。`,
    ),
  ];
}
