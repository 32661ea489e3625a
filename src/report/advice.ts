import type { Comparison, ReportData } from './data.ts';
import type { Evidence, Outcome } from './headline.ts';
import { count, percent } from './numbers.ts';
import { isUnreliable } from './reliability.ts';
import { type Sentence, say } from './sentences.ts';

/** Fewer prompts than this leave intervals wider than ± 10 points: too wide for the differences selection makes. */
export const FEW_PROMPTS = 100;
/** Refused or cut rows above this share may change what the run says. */
const MANY_ROWS = 0.05;

/** What to look at next. Nothing here tells anyone to drop data that was not seen to hurt. */
export function advice(
  data: ReportData,
  outcome: Outcome,
  evidence: Evidence,
  main: Comparison | undefined,
): Sentence[] {
  const { pairs, selection } = data;
  const out: Sentence[] = [];
  if (isUnreliable(data)) {
    out.push(
      say(
        'warn',
        'Score with more seeds first: until the difficulty is reliable, no keep fraction means much.',
        'まず測定のシード数を増やしてください。難易度が安定しない間は、採用率を比べても意味がありません。',
      ),
    );
  }
  out.push(...byOutcome(outcome, evidence));
  if (main !== undefined && main.n < FEW_PROMPTS) {
    out.push(
      say(
        'warn',
        `Evaluate on more prompts: ${count(main.n)} are few, and the intervals are wide for it.`,
        `評価に使うプロンプトを増やしてください。${count(main.n)} 件では少なく、信頼区間が広くなります。`,
      ),
    );
  }
  if (pairs.refused > MANY_ROWS * pairs.read) {
    out.push(
      say(
        'neutral',
        `Look at the refused rows: ${count(pairs.refused)} of ${count(pairs.read)} (${percent(pairs.refused / pairs.read)}) could not be used.`,
        `使用不可の行を確認してください。${count(pairs.read)} 行中 ${count(pairs.refused)} 行（${percent(pairs.refused / pairs.read)}）が使えませんでした。`,
      ),
    );
  }
  if (pairs.promptsCut > MANY_ROWS * pairs.used) {
    out.push(
      say(
        'neutral',
        `${count(pairs.promptsCut)} prompts were cut to fit the context: a longer context may change the difficulty.`,
        `${count(pairs.promptsCut)} 件のプロンプトが長さの上限で切り詰められています。上限を広げると難易度が変わる可能性があります。`,
      ),
    );
  }
  if (selection.dropped > 0) {
    out.push(
      say(
        'neutral',
        'Read some of the pairs that were not kept before you decide about them: hard pairs can be wrong labels, but also what the model most needs to learn.',
        '採用されなかったペアは、扱いを決める前に中身を確認してください。難しいペアにはラベルの誤りもあれば、本来学ばせたい内容もあります。',
      ),
    );
  }
  return out;
}

function byOutcome(outcome: Outcome, { full }: Evidence): Sentence[] {
  switch (outcome) {
    case 'better':
      if (full !== 'better') {
        return [
          say(
            'neutral',
            'A gain over all pairs was not shown: keep all pairs unless a shorter training is worth it to you, or narrow the intervals with a larger pilot.',
            '全件学習を上回る効果は示されていません。学習時間の短縮に価値がなければ全件を使い、判断を確かにするには規模を広げて信頼区間を狭めてください。',
          ),
        ];
      }
      return [
        say(
          'good',
          'Repeat with a larger pilot and other training seeds; if the gain stays, use this keep fraction for the whole data.',
          '規模を広げ、学習シードを変えて再度確認してください。効果が再現すれば、この採用率を全データに適用できます。',
        ),
      ];
    case 'worse':
      return [
        say(
          'warn',
          'Keep all pairs for now: on this data and this model selection did not pay. A larger keep fraction (80 or 90%) is the next thing to try.',
          '当面は全件を使ってください。このデータとモデルでは選別の効果がありません。次に試すなら、より高い採用率（80～90%）です。',
        ),
      ];
    case 'no-difference':
      return [
        say(
          'neutral',
          'Keep all pairs for now. A larger pilot narrows the intervals; other keep fractions are worth a try.',
          '当面は全件を使ってください。規模を広げると信頼区間が狭まります。別の採用率も試す価値があります。',
        ),
      ];
    case 'mixed':
      return [
        say(
          'warn',
          'Decide which measure counts for your use, and read answers on which the arms differ. A larger keep fraction may keep the gain at a lower price.',
          'どの指標を重視するかを決め、条件間で結果が分かれた回答を確認してください。採用率を上げると、効果を保ったまま代償を抑えられる場合があります。',
        ),
        say(
          'neutral',
          'A small anchor for the chosen answers (training.anchorWeight: 0.03) is worth a try: in Winnow’s lab it kept the gain and gave the right answers back.',
          '良い回答への小さなアンカー（training.anchorWeight: 0.03）も試す価値があります。Winnow の実験では、効果を保ったまま正答率の低下がなくなりました。',
        ),
      ];
    case 'unknown':
      return [
        say(
          'warn',
          'Run again with a random arm of the same number of pairs and one on all pairs: without them nothing can be said about selection.',
          '同数の無作為抽出と全件学習を比較条件に加えて再実行してください。これらがなければ選別の効果は判断できません。',
        ),
      ];
    case 'nothing-selected':
      return [
        say(
          'neutral',
          'If the keep fraction was chosen by evidence, that is the finding: no smaller share of the pairs did better here.',
          '採用率が測定結果から決まったのであれば、これより低い採用率で良くなるものはなかったということです。',
        ),
      ];
  }
}
