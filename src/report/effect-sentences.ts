import type { GateResult } from '../evaluate/effects/gates.ts';
import type { TrainingEffect, TrainingEffects } from '../evaluate/effects/training-effects.ts';
import type { SelectionEffects } from '../select/effects/selection-effects.ts';
import type { DroppedSummary, Interval, ReportData } from './data.ts';
import { GATE_NAMES, groupName, LENGTH_NAMES, MEASURES, MORE_IS } from './effect-words.ts';
import { count, fixed, percent, points, signed } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';
import { armName, type Both } from './words.ts';

/** Corrected p below which something is called found. */
export const FOUND = 0.05;
/** Sentences of a list that everyone reads. */
const MOST = 6;

export function isFound({ pHolm }: { readonly pHolm: number }): boolean {
  return pHolm < FOUND;
}

/** Values of a measure in its unit. */
export function measured(measure: TrainingEffect['measure'], value: number): string {
  if (measure === 'length') return fixed(value, 1);
  if (measure === 'chosenChange' || measure === 'rejectedChange') return signed(value, 3);
  return measure === 'brier' ? fixed(value, 3) : percent(value);
}

/** A difference of a measure with its interval: percent of lengths, points of shares, nats a token. */
export function changed({ measure, difference, relative }: TrainingEffect): Both {
  const show = (
    of: (value: number) => string,
    { value, low, high }: Interval,
    [en, ja]: readonly [string, string],
  ) => ({
    en: `${of(value)}${en}, 95% interval ${of(low)} to ${of(high)}`,
    ja: `${of(value)}${ja}、95% 信頼区間 ${of(low)} ～ ${of(high)}`,
  });
  if (measure === 'length')
    return relative === null
      ? show((x) => signed(x, 1), difference, [' tokens', ' トークン'])
      : show((x) => `${signed(100 * x, 0)}%`, relative, ['', '']);
  if (measure === 'brier') return show((x) => signed(x, 3), difference, ['', '']);
  if (measure === 'chosenChange' || measure === 'rejectedChange')
    return show((x) => signed(x, 3), difference, [' nats per token', ' nat／トークン']);
  return show(points, difference, [' points', ' ポイント']);
}

/** What training with the selection changed: each change that is found, and what was looked at in vain. */
export function trainingSentences({ effects, tests }: TrainingEffects): Sentence[] {
  const own = effects.filter(({ a }) => a === 'selected');
  const sentences = ['start', 'full', 'random'].flatMap((b): Sentence[] => {
    const against = own.filter((effect) => effect.b === b);
    if (against.length === 0) return [];
    const found = against.filter(isFound);
    const rest = against.filter((effect) => !isFound(effect));
    const name = armName(b);
    const names = (language: 'en' | 'ja') =>
      rest.map(({ measure }) => MEASURES[measure][language]).join(language === 'en' ? ', ' : '、');
    return [
      ...found.map(changeSentence),
      ...(rest.length === 0
        ? []
        : [
            say(
              'neutral',
              `Against “${name.en}” no change seen in: ${names('en')}.`,
              `「${name.ja}」と比べて差を確認できなかったもの：${names('ja')}。`,
            ),
          ]),
    ];
  });
  if (sentences.length === 0) return [];
  return [
    ...sentences,
    say(
      'neutral',
      `${count(tests)} comparisons were made and corrected for together; with few prompts a change can be there and not be seen.`,
      `${count(tests)} 件の比較をまとめて補正しています。件数が少ないと、実際の変化を検出できないことがあります。`,
    ),
  ];
}

function changeSentence(effect: TrainingEffect): Sentence {
  const { measure, a, b, aMean, bMean, difference } = effect;
  const worse = MORE_IS[measure] * Math.sign(difference.value);
  const text = changed(effect);
  const [own, other] = [armName(a), armName(b)];
  const [now, before] = [measured(measure, aMean), measured(measure, bMean)];
  const name = MEASURES[measure];
  const isChange = measure === 'chosenChange' || measure === 'rejectedChange';
  // The start model's own change is nothing by definition.
  const values =
    isChange && b === 'start'
      ? { en: text.en, ja: text.ja }
      : { en: `${now} instead of ${before} (${text.en})`, ja: `${before} → ${now}（${text.ja}）` };
  return say(
    worse > 0 ? 'warn' : worse < 0 ? 'good' : 'neutral',
    `“${own.en}” against “${other.en}”: ${name.en} ${values.en}.`,
    `「${own.ja}」と「${other.ja}」の比較：${name.ja}は ${values.ja}。`,
  );
}

/** Gates that were passed by, failed ones first; one sentence where all were kept. */
export function gateSentences({ by, results }: NonNullable<ReportData['gates']>): Sentence[] {
  const told = [
    ...results.filter(({ outcome }) => outcome === 'failed'),
    ...results.filter(({ outcome }) => outcome === 'warned'),
  ];
  if (results.length > 0 && told.length === 0)
    return [
      say(
        'good',
        `All ${count(results.length)} limits of side effects are kept.`,
        `副作用の上限 ${count(results.length)} 件はすべて守られています。`,
      ),
    ];
  return told.map((result) => gateSentence(result, by));
}

export function gateSentence(
  { gate, value, limits, outcome }: GateResult,
  by: 'interval' | 'point',
): Sentence {
  const show = (x: number) => gateNumber(gate, x);
  const name = GATE_NAMES[gate];
  const range = `${show(value.low)} … ${show(value.high)}`;
  if (outcome === 'failed')
    return say(
      'warn',
      `Gate failed: ${name.en} is ${show(value.value)} (95% interval ${range}), the limit is ${show(limits.fail as number)} (by ${by === 'interval' ? 'the whole interval' : 'the value'}).`,
      `ゲート不合格：${name.ja}が ${show(value.value)}（95% 信頼区間 ${range}）で、上限 ${show(limits.fail as number)} を${by === 'interval' ? '区間全体が' : '値が'}超えています。`,
    );
  const limit = limits.warn !== null && value.value > limits.warn ? limits.warn : (limits.fail as number);
  return say(
    'warn',
    `Beyond its limit: ${name.en} is ${show(value.value)} (95% interval ${range}), the limit is ${show(limit)}.`,
    `上限を超えています：${name.ja}が ${show(value.value)}（95% 信頼区間 ${range}）、上限は ${show(limit)} です。`,
  );
}

export function gateNumber(gate: GateResult['gate'], value: number): string {
  return gate === 'chosenLogProbDrop' || gate === 'calibrationError' ? fixed(value, 3) : percent(value);
}

/** Of which pairs the selection dropped more or fewer than their share. */
export function selectionSentences(effects: SelectionEffects): Sentence[] {
  const groups = effects.groups.filter(isFound);
  const lengths = effects.lengths.filter(isFound);
  const { vocabulary, tests } = effects;
  const share = percent(effects.dropped / effects.pairs);
  const all = [
    ...groups.map((group) => {
      const name = groupName(group);
      const own = percent(group.dropped / group.pairs);
      const more = group.effect.value > 0;
      const { value, low, high } = group.effect;
      return say(
        more ? 'warn' : 'neutral',
        `It dropped ${own} of the pairs “${name.en}” (${count(group.dropped)} of ${count(group.pairs)}), ${share} of all: ${points(value)} points against the others (95% interval ${points(low)} to ${points(high)}).`,
        `「${name.ja}」は ${own}（${count(group.pairs)} 件中 ${count(group.dropped)} 件）が除外されました（全体では ${share}）。ほかとの差は ${points(value)} ポイント（95% 信頼区間 ${points(low)} ～ ${points(high)}）。`,
      );
    }),
    ...lengths.map(({ of, keptMean, droppedMean, effect }) => {
      const name = LENGTH_NAMES[of];
      const [longer, ja] =
        of === 'difference'
          ? effect.value > 0.5
            ? ['larger', '大きい']
            : ['smaller', '小さい']
          : effect.value > 0.5
            ? ['longer', '長い']
            : ['shorter', '短い'];
      const often = percent(Math.max(effect.value, 1 - effect.value));
      return say(
        'warn',
        `Length, ${name.en}: ${longer} in the dropped pairs (mean ${fixed(droppedMean, 1)} tokens, kept ${fixed(keptMean, 1)}); a dropped pair’s is the ${longer} one in ${often} of all comparisons.`,
        `長さ（${name.ja}）：除外されたペアの方が${ja}傾向があります（平均 ${fixed(droppedMean, 1)} トークン、採用は ${fixed(keptMean, 1)}）。比べると ${often} で除外の方が${ja}です。`,
      );
    }),
    ...(vocabulary !== null && isFound(vocabulary)
      ? [
          say(
            vocabulary.excess.value > 0 ? 'warn' : 'neutral',
            `Of ${count(vocabulary.rare)} rare words (in 2 to 5 pairs) ${percent(vocabulary.rareLost)} are in no kept pair; of a random selection it would be ${percent(vocabulary.rareLostAtRandom)}.`,
            `まれな語（2～5 件のペアにある ${count(vocabulary.rare)} 語）のうち ${percent(vocabulary.rareLost)} が採用ペアから消えました（無作為な選別なら ${percent(vocabulary.rareLostAtRandom)}）。`,
          ),
        ]
      : []),
  ];
  if (all.length === 0)
    return [
      say(
        'good',
        `In ${count(tests)} tests nothing was found of which the selection drops more than its share.`,
        `${count(tests)} 件の検定で、選別による偏りは確認できませんでした。`,
      ),
    ];
  const warned = [
    ...all.filter(({ level }) => level === 'warn'),
    ...all.filter(({ level }) => level !== 'warn'),
  ];
  if (warned.length <= MOST) return warned;
  return [
    ...warned.slice(0, MOST),
    say(
      'neutral',
      `More in the tables: ${count(warned.length - MOST)}.`,
      `ほか ${count(warned.length - MOST)} 件の差は表にあります。`,
    ),
  ];
}

/** How many of the dropped pairs look wrong rather than hard. */
export function droppedSentences({
  counts,
  between,
}: Pick<DroppedSummary, 'counts' | 'between'>): Sentence[] {
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  if (total === 0) return [];
  const wrong = counts['likely wrong'];
  const others = [counts['too hard'], counts.ambiguous, counts.unstable].map(count);
  return [
    wrong === 0
      ? say(
          'good',
          `Of ${count(total)} dropped pairs none looks wrong rather than hard.`,
          `除外した ${count(total)} 件に、ラベルの誤りと見えるものはありません。`,
        )
      : say(
          'warn',
          `Of ${count(total)} dropped pairs ${count(wrong)} look wrong rather than hard: look at these before you throw them away.`,
          `除外した ${count(total)} 件のうち ${count(wrong)} 件は、難しいのではなくラベルが誤っているように見えます。捨てる前に確認してください。`,
        ),
    say(
      'neutral',
      `The others: ${others[0]} too hard, ${others[1]} ambiguous, ${others[2]} unstable.`,
      `そのほか：難しすぎる ${others[0]} 件、優劣が曖昧 ${others[1]} 件、測定が不安定 ${others[2]} 件。`,
    ),
    ...(wrong === 0
      ? []
      : [
          say(
            'neutral',
            'How far to trust this: in Winnow’s lab 75 to 86% of the pairs that models clearly order the other way were wrong where the other pairs teach one thing, but only 13 to 24% where hard pairs contradict a cue that the others teach; and where no label was wrong, 11 to 30% of the dropped pairs looked so all the same. Reading twenty tells which it is here.',
            '信頼度の目安：Winnow の実験では、モデルが明らかに逆に順位付けしたペアのうち実際に誤りだったのは、ほかのペアの傾向が一貫していれば 75～86% でしたが、難しいペアが表面的な手がかりと食い違うデータでは 13～24% でした。誤りのないデータでも、除外ペアの 11～30% がこう見えました。20 件ほど読めば、どちらかが分かります。',
          ),
        ]),
    ...(between === 'seeds'
      ? []
      : [
          say(
            'neutral',
            'There was one scoring seed, so a pair’s own uncertainty is guessed from one run; difficulty.seeds: 2 makes these labels firmer.',
            '採点のシードが一つのため、各ペアの不確かさは 1 回の学習から推定しています。difficulty.seeds: 2 でより確かになります。',
          ),
        ]),
  ];
}
