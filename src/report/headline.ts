import type { Comparison } from './data.ts';
import { type Finding, METRIC_NAMES, type Sentence, say } from './sentences.ts';
import type { Both } from './words.ts';

/** `better`: than the same number of random pairs, and nothing measured here speaks against it. */
export type Outcome = 'better' | 'worse' | 'no-difference' | 'mixed' | 'unknown' | 'nothing-selected';

export interface Evidence {
  readonly metric: Comparison['metric'];
  /** Keep fraction as text. */
  readonly keep: string;
  /** The selected arm against the same number of random pairs, and against all pairs. */
  readonly random: Finding;
  readonly full: Finding;
  /** The answers of the selected arm are less often right than those of either control. */
  readonly correctnessFell: boolean;
}

export function outcomeOf({ random, full, correctnessFell }: Evidence): Outcome {
  if (random === 'unknown') return 'unknown';
  if (random === 'worse') return 'worse';
  if (random === 'better') return full === 'worse' || correctnessFell ? 'mixed' : 'better';
  if (full === 'worse') return 'worse';
  return correctnessFell ? 'mixed' : 'no-difference';
}

/** The verdict in a few words. */
export function titleOf(outcome: Outcome, evidence: Evidence): Sentence {
  switch (outcome) {
    case 'better':
      return evidence.full === 'better'
        ? say('good', 'Selection helped here', '選別の効果が確認できました')
        : evidence.full === 'none'
          ? say(
              'good',
              'Better than random pairs; no difference from all pairs seen',
              '無作為抽出には勝り、全件学習との差は確認できませんでした',
            )
          : say('good', 'Better than random pairs', '無作為抽出には勝りました');
    case 'worse':
      return evidence.random === 'worse'
        ? say('warn', 'Selection hurt here', '選別は逆効果でした')
        : say('warn', 'Training on all pairs was better', '全件学習の方が良い結果でした');
    case 'no-difference':
      return say('neutral', 'No difference seen', '差は確認できませんでした');
    case 'mixed':
      return evidence.correctnessFell
        ? say('warn', 'A mixed result: fewer answers are right', '一長一短：正答率が下がっています')
        : say(
            'warn',
            'Better than chance, but all pairs were better still',
            '無作為には勝りましたが、全件学習には及びません',
          );
    case 'unknown':
      return say(
        'warn',
        'This run cannot tell whether selection helps',
        'この結果からは選別の効果を判断できません',
      );
    case 'nothing-selected':
      return say(
        'neutral',
        'All pairs were kept: nothing was selected',
        '全件を採用したため、選別は行われていません',
      );
  }
}

/** The verdict in one or two full sentences. */
export function headlineOf(outcome: Outcome, evidence: Evidence): Sentence {
  const level = titleOf(outcome, evidence).level;
  if (outcome === 'nothing-selected') {
    return say(
      level,
      'The keep fraction is 100%, so the selected arm differs from training on all pairs only in its order.',
      '採用率は 100% です。選別した条件と全件学習の違いは、学習の順序だけです。',
    );
  }
  const parts = [againstRandom(evidence), againstFull(evidence), reading(evidence)].filter(
    (part) => part !== null,
  );
  return say(level, parts.map((part) => part.en).join(' '), parts.map((part) => part.ja).join(''));
}

function againstRandom({ random, metric, keep }: Evidence): Both {
  const { en, ja } = METRIC_NAMES[metric];
  switch (random) {
    case 'better':
      return {
        en: `Training on the selected ${keep} of the pairs gave a better ${en} than the same number of random pairs.`,
        ja: `採用率 ${keep} で選んだ選好ペアによる学習は、同数を無作為に選んだ場合より${ja}が良くなりました。`,
      };
    case 'worse':
      return {
        en: `Training on the selected ${keep} of the pairs gave a worse ${en} than the same number of random pairs.`,
        ja: `採用率 ${keep} で選んだ選好ペアによる学習は、同数を無作為に選んだ場合より${ja}が悪くなりました。`,
      };
    case 'none':
      return {
        en: `Between the selected ${keep} of the pairs and the same number of random pairs no difference in ${en} was seen.`,
        ja: `採用率 ${keep} で選んだ場合と、同数を無作為に選んだ場合とで、${ja}の差は確認できませんでした。`,
      };
    case 'unknown':
      return {
        en: 'The selected pairs were not compared with the same number of random pairs, so a gain could come from the number of pairs alone.',
        ja: '同数を無作為に選んだ条件との比較がないため、差が出ても件数の影響と区別できません。',
      };
  }
}

function againstFull({ full }: Evidence): Both {
  return {
    better: {
      en: 'It was also compared with training on all pairs: better.',
      ja: '全件学習との比較でも上回りました。',
    },
    worse: { en: 'Training on all pairs was better.', ja: '全件学習の方が良い結果でした。' },
    none: {
      en: 'Against training on all pairs no difference was seen.',
      ja: '全件学習との差は確認できませんでした。',
    },
    unknown: { en: 'It was not compared with training on all pairs.', ja: '全件学習との比較はありません。' },
  }[full];
}

/** What the two findings mean together, where that is not plain from each alone. */
function reading({ random, full }: Evidence): Both | null {
  if (random === 'none' && full === 'better') {
    return {
      en: 'So the gain may come from training on fewer pairs rather than from which ones.',
      ja: 'したがって、効果は「どのペアを選んだか」ではなく「件数を減らしたこと」による可能性があります。',
    };
  }
  if (random === 'none' && full === 'none') {
    return {
      en: 'That is no proof that they are equal: the intervals below say how large a difference may be hidden.',
      ja: '同等であるという証明ではありません。隠れている可能性のある差の大きさは、下の信頼区間で確認してください。',
    };
  }
  return null;
}
