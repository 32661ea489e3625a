import type { ReportData } from './data.ts';
import type { Both } from './words.ts';

/** What orders the pairs, in words: where it is not the held-out loss, nothing may speak of one. */
const SCORER_NAMES: Readonly<Record<string, Both>> = {
  'learned-step': { en: 'learned step', ja: '学習されたステップ' },
  'implicit-margin': { en: 'implicit margin of held-out models', ja: '未学習モデルの暗黙マージン' },
  'perplexity-chosen': {
    en: 'perplexity of the chosen answer under the start model',
    ja: '学習前モデルでの良い回答のパープレキシティ',
  },
  'perplexity-gap': {
    en: 'log perplexity under the start model, chosen minus rejected',
    ja: '学習前モデルでの対数パープレキシティの差（良い回答－悪い回答）',
  },
  length: { en: 'length of the chosen answer, tokens', ja: '良い回答の長さ（トークン）' },
  'length-gap': {
    en: 'length, chosen minus rejected, tokens',
    ja: '長さの差（良い回答－悪い回答、トークン）',
  },
  'rating-margin': { en: 'rating, chosen minus rejected', ja: '評点の差（良い回答－悪い回答）' },
  'reward-margin': {
    en: 'reward by the reward model, chosen minus rejected',
    ja: '報酬モデルの報酬の差（良い回答－悪い回答）',
  },
  file: { en: 'scores of a file', ja: 'ファイルのスコア' },
};

/** The scorer of a run in words; null: the held-out loss. */
export function scorerName({ difficulty }: Pick<ReportData, 'difficulty'>): Both | null {
  const { scorer } = difficulty;
  if (scorer === undefined) return null;
  const { en, ja } = SCORER_NAMES[scorer.name] ?? { en: scorer.name, ja: scorer.name };
  const file = scorer.file === undefined ? '' : `: ${scorer.file}`;
  const [end, endJa] = scorer.first === 'smallest' ? ['smallest', '小さい'] : ['largest', '大きい'];
  return { en: `${en}${file}, ${end} first`, ja: `${ja}${file}（${endJa}順）` };
}

/** Of a difficulty that was measured once, by a formula or a file: there is no noise of training to tell of. */
export function isMeasuredOnce({ difficulty }: Pick<ReportData, 'difficulty'>): boolean {
  return difficulty.reliabilityBetween === null && difficulty.scorer?.name !== 'learned-step';
}
