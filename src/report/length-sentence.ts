import type { WinLengths } from '../evaluate/win-lengths.ts';
import { count, fixed, percent } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';
import type { Both } from './words.ts';

/** So much of a win rate is worth a warning where equal lengths would take it away, or give it. */
const MUCH = 0.05;

/** How far length alone explains a win rate, lengths in `unit`; null without verdicts. */
export function lengthSentence(
  name: Both,
  winRate: number | null,
  { lengths, lengthControlled }: WinLengths,
  unit: Both,
): Sentence | null {
  if (lengths === null || winRate === null) return null;
  const { meanLength, longer, agreement, agreementByChance } = lengths;
  const [own, other] = [lengthText(meanLength.model), lengthText(meanLength.opponent)];
  const lc =
    lengthControlled === null
      ? { en: '', ja: '' }
      : {
          en: ` At equal length it would win ${percent(lengthControlled.winRate)} instead of ${percent(winRate)}.`,
          ja: `長さが同じなら勝率は ${percent(winRate)} ではなく ${percent(lengthControlled.winRate)} と見込まれます。`,
        };
  const told =
    agreement === null
      ? { en: '', ja: '' }
      : {
          en: ` The judge chose the longer answer in ${percent(agreement.value)} of its decided verdicts (95 % ${percent(agreement.low)}–${percent(agreement.high)}; ${percent(agreementByChance)} if it saw no length).`,
          ja: `判定の ${percent(agreement.value)} で長い方が選ばれました（95 % 区間 ${percent(agreement.low)}～${percent(agreement.high)}、長さを見ない判定なら ${percent(agreementByChance)}）。`,
        };
  const prefers = agreement !== null && agreement.low > (agreementByChance ?? 0.5);
  const moves = lengthControlled !== null && Math.abs(lengthControlled.winRate - winRate) > MUCH;
  return say(
    prefers || moves ? 'warn' : 'neutral',
    `${name.en}: answers of ${own} ${unit.en}, the opponent’s ${other}; longer in ${percent(longer.model)}.${told.en}${lc.en}`,
    `${name.ja}：回答の平均は ${own} ${unit.ja}、相手は ${other} ${unit.ja}。${percent(longer.model)} で相手より長い回答でした。${told.ja}${lc.ja}`,
  );
}

/** Lengths of a few are told to the tenth. */
export function lengthText(length: number): string {
  return length < 100 ? fixed(length, 1) : count(length);
}
