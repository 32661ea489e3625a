import type { Defect } from '../pairs/survey/defects.ts';
import { FEATURES } from '../pairs/survey/features.ts';
import type { Auc } from '../stats/auc.ts';
import type { CheckData } from './check-data.ts';
import { languageName } from './language-names.ts';
import { lengthText } from './length-sentence.ts';
import { count, fixed, percent, signed } from './numbers.ts';
import { type Level, type Sentence, say } from './sentences.ts';
import { type Both, term } from './words.ts';

/** From this AUC on (its lower bound) a shortcut is worth a warning: form alone is right about 6 times in 10. */
const MUCH_SHORTCUT = 0.6;
/** More rows than this share are worth a warning. */
const MANY = 0.01;
/** So many rows are named. */
const NAMED = 5;
/** A weight below this is not put into words. */
const LEAST_WEIGHT = 0.1;
const TOLD_FEATURES = 3;

/** What the data are like, what matters most first, each with what to do. */
export function checkFindings(data: CheckData): Sentence[] {
  const found = [
    ...tooFew(data),
    ...conflicts(data),
    ...ratings(data),
    ...shortcut(data),
    ...nearDuplicates(data),
    ...defects(data),
    ...languages(data),
    ...tokens(data),
    ...refused(data),
    ...lengths(data),
    ...refusals(data),
    ...cost(data),
  ];
  const warnings = found.filter(({ level }) => level === 'warn');
  return [headline(data, warnings.length), ...warnings, ...found.filter(({ level }) => level !== 'warn')];
}

/** A run needs so many; what it says of a hundred is little. */
const LEAST_PAIRS = 4;
const SMALL_PILOT = 100;

function tooFew({ used }: CheckData): Sentence[] {
  if (used >= SMALL_PILOT) return [];
  const needed = used < LEAST_PAIRS;
  return [
    say(
      'warn',
      needed
        ? `A run needs at least ${LEAST_PAIRS} pairs that can be used.`
        : `${count(used)} pairs are few even for a pilot: some hundreds show whether it is worth going on.`,
      needed
        ? `実行には使用可能なペアが少なくとも ${LEAST_PAIRS} 件必要です。`
        : `${count(used)} 件は試行としても少なめです。数百件あれば、続ける価値があるかがわかります。`,
    ),
  ];
}

function headline({ read, used, survey }: CheckData, warnings: number): Sentence {
  const prompts = count(survey.prompts);
  const [en, ja] =
    warnings === 0
      ? ['Nothing here speaks against a pilot.', '試行を妨げる問題は見つかりませんでした。']
      : [
          `${count(warnings)} ${warnings === 1 ? 'thing' : 'things'} to look at before a pilot.`,
          `試行の前に確認すべき点が ${count(warnings)} 件あります。`,
        ];
  return say(
    warnings === 0 ? 'good' : 'neutral',
    `${count(used)} of ${count(read)} rows can be used; the data have ${prompts} different prompts. ${en}`,
    `${count(read)} 行のうち ${count(used)} 行が使用可能（データ全体のプロンプトは ${prompts} 種）。${ja}`,
  );
}

function conflicts({ survey: { conflicts: found } }: CheckData): Sentence[] {
  const { opposite, circles } = found;
  return [
    ...(opposite.pairs === 0
      ? []
      : [
          say(
            'warn',
            `${count(opposite.pairs)} pairs contradict another: the same two answers to the same prompt, preferred the other way round (${groupsText(opposite.rows).en}). At most one of two can be right: decide, or leave both out.`,
            `${count(opposite.pairs)} 件のペアは、同じプロンプトの同じ二つの回答の優劣が逆のペアと矛盾しています（${groupsText(opposite.rows).ja}）。どちらかに決めるか、両方を除いてください。`,
          ),
        ]),
    ...(circles.pairs === 0
      ? []
      : [
          say(
            'warn',
            `${count(circles.pairs)} pairs go in circles: A over B, B over C, C over A (${groupsText(circles.rows).en}). Not all of them can be right.`,
            `${count(circles.pairs)} 件のペアの優劣が循環しています（A＞B、B＞C、C＞A。${groupsText(circles.rows).ja}）。すべてが正しいことはありえません。`,
          ),
        ]),
  ];
}

function ratings({ survey: { meta } }: CheckData): Sentence[] {
  return meta.ratings.map(({ chosen, rejected, pairs, against, equal, rows }) => {
    const share = against / pairs;
    const what = {
      en: `${chosen} is below ${rejected} in ${count(against)} of ${count(pairs)} pairs (${percent(share)}), and equal to it in ${count(equal)}`,
      ja: `${chosen} が ${rejected} を下回るペアは ${count(pairs)} 件中 ${count(against)} 件（${percent(share)}）、同点は ${count(equal)} 件`,
    };
    return against === 0
      ? say('neutral', `${what.en}.`, `${what.ja}です。`)
      : say(
          'warn',
          `${what.en} (${rowsText(rows).en}): a wrong label, or a rating of something else. Look at these before you train on them.`,
          `${what.ja}です（${rowsText(rows).ja}）。ラベルの誤り、または別の観点の評点です。学習に使う前に確認してください。`,
        );
  });
}

function shortcut({ survey: { shortcut: found } }: CheckData): Sentence[] {
  const { all, length, weights } = found;
  if (all === null || length === null) return [];
  const told = strongest(weights);
  const much = (all.low ?? all.value) > MUCH_SHORTCUT;
  const by = {
    en: told === null ? '' : `: chosen answers ${told.en}`,
    ja: told === null ? '' : `（良い回答の方が${told.ja}）`,
  };
  const alone = {
    en: `by length alone ${aucText(length)}`,
    ja: `長さだけでは ${aucText(length)}`,
  };
  return [
    much
      ? say(
          'warn',
          `Form alone tells the chosen answer from the rejected one with an AUC of ${aucText(all)} (${alone.en}; 0.5 would be nothing)${by.en}. A model can learn that instead of quality: train the arm length-matched beside, and consider selection.within: length.`,
          `形式だけで良い回答を見分けられる度合い（AUC）は ${aucText(all)} です（${alone.ja}、0.5 なら手がかりなし）${by.ja}。モデルが質ではなく形式を学ぶおそれがあります。比較条件 length-matched を加え、selection.within: length も検討してください。`,
        )
      : say(
          'neutral',
          `Form alone hardly tells the chosen answer from the rejected one: AUC ${aucText(all)} (${alone.en}; 0.5 would be nothing).`,
          `形式だけでは良い回答をほとんど見分けられません。AUC ${aucText(all)}（${alone.ja}、0.5 なら手がかりなし）。`,
        ),
  ];
}

/** The features that weigh most, in words; null where none weighs anything. */
function strongest(weights: readonly number[] | null): Both | null {
  const sorted = (weights ?? [])
    .map((weight, k) => ({ weight, feature: FEATURES[k] as (typeof FEATURES)[number] }))
    .filter(({ weight }) => Math.abs(weight) >= LEAST_WEIGHT)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, TOLD_FEATURES)
    .map(({ weight, feature }) => (weight > 0 ? feature.more : feature.less));
  if (sorted.length === 0) return null;
  return { en: sorted.map(({ en }) => en).join(', '), ja: sorted.map(({ ja }) => ja).join('、') };
}

function nearDuplicates({ survey: { nearDuplicates: found, pairs } }: CheckData): Sentence[] {
  const { pairs: near, prompts, threshold } = found;
  const level = (extra: number): Level => (extra > MANY * pairs ? 'warn' : 'neutral');
  const at = fixed(threshold, 1);
  return [
    ...(near.extra === 0
      ? []
      : [
          say(
            level(near.extra),
            `${count(near.extra)} of ${count(pairs)} pairs are near-duplicates of an earlier one (similarity ${at} of prompt and answers; ${groupsText(near.rows).en}): they count more than once, and may stand on both sides of a split.`,
            `${count(pairs)} 件中 ${count(near.extra)} 件は先のペアとほぼ同じです（プロンプトと回答の類似度 ${at} 以上、${groupsText(near.rows).ja}）。重複して数えられ、学習用と評価用の両方に入るおそれがあります。`,
          ),
        ]),
    ...(prompts.extra === 0
      ? []
      : [
          say(
            level(prompts.extra),
            `${count(prompts.extra)} prompts are near another one (similarity ${at}; ${groupsText(prompts.rows).en}). Pairs of one prompt are held out together, those of near prompts are not: what is measured on them is a little too good.`,
            `${count(prompts.extra)} 件のプロンプトは他とほぼ同じです（類似度 ${at} 以上、${groupsText(prompts.rows).ja}）。同一のプロンプトはまとめて評価用に分けますが、似ているだけのものは分かれるため、評価がやや甘くなります。`,
          ),
        ]),
  ];
}

const DEFECT_WORDS: Readonly<Record<Defect, Both>> = {
  'same-but-form': {
    en: 'pairs whose two answers differ in case, punctuation or white space alone: they teach form',
    ja: '二つの回答の違いが大文字・小文字、記号、空白だけのペア（形式だけを学習します）',
  },
  prefix: {
    en: 'pairs of which one answer is the beginning of the other: cut answers, or length as the only difference',
    ja: '一方の回答が他方の冒頭と同じペア（途中で切れた回答、または長さだけの違い）',
  },
  'replacement-character': {
    en: 'pairs with replacement characters (U+FFFD): text was lost when the file was made',
    ja: '置換文字（U+FFFD）を含むペア（ファイル作成時に文字が失われています）',
  },
  mojibake: {
    en: 'pairs that look decoded by the wrong character set: read the source as UTF-8',
    ja: '文字化けと思われるペア（元データを UTF-8 で読み直してください）',
  },
  'control-character': {
    en: 'pairs with control characters',
    ja: '制御文字を含むペア',
  },
  'open-code-fence': {
    en: 'pairs with a code block that is not closed: answers may be cut',
    ja: 'コードブロックが閉じていないペア（回答が途中で切れている可能性）',
  },
  'prompt-repeated': {
    en: 'pairs with an answer that begins with its prompt: the prompt may stand in the data twice',
    ja: '回答がプロンプトから始まるペア（プロンプトが二重に入っている可能性）',
  },
};

function defects({ survey }: CheckData): Sentence[] {
  return Object.entries(survey.defects).flatMap(([name, { pairs, rows }]) => {
    if (pairs === 0) return [];
    const words = DEFECT_WORDS[name as Defect];
    return [
      say(
        pairs > MANY * survey.pairs ? 'warn' : 'neutral',
        `${count(pairs)} ${words.en} (${rowsText(rows).en}).`,
        `${words.ja}が ${count(pairs)} 件あります（${rowsText(rows).ja}）。`,
      ),
    ];
  });
}

function languages({ survey: { languages: found, pairs } }: CheckData): Sentence[] {
  if (pairs === 0) return [];
  const { mismatch } = found;
  const mix = sharesText(found.prompt);
  const many = Math.max(mismatch.chosen, mismatch.rejected) > MANY * pairs;
  return [
    say('neutral', `Languages of the prompts, guessed: ${mix.en}.`, `プロンプトの言語（推定）：${mix.ja}。`),
    ...(mismatch.chosen + mismatch.rejected === 0
      ? []
      : [
          say(
            many ? 'warn' : 'neutral',
            `${count(mismatch.chosen)} chosen and ${count(mismatch.rejected)} rejected answers are in another language than their prompt (${rowsText(mismatch.rows).en}).`,
            `プロンプトと異なる言語の回答：良い回答 ${count(mismatch.chosen)} 件、悪い回答 ${count(mismatch.rejected)} 件（${rowsText(mismatch.rows).ja}）。`,
          ),
        ]),
  ];
}

function tokens({ tokens: found, used }: CheckData): Sentence[] {
  if (found === null)
    return [
      say(
        'neutral',
        'Without --model nothing is said of tokens, templates and truncation.',
        '--model を指定すると、トークン数・テンプレート・切り詰めも確認します。',
      ),
    ];
  const { longest, maxLength, promptsCut, specialInText: special, chatTemplate } = found;
  return [
    ...(longest === null
      ? []
      : [
          say(
            'neutral',
            `Prompt and longer answer together: ${count(longest.median)} tokens in the middle, ${count(longest.p95)} at 95 %, ${count(longest.max)} at most; the limit is ${count(maxLength)}.`,
            `プロンプトと長い方の回答の合計：中央値 ${count(longest.median)}、95 % 点 ${count(longest.p95)}、最大 ${count(longest.max)} トークン。上限は ${count(maxLength)} です。`,
          ),
        ]),
    ...(promptsCut === 0
      ? []
      : [
          say(
            promptsCut > MANY * used ? 'warn' : 'neutral',
            `${count(promptsCut)} prompts (${percent(promptsCut / used)}) lose their start to fit: raise text.maxLength and text.maxPromptLength where the model allows it, or refuse them (text.onLong: refuse).`,
            `${count(promptsCut)} 件（${percent(promptsCut / used)}）のプロンプトは先頭が切り詰められます。可能なら text.maxLength と text.maxPromptLength を大きくするか、text.onLong: refuse で除いてください。`,
          ),
        ]),
    ...(special.pairs === 0
      ? []
      : [
          say(
            'warn',
            `In ${count(special.pairs)} pairs a special token of the model stands as text (${special.tokens.join(' ')}; ${rowsText(special.rows).en}): a template was applied before, or someone wrote one. Give messages or bare text.`,
            `モデルの特殊トークンが本文に含まれるペアが ${count(special.pairs)} 件あります（${special.tokens.join(' ')}、${rowsText(special.rows).ja}）。テンプレート適用済みの可能性があります。メッセージ形式か素のテキストで与えてください。`,
          ),
        ]),
    ...(chatTemplate
      ? []
      : [
          say(
            'neutral',
            'The model has no chat template: messages are told apart by nothing but what the texts hold.',
            'このモデルにはチャットテンプレートがありません。',
          ),
        ]),
  ];
}

function refused({ refused: rows, read, refusedBy }: CheckData): Sentence[] {
  if (rows === 0) return [];
  const causes = Object.entries(refusedBy);
  const en = causes.map(([cause, n]) => `${count(n)} ${term(cause).en}`).join(', ');
  const ja = causes.map(([cause, n]) => `${term(cause).ja} ${count(n)}`).join('、');
  return [
    say(
      rows > MANY * read ? 'warn' : 'neutral',
      `${count(rows)} rows cannot be used (${percent(rows / read)}): ${en}. refused.jsonl names each, with what to do.`,
      `${count(rows)} 行（${percent(rows / read)}）は使用できません：${ja}。refused.jsonl に各行の理由と対処を示しています。`,
    ),
  ];
}

function lengths({ survey: { lengths: found } }: CheckData): Sentence[] {
  const { chosen, rejected, chosenLonger } = found;
  if (chosen === null || rejected === null || chosenLonger === null) return [];
  const range = `${percent(chosenLonger.low)}–${percent(chosenLonger.high)}`;
  return [
    say(
      'neutral',
      `The chosen answer is the longer one in ${percent(chosenLonger.value)} of the pairs (95 % ${range}): ${lengthText(chosen.mean)} characters on average against ${lengthText(rejected.mean)} (${signed(100 * (chosen.mean / Math.max(1, rejected.mean) - 1), 0)}%).`,
      `良い回答の方が長いペアは ${percent(chosenLonger.value)}（95 % 区間 ${range}）。平均 ${lengthText(chosen.mean)} 文字と ${lengthText(rejected.mean)} 文字です（${signed(100 * (chosen.mean / Math.max(1, rejected.mean) - 1), 0)}%）。`,
    ),
  ];
}

function refusals({ survey: { refusals: found, pairs } }: CheckData): Sentence[] {
  if (found.chosen + found.rejected === 0) return [];
  const [chosen, rejected] = [percent(found.chosen / pairs), percent(found.rejected / pairs)];
  return [
    say(
      'neutral',
      `Answers that begin as refusals do: ${chosen} of the chosen, ${rejected} of the rejected.`,
      `拒否で始まる回答：良い回答の ${chosen}、悪い回答の ${rejected}。`,
    ),
  ];
}

function cost({ tokens: found }: CheckData): Sentence[] {
  if (found === null) return [];
  const { trained, scored, generated } = found.cost;
  return [
    say(
      'neutral',
      `A run as configured trains on ${count(trained)} tokens, scores ${count(scored)} and generates at most ${count(generated)}, the choice of a learning rate left aside; winnow plan measures how long that takes here.`,
      `この設定での実行は、学習 ${count(trained)}、採点 ${count(scored)}、生成は最大 ${count(generated)} トークンです（学習率の探索を除く）。所要時間は winnow plan で測れます。`,
    ),
  ];
}

function aucText({ value, low, high }: Auc): string {
  return low === null || high === null
    ? fixed(value, 2)
    : `${fixed(value, 2)} [${fixed(low, 2)}, ${fixed(high, 2)}]`;
}

function sharesText(counts: Readonly<Record<string, number>>): Both {
  const entries = Object.entries(counts);
  const total = entries.reduce((sum, [, n]) => sum + n, 0);
  const shown = entries.slice(0, NAMED).map(([name, n]) => ({ name, share: percent(n / total) }));
  const rest = entries.length - shown.length;
  return {
    en: `${shown.map(({ name, share }) => `${languageName(name).en} ${share}`).join(', ')}${rest > 0 ? `, ${count(rest)} others` : ''}`,
    ja: `${shown.map(({ name, share }) => `${languageName(name).ja} ${share}`).join('、')}${rest > 0 ? `、ほか ${count(rest)}` : ''}`,
  };
}

function rowsText(rows: readonly number[]): Both {
  const shown = rows.slice(0, NAMED).map(String);
  const more = rows.length > shown.length;
  return {
    en: `row${rows.length === 1 ? '' : 's'} ${shown.join(', ')}${more ? ', …' : ''}`,
    ja: `行 ${shown.join('、')}${more ? '、…' : ''}`,
  };
}

function groupsText(groups: readonly (readonly number[])[]): Both {
  const shown = groups.slice(0, 3).map((rows) => {
    const own = rows.slice(0, 4);
    return {
      en: `${own.join(' and ')}${rows.length > own.length ? ' …' : ''}`,
      ja: `${own.join(' と ')}${rows.length > own.length ? ' …' : ''}`,
    };
  });
  const more = groups.length > shown.length;
  return {
    en: `rows ${shown.map(({ en }) => en).join('; ')}${more ? '; …' : ''}`,
    ja: `行 ${shown.map(({ ja }) => ja).join('；')}${more ? '；…' : ''}`,
  };
}
