import type { ArmResult, Comparison, ReportData } from './data.ts';
import { lengthSentence } from './length-sentence.ts';
import { known, percent, signed } from './numbers.ts';
import { findingOf, relativeChange, type Sentence, say, tokens } from './sentences.ts';
import { armName, words } from './words.ts';

/** Answers this much longer or shorter than before training are worth a warning. */
const LENGTH_CHANGE = 0.1;
/** A drop of the ended share by this much says that answers run into the generation limit. */
const ENDED_DROP = 0.05;

/** Side effects that belong beside every win rate: correctness, length, ended answers, displacement. */
export function sideEffects(data: ReportData, metric: Comparison['metric']): Sentence[] {
  const arm = (name: string) => data.arms.find((one) => one.name === name);
  const selected = arm('selected');
  if (selected === undefined) return [];
  return [
    correctness(data, selected, metric),
    pairLengths(data),
    length(selected, arm('start'), arm('full')),
    wonByLength(selected),
    ended(selected, arm('start')),
    displacement(selected),
  ].filter((sentence) => sentence !== null);
}

/**
 * Whether a gain over random pairs is one of difficulty or of length: random pairs with the selection's distribution
 * of length differences share its lengths and nothing else.
 */
export function lengthEffect(random: Comparison | undefined, matched: Comparison | undefined): Sentence[] {
  if (findingOf(random) !== 'better') return [];
  const finding = findingOf(matched);
  if (finding === 'unknown') return [];
  return finding === 'better'
    ? [
        say(
          'good',
          'The selection also beats random pairs of the same lengths: its gain is not one of length alone.',
          '長さをそろえた無作為なペアと比べても改善しており、効果は長さだけによるものではありません。',
        ),
      ]
    : [
        say(
          'warn',
          'Against random pairs of the same lengths no gain is seen: what the selection gained may come from the lengths of its pairs, not from their difficulty.',
          '長さをそろえた無作為なペアに対する改善は確認できません。選別の効果は難易度ではなく、採用ペアの長さによる可能性があります。',
        ),
      ];
}

/** Comparisons in which the selected arm's answers are less often right, the start model aside. */
export function correctnessLosses(data: ReportData): Comparison[] {
  return data.comparisons.filter(
    (c) => c.metric === 'correctness' && c.a === 'selected' && c.b !== 'start' && findingOf(c) === 'worse',
  );
}

function correctness(data: ReportData, selected: ArmResult, metric: Comparison['metric']): Sentence | null {
  if (selected.correctness === null) {
    return metric === 'winRate'
      ? say(
          'neutral',
          'No program can tell right from wrong answers on this data: the win rate says what is preferred, not what is right.',
          'このデータには正誤を判定できるプログラムがありません。勝率が示すのは好ましさであり、正しさではありません。',
        )
      : null;
  }
  const named = ['start', 'full', 'random']
    .map((name) => data.arms.find((arm) => arm.name === name))
    .filter((arm) => arm?.correctness != null);
  const share = percent(selected.correctness.value);
  const others = {
    en: named.map((arm) => `${armName(arm!.name).en} ${percent(arm!.correctness!.value)}`).join(', '),
    ja: named.map((arm) => `${armName(arm!.name).ja} ${percent(arm!.correctness!.value)}`).join('、'),
  };
  const en = `Correct answers: selected ${share}${others.en === '' ? '' : ` (${others.en})`}.`;
  const ja = `正答率：選別 ${share}${others.ja === '' ? '' : `（${others.ja}）`}。`;
  const start = data.comparisons.find(
    (c) => c.metric === 'correctness' && c.a === 'selected' && c.b === 'start',
  );
  const losses = correctnessLosses(data);
  if (losses.length > 0) {
    const names = {
      en: losses.map((c) => `“${armName(c.b).en}”`),
      ja: losses.map((c) => `「${armName(c.b).ja}」`),
    };
    return say(
      'warn',
      `${en} Fewer answers are right than with ${names.en.join(' and ')}: ${metric === 'winRate' ? 'what the win rate rewards is not correctness' : 'selection costs correctness'}.`,
      `${ja}${names.ja.join('と')}より正答率が下がっています。${metric === 'winRate' ? '勝率で評価されているのは正しさではありません。' : '選別の代償です。'}`,
    );
  }
  if (findingOf(start) === 'worse') {
    return say(
      'warn',
      `${en} Fewer answers are right than before training.`,
      `${ja}学習前より正答率が下がっています。`,
    );
  }
  return say('neutral', en, ja);
}

function length(selected: ArmResult, start?: ArmResult, full?: ArmResult): Sentence | null {
  const now = selected.meanLengthTokens;
  if (!known(now)) return null;
  const parts = [start, full].flatMap((arm) => {
    const other = arm?.meanLengthTokens;
    if (arm === undefined || !known(other)) return [];
    return [{ name: armName(arm.name), text: relativeChange(now, other), length: tokens(other) }];
  });
  if (parts.length === 0) return null;
  const before = start?.meanLengthTokens;
  const changed = known(before) && Math.abs(now / before - 1) > LENGTH_CHANGE;
  const why = changed
    ? {
        en: ' Judges tend to favour one length over another, so part of a changed win rate may be length.',
        ja: '評価者は回答の長さに影響されやすいため、勝率の変化の一部は長さによる可能性があります。',
      }
    : { en: '', ja: '' };
  return say(
    changed ? 'warn' : 'neutral',
    `Mean answer length: selected ${tokens(now)} tokens, ${parts.map((p) => `${p.text} against “${p.name.en}” (${p.length})`).join(', ')}.${why.en}`,
    `平均回答長：選別 ${tokens(now)} トークン（${parts.map((p) => `「${p.name.ja}」${p.length} に対して ${p.text}`).join('、')}）。${why.ja}`,
  );
}

/** What length alone says of the win rate. */
function wonByLength({ name, winRate, winLengths }: ArmResult): Sentence | null {
  if (winLengths === undefined) return null;
  return lengthSentence(armName(name), winRate?.value ?? null, winLengths, words.tokens);
}

/** Whether the kept pairs prefer length more, or less, than all pairs do: what training on them will teach. */
function pairLengths({ selection: { lengths } }: ReportData): Sentence | null {
  const gap = ({ chosen, rejected }: { chosen: number; rejected: number }) => chosen - rejected;
  const [pool, kept] = [gap(lengths.pool), gap(lengths.kept)];
  if (Math.abs(kept - pool) <= LENGTH_CHANGE * Math.max(lengths.pool.chosen, lengths.pool.rejected))
    return null;
  const [more, less] = kept > pool ? ['longer', '長い'] : ['shorter', '短い'];
  return say(
    'warn',
    `The selection prefers length: chosen minus rejected is ${signed(kept, 1)} tokens in the kept pairs and ${signed(pool, 1)} in all pairs, so training on them teaches ${more} answers than the data as a whole does.`,
    `選別が長さに偏っています。採用ペアの（chosen − rejected）は ${signed(kept, 1)} トークン、全ペアでは ${signed(pool, 1)} トークンで、データ全体より${less}回答を学習させることになります。`,
  );
}

function ended(selected: ArmResult, start?: ArmResult): Sentence | null {
  if (start === undefined || !known(selected.endedShare) || !known(start.endedShare)) return null;
  if (start.endedShare - selected.endedShare < ENDED_DROP) return null;
  const [now, before] = [percent(selected.endedShare), percent(start.endedShare)];
  return say(
    'warn',
    `Only ${now} of the answers end by themselves (before training ${before}): the others run into the length limit.`,
    `自然に終わる回答は ${now} です（学習前 ${before}）。残りは生成の上限で打ち切られています。`,
  );
}

function displacement(selected: ArmResult): Sentence | null {
  const change = selected.chosenLogProbChange;
  if (!known(change) || change === 0) return null;
  const text = signed(change, 3);
  if (change > 0) {
    return say(
      'neutral',
      `Training made the chosen answers more probable (${text} nats per token on held-out pairs).`,
      `学習により、良い回答の確率は上がりました（評価用ペアで 1 トークン当たり ${text} nat）。`,
    );
  }
  // Half as probable a token (−ln 2) is a model that has moved far from the answers it was shown as good.
  return say(
    change < -Math.LN2 ? 'warn' : 'neutral',
    `Training made even the chosen answers less probable (${text} nats per token on held-out pairs): DPO widens the gap to the rejected answers and may lower both, so read some answers before trusting the numbers.`,
    `学習により、良い回答の確率も下がりました（評価用ペアで 1 トークン当たり ${text} nat）。DPO は悪い回答との差を広げる手法で、両方が下がることがあります。数値だけで判断せず、実際の回答も確認してください。`,
  );
}
