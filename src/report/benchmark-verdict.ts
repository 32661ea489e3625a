import type { BenchmarkData } from './benchmark-data.ts';
import { duelLengths, noiseSentence, pairSentences, positionSentence } from './benchmark-sentences.ts';
import { count, percent } from './numbers.ts';
import { type Sentence, say } from './sentences.ts';

const MOST_LENGTHS = 4;

/** What a benchmark says of the models. */
export function benchmarkVerdicts({ duels, grades, stopped, judgedQuestions }: BenchmarkData): Sentence[] {
  const pairs = duels?.pairs ?? grades?.pairs ?? [];
  const unit = duels === null ? 'rating' : 'points';
  const alone = (duels?.models ?? []).map(({ model, winRate }) =>
    winRate === null
      ? say('warn', `${model}: no verdict.`, `${model}：判定なし。`)
      : say(
          'neutral',
          `${model} wins ${percent(winRate.value)} (95 % ${percent(winRate.low)}–${percent(winRate.high)})${winRate.low > 0.5 ? ': better than the opponent.' : winRate.high < 0.5 ? ': worse than the opponent.' : ': no difference to the opponent shown.'}`,
          `${model} の勝率は ${percent(winRate.value)}（95 % 区間 ${percent(winRate.low)}～${percent(winRate.high)}）。${winRate.low > 0.5 ? '相手より優れています。' : winRate.high < 0.5 ? '相手より劣ります。' : '相手との差は示されていません。'}`,
        ),
  );
  return [
    ...(stopped === null
      ? []
      : [
          say(
            'warn',
            `Not all was judged: ${stopped}. The values are of the ${count(judgedQuestions)} questions on which every model was judged.`,
            `判定は途中で終わりました：${stopped}。値は、全モデルの判定が済んだ質問 ${count(judgedQuestions)} 件のものです。`,
          ),
        ]),
    ...alone,
    ...pairSentences(pairs, unit),
  ];
}

/** How far its judge can be trusted. */
export function benchmarkTrust({ duels, grades, judge }: BenchmarkData): Sentence[] {
  const models = duels?.models ?? [];
  const families = (duels?.models ?? grades?.models ?? []).flatMap(({ model, sameFamily }) =>
    sameFamily === null
      ? []
      : [
          say(
            'warn',
            `The judge and ${model} are of one family (${sameFamily}): judges favour their own.`,
            `判定モデルと ${model} は同じ系列（${sameFamily}）です。判定は自系列に甘くなりがちです。`,
          ),
        ],
  );
  // Length is told of every model where there are few, else of those where it explains the judge.
  const lengths = models.map(duelLengths).filter((sentence) => sentence !== null);
  const shown = lengths.length <= MOST_LENGTHS ? lengths : lengths.filter(({ level }) => level === 'warn');
  const alone = duels === null ? [] : [positionSentence(duels.overall), noiseSentence(duels)];
  const without = models.flatMap(({ model, lengthControlledError }) =>
    lengthControlledError === null
      ? []
      : [
          say(
            'neutral',
            `${model} has no length-controlled win rate: ${lengthControlledError}.`,
            `${model} の長さ補正後の勝率はありません：${lengthControlledError}`,
          ),
        ],
  );
  const told = [...shown, ...alone.filter((sentence) => sentence !== null), ...without];
  const official =
    judge.official === false
      ? [
          say(
            'warn',
            'The published values of this benchmark rest on another judge or another prompt of it: these are not comparable with them.',
            'このベンチマークの公表値は別の判定モデルまたは別の判定用プロンプトによるため、直接は比較できません。',
          ),
        ]
      : [];
  const once =
    judge.repeats === 1 && judge.model !== null
      ? [
          say(
            'neutral',
            'Each question was asked once: the judge’s own noise is not known (--repeats 2).',
            '各質問は 1 回だけ判定したため、判定自体のばらつきは不明です（--repeats 2 で測れます）。',
          ),
        ]
      : [];
  return [...families, ...told, ...official, ...once];
}
