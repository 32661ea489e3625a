import type { DuelResult } from '../evaluate/benchmark/results.ts';
import type { ArmPair } from '../evaluate/compare-arms.ts';
import { count, fixed, percent, signed } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';

/** What a difference between two models shows. `rating`: as it stands; `points`: of a share. */
export function pairSentence(pair: ArmPair, unit: 'points' | 'rating'): Sentence {
  const { a, b, difference, n, adjustedP, judgeNoise, separated } = pair;
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
      `${a} − ${b}: ${numbers}: ${difference.value > 0 ? a : b} is better.`,
      `${a} − ${b}：${numbersJa}。${difference.value > 0 ? a : b} が優れています。`,
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
export function lengthSentence({ model, lengths, lengthControlled, winRate }: DuelResult): Sentence | null {
  if (lengths === null || winRate === null) return null;
  const { meanLength, longer, agreement, agreementByChance } = lengths;
  const [own, other] = [count(meanLength.model), count(meanLength.opponent)];
  const lc =
    lengthControlled === null
      ? { en: '', ja: '' }
      : {
          en: ` At equal length it would win ${percent(lengthControlled.winRate)} instead of ${percent(winRate.value)}.`,
          ja: `長さが同じなら勝率は ${percent(winRate.value)} ではなく ${percent(lengthControlled.winRate)} と見込まれます。`,
        };
  const told =
    agreement === null
      ? { en: '', ja: '' }
      : {
          en: ` The judge chose the longer answer in ${percent(agreement.value)} of its decided verdicts (95 % ${percent(agreement.low)}–${percent(agreement.high)}; ${percent(agreementByChance)} if it saw no length).`,
          ja: `判定の ${percent(agreement.value)} で長い方が選ばれました（95 % 区間 ${percent(agreement.low)}～${percent(agreement.high)}、長さを見ない判定なら ${percent(agreementByChance)}）。`,
        };
  const much = agreement !== null && agreement.low > (agreementByChance ?? 0.5);
  return say(
    much ? 'warn' : 'neutral',
    `${model}: answers of ${own} characters, the opponent’s ${other}; longer in ${percent(longer.model)}.${told.en}${lc.en}`,
    `${model}：回答の平均は ${own} 文字、相手は ${other} 文字。${percent(longer.model)} で相手より長い回答でした。${told.ja}${lc.ja}`,
  );
}

/** What the order of the two answers did; null where it was not tried. */
export function positionSentence({ model, position }: DuelResult): Sentence | null {
  if (position === null || position.firstShare === null) return null;
  const { duels, opposite, firstShare } = position;
  const share = opposite / duels;
  return say(
    share > 0.2 ? 'warn' : 'neutral',
    `${model}: in ${percent(share)} of ${count(duels)} duels the judge’s winner changed with the order of the answers; the first place won ${percent(firstShare)} of the shares.`,
    `${model}：${count(duels)} 件のうち ${percent(share)} で、回答の提示順を入れ替えると勝者が逆転しました。先に示された側の取り分は ${percent(firstShare)} です。`,
  );
}

/** The judge's own chance; null where it was not asked twice. */
export function noiseSentence({ model, noise }: DuelResult): Sentence | null {
  if (noise === null || noise.agreement === null || noise.winRateError === null) return null;
  return say(
    'neutral',
    `${model}: asked again, the judge names the same winner in ${percent(noise.agreement)}; its chance alone moves a win rate by ${fixed(100 * noise.winRateError, 1)} points (standard error of one asking).`,
    `${model}：同じ質問を繰り返すと ${percent(noise.agreement)} で同じ勝者になります。判定の偶然だけで勝率は ${fixed(100 * noise.winRateError, 1)} ポイント（1 回の標準誤差）動きます。`,
  );
}
