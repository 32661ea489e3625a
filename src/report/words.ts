export type Language = 'en' | 'ja';

/** One text in both languages of the page. */
export type Both = { readonly [language in Language]: string };

/** The page's labels. Japanese terms are those that docs/ja uses, one word for one thing. */
export const words = {
  title: { en: 'Winnow report', ja: 'Winnow レポート' },
  subtitle: {
    en: 'Does training on the pairs this model can learn from help, and at what price?',
    ja: 'このモデルが学習できる選好ペアだけで学習すると効果があるか、その代償は何か',
  },
  verdict: { en: 'Verdict', ja: '判定' },
  whatNext: { en: 'What to look at next', ja: '次に確認すること' },
  reliability: { en: 'How reliable is the difficulty?', ja: '難易度はどこまで信頼できるか' },
  arms: { en: 'The arms', ja: '比較条件ごとの結果' },
  armsCaption: {
    en: 'Every arm starts from the same model with the same hyper-parameters. Under a value: its 95% interval.',
    ja: 'どの条件も同じモデル・同じハイパーパラメータから学習しています。値の下は 95% 信頼区間です。',
  },
  differences: { en: 'Differences', ja: '条件間の差' },
  differencesCaption: {
    en: 'Paired over the same prompts. A difference is called seen when its 95% interval excludes 0.',
    ja: '同じプロンプトでの対比較です。95% 信頼区間が 0 を含まないとき「差あり」とします。',
  },
  comparison: { en: 'Comparison', ja: '比較' },
  measure: { en: 'Measure', ja: '指標' },
  difference: { en: 'Difference', ja: '差' },
  interval: { en: '95% interval', ja: '95% 信頼区間' },
  prompts: { en: 'Prompts or pairs', ja: 'プロンプト／ペア数' },
  finding: { en: 'Finding', ja: '結果' },
  better: { en: 'better', ja: '改善' },
  worse: { en: 'worse', ja: '悪化' },
  none: { en: 'no difference seen', ja: '差は確認できず' },
  unknown: { en: 'not measured', ja: '測定なし' },
  behind: { en: 'How this was made', ja: '実施条件' },

  arm: { en: 'Arm', ja: '比較条件' },
  pairs: { en: 'Pairs', ja: 'ペア数' },
  steps: { en: 'Steps', ja: '更新回数' },
  winRate: { en: 'Win rate', ja: '勝率' },
  reward: { en: 'Mean reward', ja: '平均報酬' },
  correctness: { en: 'Correct answers', ja: '正答率' },
  style: { en: 'Style marks', ja: '文体要素' },
  heldOutAccuracy: { en: 'Held-out accuracy', ja: '評価用ペアの判別率' },
  heldOutLoss: { en: 'Held-out loss', ja: '評価用ペアの損失' },
  meanLength: { en: 'Mean length', ja: '平均回答長' },
  tokens: { en: 'tokens', ja: 'トークン' },
  characters: { en: 'characters', ja: '文字' },
  lengthControlled: { en: 'Win rate at equal length', ja: '長さを揃えた勝率' },
  ended: { en: 'Ended', ja: '完結率' },
  chosenChange: { en: 'Chosen log-prob change', ja: '良い回答の対数確率の変化' },
  natsPerToken: { en: 'nats per token', ja: 'nat／トークン' },
  nats: { en: 'nats', ja: 'nat' },
  points: { en: 'points', ja: 'ポイント' },
  order: { en: 'order', ja: '順序' },
  trainingSeeds: { en: 'training seeds', ja: '学習シード' },

  difficulty: {
    en: 'Difficulty (mean held-out loss, nats)',
    ja: '難易度（学習に使わないときの平均損失、nat）',
  },
  difficultyByScorer: {
    en: 'Difficulty (the scorer’s value, low is easy)',
    ja: '難易度（尺度の値、低いほど易しい）',
  },
  scorer: { en: 'Ordered by', ja: '順序の尺度' },
  oneRun: { en: 'one half of the evidence', ja: '一方の測定' },
  otherRun: { en: 'the other half', ja: 'もう一方の測定' },
  seedOneScorer: { en: 'Difficulty by one seed', ja: '一方のシードの難易度' },
  seedTwoScorer: { en: 'Difficulty by another seed', ja: '別のシードの難易度' },
  seedOne: { en: 'Difficulty by one seed (nats)', ja: '一方のシードの難易度（nat）' },
  seedTwo: { en: 'Difficulty by another seed (nats)', ja: '別のシードの難易度（nat）' },
  pool: { en: 'all pairs in the pool', ja: '選別前の全ペア' },
  kept: { en: 'kept pairs', ja: '採用したペア' },
  chosen: { en: 'chosen', ja: '良い回答' },
  rejected: { en: 'rejected', ja: '悪い回答' },

  learningRates: { en: 'Learning rates tried', ja: '試した学習率' },
  learningRatesByLoss: {
    en: 'By the loss of one scoring run on the pairs it did not train on, before anything was compared.',
    ja: '比較の前に、1 回の採点用学習について、学習に使わなかったペアの損失で選びました。',
  },
  learningRatesByWinRate: {
    en: 'By the win rate of the arm on all pairs, on prompts of their own, before anything was compared.',
    ja: '比較の前に、全ペアで学習した条件の勝率で、評価とは別のプロンプトを使って選びました。',
  },
  learningRateGiven: {
    en: 'The learning rate was given, not searched.',
    ja: '学習率は指定値で、探索していません。',
  },
  learningRate: { en: 'Learning rate', ja: '学習率' },
  used: { en: 'used', ja: '採用' },
  hyperParameters: { en: 'Hyper-parameters', ja: 'ハイパーパラメータ' },
  name: { en: 'Name', ja: '項目' },
  value: { en: 'Value', ja: '値' },
  dataAndRefused: { en: 'Data', ja: 'データ' },
  read: { en: 'Rows read', ja: '読み込み行数' },
  usable: { en: 'Pairs used', ja: '使用したペア' },
  refused: { en: 'Rows refused', ja: '使用不可の行' },
  poolPairs: { en: 'for scoring and training', ja: '測定・学習用' },
  heldOutPairs: { en: 'held out for evaluation', ja: '評価用に分離' },
  promptsCut: { en: 'Prompts cut at their start to fit', ja: '先頭を切り詰めたプロンプト' },
  keptPairs: { en: 'Pairs kept', ja: '採用したペア' },
  keepFraction: { en: 'Keep fraction', ja: '採用率' },
  keptBy: { en: 'Keep fraction chosen on', ja: '採用率の決定' },
  tuningPrompts: { en: 'tuning prompts, by the judge', ja: '調整用プロンプトでの判定' },
  direction: { en: 'Direction', ja: '選別の向き' },
  band: { en: 'Between quantiles of difficulty', ja: '難易度の分位範囲' },
  budget: { en: 'Budget, spent of given', ja: '予算（使用／上限）' },
  money: { en: 'in money', ja: '（金額）' },
  within: { en: 'Same share of each', ja: '層別（同じ採用率）' },
  scoring: { en: 'Scoring', ja: '難易度の測定' },
  seeds: { en: 'seeds', ja: 'シード' },
  checkpoints: { en: 'checkpoints', ja: 'チェックポイント' },
  file: { en: 'File', ja: 'ファイル' },
  format: { en: 'Format', ja: '形式' },
  model: { en: 'Model', ja: 'モデル' },
  parameters: { en: 'Parameters', ja: 'パラメータ数' },
  trained: { en: 'Trained', ja: '学習対象' },
  judge: { en: 'Judge', ja: '評価者' },
  time: { en: 'Time', ja: '所要時間' },
  total: { en: 'Total', ja: '合計' },
  version: { en: 'Version', ja: 'バージョン' },
  seed: { en: 'Seed', ja: 'シード' },
  command: { en: 'Reproduce with', ja: '再現コマンド' },
  notes: { en: 'Notes', ja: '備考' },
} as const satisfies Record<string, Both>;

export type Word = keyof typeof words;

const ARMS: Readonly<Record<string, Both>> = {
  start: { en: 'before training', ja: '学習前' },
  selected: { en: 'selected', ja: '選別' },
  full: { en: 'all pairs', ja: '全件' },
  random: { en: 'random, same number', ja: '無作為（同数）' },
  hardest: { en: 'hardest, same number', ja: '高難度のみ（同数）' },
  'easiest-shuffled': { en: 'selected, shuffled', ja: '選別（順序なし）' },
  'length-matched': { en: 'random, same lengths', ja: '無作為（長さ一致）' },
  shortest: { en: 'shortest, same number', ja: '短い回答のみ（同数）' },
};

/** The arm's name in words; an arm that the dictionary does not know keeps its own name. */
export function armName(name: string): Both {
  return Object.hasOwn(ARMS, name) ? ARMS[name]! : { en: name, ja: name };
}

/** Words that come from the run itself; one that the dictionary does not know is shown as it is. */
const TERMS: Readonly<Record<string, Both>> = {
  'Reference log-probabilities': { en: 'Reference log-probabilities', ja: '参照モデルの対数確率' },
  'Choosing the learning rate': { en: 'Choosing the learning rate', ja: '学習率の選択' },
  'Choosing the learning rate: answers': {
    en: 'Choosing the learning rate: answers',
    ja: '学習率の選択（回答の生成）',
  },
  'Scoring runs': { en: 'Scoring runs', ja: '難易度の測定' },
  'Rewards of the pairs': { en: 'Rewards of the pairs', ja: 'ペアの報酬の計算' },
  'Training the arms': { en: 'Training the arms', ja: '各条件の学習' },
  Evaluation: { en: 'Evaluation', ja: '評価' },
  'Choosing the keep fraction': { en: 'Choosing the keep fraction', ja: '採用率の選択' },
  'Choosing the learning rate: rewards': {
    en: 'Choosing the learning rate: rewards',
    ja: '学習率の選択（報酬の計算）',
  },
  'Choosing the keep fraction: rewards': {
    en: 'Choosing the keep fraction: rewards',
    ja: '採用率の選択（報酬の計算）',
  },
  'Evaluation: judging': { en: 'Evaluation: judging', ja: '評価（判定）' },
  'Choosing the learning rate: judging': {
    en: 'Choosing the learning rate: judging',
    ja: '学習率の選択（判定）',
  },
  'Choosing the keep fraction: judging': {
    en: 'Choosing the keep fraction: judging',
    ja: '採用率の選択（判定）',
  },
  'Evaluation: rewards': { en: 'Evaluation: rewards', ja: '評価（報酬の計算）' },
  easiest: { en: 'easiest', ja: '易しい方から' },
  hardest: { en: 'hardest', ja: '難しい方から' },
  middle: { en: 'middle', ja: '中程度' },
  random: { en: 'random', ja: '無作為' },
  length: { en: 'length difference', ja: '長さの差' },
  'easy to hard': { en: 'easy to hard', ja: '易しい順' },
  'as selected': { en: 'as selected', ja: '選別時のまま' },
  shuffled: { en: 'shuffled', ja: '無作為' },
  'all weights': { en: 'all weights', ja: '全パラメータ' },
  'identical-sides': { en: 'both answers are the same', ja: '二つの回答が同一' },
  'empty-chosen': { en: 'the chosen answer is empty', ja: '良い回答が空' },
  'empty-rejected': { en: 'the rejected answer is empty', ja: '悪い回答が空' },
  'empty-prompt': { en: 'the prompt is empty', ja: 'プロンプトが空' },
  'identical-tokens': { en: 'both answers have the same tokens', ja: '二つの回答のトークンが同一' },
  'bad-row': { en: 'the row cannot be read', ja: '行を読み取れない' },
  'no-prompt-boundary': { en: 'no boundary between prompt and answer', ja: 'プロンプトと回答の境界がない' },
  'completion-too-long': { en: 'an answer is too long', ja: '回答が長すぎる' },
  'template-refused': { en: 'the chat template refused it', ja: 'チャットテンプレートで処理できない' },
  duplicate: { en: 'the pair occurs before', ja: '重複' },
  'prompt-too-long': { en: 'the prompt is too long', ja: 'プロンプトが長すぎる' },
};

/** Who judged, in words. */
export function judgeName({ kind, name }: { readonly kind: string; readonly name: string }): Both {
  if (kind === 'language-model') return { en: `language model ${name}`, ja: `言語モデル ${name}` };
  return kind === 'reward-model'
    ? { en: `reward model ${name}`, ja: `報酬モデル ${name}` }
    : { en: `program “${name}”`, ja: `プログラム「${name}」` };
}

export function term(text: string): Both {
  return Object.hasOwn(TERMS, text) ? TERMS[text]! : { en: text, ja: text };
}

/** Why a value is missing: shown under every table that has one. */
export const reasons = {
  'no-judge': {
    en: 'no judge compares answers on this data, so there is no win rate',
    ja: 'このデータには回答を比較する評価者がないため、勝率は出せません',
  },
  'is-start': {
    en: 'win rates are against this model itself',
    ja: '勝率はこのモデルとの比較のため、自身の値はありません',
  },
  'no-checker': {
    en: 'no program can tell a right answer on this data',
    ja: 'このデータには正誤を判定できるプログラムがありません',
  },
  'no-style': {
    en: 'no judge counts style marks on this data',
    ja: 'このデータには文体要素の採点がありません',
  },
  'no-length-fit': {
    en: 'length cannot be told from the model here: too few prompts, or every answer is longer by the same number',
    ja: '件数が少ない、または長さの差が一定のため、長さの影響を分けられません',
  },
  'no-answers': { en: 'no answers were generated', ja: '回答を生成していません' },
  'not-finite': {
    en: 'the value is not a finite number (a training that diverged, or nothing to measure)',
    ja: '有限の値が得られませんでした（学習の発散、または測定対象なし）',
  },
  'one-run': {
    en: 'there were not two sets of scores to compare, or all scores are equal',
    ja: '比較できる二組の測定値がない、またはすべて同じ値です',
  },
} as const satisfies Record<string, Both>;

export type Reason = keyof typeof reasons;
