import type { DroppedLabel, Reason } from '../difficulty/dropped.ts';
import type { GateName } from '../evaluate/effects/gates.ts';
import type { EffectMeasure } from '../evaluate/effects/training-effects.ts';
import type { GroupEffect, LengthOf } from '../select/effects/selection-effects.ts';
import type { Both } from './words.ts';

/** Headings and captions of the panels on side effects, dropped pairs, shares and cost. */
export const effectWords = {
  training: { en: 'What training changed besides', ja: '学習の副作用' },
  trainingCaption: {
    en: 'Each arm against the model before training, and the selection against all and random pairs, over the same prompts or held-out pairs. p is corrected for the number of all comparisons (Holm).',
    ja: '各条件と学習前の比較、および選別と全件・無作為の比較です（同じプロンプトまたは評価用ペア）。p 値は比較の総数で補正しています（Holm）。',
  },
  allChanges: { en: 'All comparisons', ja: 'すべての比較' },
  calibration: { en: 'How sure, and how right', ja: '確信度と正しさ（較正）' },
  calibrationCaption: {
    en: 'The probability that the model implies for a held-out label, σ(margin). Brier score: 0 is perfect, 0.25 is knowing nothing. ECE: how far confidence and share of right orders lie apart.',
    ja: '評価用ペアのラベルに対してモデルが与える確率 σ(マージン) です。Brier スコアは 0 が完全、0.25 が無情報。ECE は確信度と実際の正解率のずれです。',
  },
  brier: { en: 'Brier score', ja: 'Brier スコア' },
  ece: { en: 'Calibration error (ECE)', ja: '較正誤差（ECE）' },
  tooSure: { en: 'Confidence − right', ja: '確信度 − 正解率' },
  selection: { en: 'What the selection left out', ja: '選別で失われたもの' },
  selectionCaption: {
    en: 'Of which pairs the selection dropped more, or fewer, than of the others. Tested against a random selection of as many pairs; p is corrected for the number of tests (Holm).',
    ja: '選別で、ほかより多く（少なく）除外された種類のペアです。同数の無作為な選別を基準に検定し、p 値は検定の数で補正しています（Holm）。',
  },
  group: { en: 'Pairs', ja: 'ペアの種類' },
  number: { en: 'Number', ja: '件数' },
  droppedShare: { en: 'Dropped', ja: '除外率' },
  droppedOthers: { en: 'Of the others', ja: 'ほかの除外率' },
  difference: { en: 'Difference (points)', ja: '差（ポイント）' },
  p: { en: 'p (corrected)', ja: 'p（補正後）' },
  pairLength: { en: 'Length (tokens)', ja: '長さ（トークン）' },
  keptMean: { en: 'Kept, mean', ja: '採用の平均' },
  droppedMean: { en: 'Dropped, mean', ja: '除外の平均' },
  longer: { en: 'A dropped one is longer', ja: '除外の方が長い割合' },
  dropped: { en: 'Too hard, or wrong?', ja: '難しすぎるのか、ラベルの誤りか' },
  droppedCaption: {
    en: 'Guesses from the evidence beside them. All dropped pairs with their evidence are in selection/labels.jsonl.',
    ja: '示した根拠による推定です。除外した全ペアとその根拠は selection/labels.jsonl にあります。',
  },
  label: { en: 'Looks', ja: '推定' },
  reasons: { en: 'Because', ja: '根拠' },
  row: { en: 'Row', ja: '行' },
  pair: { en: 'Prompt, and both answers', ja: 'プロンプトと二つの回答' },
  losses: { en: 'Loss as labelled / swapped', ja: '損失（そのまま／入れ替え）' },
  shares: { en: 'How many pairs to keep', ja: '採用率ごとの勝率' },
  sharesCaption: {
    en: 'Win rate on the tuning prompts over the share kept, with 90% intervals. Filled: the share that was chosen; ring: statistically as good as the highest.',
    ja: '調整用プロンプトでの採用率ごとの勝率と 90% 信頼区間。塗りつぶしは選ばれた採用率、輪は最高値と統計的に差のない採用率です。',
  },
  shareKept: { en: 'Share of pairs kept (%)', ja: '採用率 (%)' },
  cost: { en: 'What it cost, and what it saves', ja: '費用と節約' },
  costCaption: {
    en: 'Hours are of single worker processes. A forward pass counts as a third of a training pass.',
    ja: '時間はワーカープロセス 1 個当たりの合計です。順伝播は学習の 3 分の 1 として数えます。',
  },
  item: { en: 'Item', ja: '項目' },
  trainedTokens: { en: 'Tokens trained', ja: '学習トークン' },
  scoredTokens: { en: 'Tokens scored', ja: '採点トークン' },
  generatedTokens: { en: 'Tokens generated', ja: '生成トークン' },
  hours: { en: 'Worker hours', ja: 'ワーカー時間' },
  scoringCost: { en: 'Measuring the difficulty', ja: '難易度の測定' },
  comparingCost: { en: 'Comparing the arms', ja: '条件の比較' },
  fullTraining: { en: 'One training on all pairs', ja: '全ペアでの学習 1 回' },
  keptTraining: { en: 'One training on the kept pairs', ja: '採用ペアでの学習 1 回' },
} as const satisfies Record<string, Both>;

export const MEASURES: Readonly<Record<EffectMeasure, Both>> = {
  length: { en: 'answer length', ja: '回答長' },
  repetition: { en: 'repetition (4-grams said before)', ja: '繰り返し（既出の 4-gram の割合）' },
  unterminated: { en: 'answers cut at the length limit', ja: '上限で打ち切られた回答' },
  refusal: { en: 'answers that refuse', ja: '拒否する回答' },
  markdown: { en: 'answers with headings, bold type or tables', ja: '見出し・太字・表のある回答' },
  list: { en: 'answers with lists', ja: '箇条書きのある回答' },
  languageSwitch: {
    en: 'answers in another language than the prompt',
    ja: 'プロンプトと違う言語の回答',
  },
  chosenChange: { en: 'log-probability of good answers', ja: '良い回答の対数確率' },
  rejectedChange: { en: 'log-probability of bad answers', ja: '悪い回答の対数確率' },
  brier: { en: 'error of the implied probability (Brier)', ja: '確率の誤差（Brier）' },
};

/** What more of a measure is: 1 worse, −1 better, 0 neither. */
export const MORE_IS: Readonly<Record<EffectMeasure, -1 | 0 | 1>> = {
  length: 0,
  repetition: 1,
  unterminated: 1,
  refusal: 0,
  markdown: 0,
  list: 0,
  languageSwitch: 1,
  chosenChange: -1,
  rejectedChange: 0,
  brier: 1,
};

export const GATE_NAMES: Readonly<Record<GateName, Both>> = {
  lengthGrowth: { en: 'growth of the answers', ja: '回答長の伸び' },
  repetition: { en: 'rise of repetition', ja: '繰り返しの増加' },
  unterminated: { en: 'rise of answers cut at the limit', ja: '打ち切られた回答の増加' },
  refusals: { en: 'rise of refusals', ja: '拒否の増加' },
  languageSwitch: { en: 'rise of answers in another language', ja: '違う言語の回答の増加' },
  chosenLogProbDrop: { en: 'drop of the good answers’ log-probability', ja: '良い回答の対数確率の低下' },
  calibrationError: { en: 'calibration error', ja: '較正誤差' },
  winRateLoss: { en: 'win rate lost against all pairs', ja: '全件に対する勝率の低下' },
  correctnessLoss: { en: 'correct answers lost against all pairs', ja: '全件に対する正答率の低下' },
};

export const LENGTH_NAMES: Readonly<Record<LengthOf, Both>> = {
  prompt: { en: 'prompt', ja: 'プロンプト' },
  chosen: { en: 'good answer', ja: '良い回答' },
  rejected: { en: 'bad answer', ja: '悪い回答' },
  difference: { en: 'good minus bad answer', ja: '良い回答 − 悪い回答' },
};

export const LABEL_NAMES: Readonly<Record<DroppedLabel, Both>> = {
  'likely wrong': { en: 'wrong', ja: 'ラベルの誤り' },
  ambiguous: { en: 'ambiguous', ja: '優劣が曖昧' },
  unstable: { en: 'unstable', ja: '測定が不安定' },
  'too hard': { en: 'too hard', ja: '難しすぎる' },
};

export const REASON_NAMES: Readonly<Record<Reason, Both>> = {
  against: { en: 'held-out models order it the other way', ja: '学習に使わないモデルが逆に順位付け' },
  'swapped-easy': { en: 'easy once swapped', ja: '入れ替えると易しい' },
  'rated-against': { en: 'the data’s own ratings say the opposite', ja: 'データ自身の評点が逆' },
  conflict: { en: 'another pair says the opposite', ja: '逆のラベルのペアがある' },
  'near-equal': { en: 'both answers are nearly the same', ja: '二つの回答がほぼ同じ' },
  'rated-equal': { en: 'both answers are rated the same', ja: '二つの回答が同点' },
  'annotators-disagree': { en: 'annotators disagree', ja: '評価者の意見が割れている' },
  'near-zero': { en: 'no preference either way', ja: 'どちらとも言えない' },
  'runs-disagree': { en: 'scoring runs disagree', ja: '採点用学習の結果が割れている' },
  'not-learned': { en: 'learned too weakly', ja: '学習が弱い' },
};

const TRAIT_NAMES: Readonly<Record<string, Both>> = {
  list: { en: 'good answers with lists', ja: '箇条書きのある良い回答' },
  markdown: { en: 'good answers with headings, bold type or tables', ja: '見出し・太字・表のある良い回答' },
  code: { en: 'good answers with code', ja: 'コードのある良い回答' },
  refusal: { en: 'good answers that refuse', ja: '拒否する良い回答' },
};
const LANGUAGES: Readonly<Record<string, Both>> = {
  ja: { en: 'Japanese', ja: '日本語' },
  en: { en: 'English', ja: '英語' },
  zh: { en: 'Chinese', ja: '中国語' },
  ko: { en: 'Korean', ja: '韓国語' },
  de: { en: 'German', ja: 'ドイツ語' },
  fr: { en: 'French', ja: 'フランス語' },
  es: { en: 'Spanish', ja: 'スペイン語' },
  it: { en: 'Italian', ja: 'イタリア語' },
  pt: { en: 'Portuguese', ja: 'ポルトガル語' },
  nl: { en: 'Dutch', ja: 'オランダ語' },
  Latin: { en: 'Latin letters (language not told)', ja: 'ラテン文字（言語不明）' },
};

/** What a group of pairs is called. */
export function groupName({ kind, of, value }: Pick<GroupEffect, 'kind' | 'of' | 'value'>): Both {
  switch (kind) {
    case 'trait':
      return TRAIT_NAMES[value] ?? { en: value, ja: value };
    case 'language': {
      const name = LANGUAGES[value] ?? { en: value, ja: value };
      return { en: `prompts in ${name.en}`, ja: `${name.ja}のプロンプト` };
    }
    default:
      return { en: `${of} = ${value}`, ja: `${of} = ${value}` };
  }
}
