import { advice, FEW_PROMPTS } from './advice.ts';
import type { Comparison, ReportData } from './data.ts';
import { droppedSentences, gateSentence } from './effect-sentences.ts';
import { correctnessLosses, lengthEffect, sideEffects } from './effects.ts';
import { type Evidence, headlineOf, type Outcome, outcomeOf, titleOf } from './headline.ts';
import { count, keepPercent } from './numbers.ts';
import { outlookSentence } from './outlook.ts';
import { isUnreliable, reliability } from './reliability.ts';
import { differenceSentence, findingOf, type Sentence, say } from './sentences.ts';
import { judgeName } from './words.ts';

export interface Verdict {
  readonly outcome: Outcome;
  /** What the verdict rests on: the win rate where there is a judge, held-out accuracy where there is none. */
  readonly metric: Comparison['metric'];
  /** A few words. */
  readonly title: Sentence;
  /** The verdict in full, then the numbers and the side effects behind it. */
  readonly findings: readonly Sentence[];
  /** How far the difficulty can be trusted. */
  readonly reliability: readonly Sentence[];
  /** What to look at next. */
  readonly next: readonly Sentence[];
}

/**
 * What the run shows, in words. "Better" and "worse" are said only where the 95 % interval of a paired
 * difference excludes 0; selection is judged against the same number of random pairs, then against all pairs.
 */
export function verdict(data: ReportData): Verdict {
  const metric = mainMetric(data);
  const compared = (b: string, by = metric) =>
    data.comparisons.find((c) => c.a === 'selected' && c.b === b && c.metric === by);
  const losses = correctnessLosses(data);
  const evidence: Evidence = {
    metric,
    keep: keepPercent(data.selection.keepFraction),
    random: findingOf(compared('random')),
    full: findingOf(compared('full')),
    correctnessFell: losses.length > 0,
  };
  const nothingSelected = data.selection.keepFraction >= 1 || data.selection.dropped === 0;
  const outcome = nothingSelected ? 'nothing-selected' : outcomeOf(evidence);
  const secondary =
    metric === 'winRate' ? [] : (['random', 'full'] as const).map((b) => compared(b, 'heldOutLoss'));
  // Where they were trained: what only lengths, or short answers alone, would have done.
  const byLength = [compared('length-matched'), compared('shortest')];
  const shown = [compared('random'), compared('full'), ...byLength, ...secondary, ...losses].filter(
    (c) => c !== undefined,
  );
  const main = compared('random') ?? compared('full');
  const trust = reliability(data);
  const findings = [
    headlineOf(outcome, evidence),
    // A selection that rests on noise must not stand unqualified in the verdict.
    ...(isUnreliable(data) ? trust.filter(({ level }) => level === 'warn').slice(0, 1) : []),
    ...withoutJudge(metric),
    ...byRewardModel(data),
    ...byLanguageModel(data),
    ...shown.map(differenceSentence),
    ...lengthEffect(compared('random'), compared('length-matched')),
    ...failedGates(data),
    ...sideEffects(data, metric),
    ...byHand(data),
    ...limits(data, main),
    ...(data.outlook === undefined ? [] : [outlookSentence(data.outlook)]),
  ];
  return {
    outcome,
    metric,
    title: titleOf(outcome, evidence),
    findings,
    reliability: trust,
    next: [
      ...advice(data, outcome, evidence, main),
      // The dropped pairs that look wrong, where there are any.
      ...(data.dropped === undefined ? [] : droppedSentences(data.dropped).slice(0, 1)).filter(
        ({ level }) => level === 'warn',
      ),
    ],
  };
}

/** A gate that the user set and that was not passed belongs into the verdict. */
function failedGates({ gates }: ReportData): Sentence[] {
  return (gates?.results ?? [])
    .filter(({ outcome }) => outcome === 'failed')
    .map((result) => gateSentence(result, gates?.by ?? 'interval'));
}

/** The win rate where one was compared, otherwise how well the model orders held-out pairs. */
function mainMetric(data: ReportData): Comparison['metric'] {
  const has = (metric: Comparison['metric']) =>
    data.comparisons.some(
      (c) => c.metric === metric && c.a === 'selected' && (c.b === 'random' || c.b === 'full'),
    );
  if (has('winRate')) return 'winRate';
  return has('heldOutAccuracy') || !has('heldOutLoss') ? 'heldOutAccuracy' : 'heldOutLoss';
}

function withoutJudge(metric: Comparison['metric']): Sentence[] {
  if (metric === 'winRate') return [];
  return [
    say(
      'neutral',
      'No judge compared the answers, so this rests on how the model orders pairs that it did not train on. That says little about the quality of its answers.',
      '回答を比べる評価者がないため、学習に使っていないペアの順位付けで判断しています。回答の質そのものを示すものではありません。',
    ),
  ];
}

/** A reward model is a judge of its own taste, and its rewards are what training may come to chase. */
function byRewardModel({ judge, arms }: ReportData): Sentence[] {
  if (judge?.kind !== 'reward-model' || arms.every(({ winRate }) => winRate === null)) return [];
  const name = judgeName(judge);
  return [
    say(
      'neutral',
      `The judge is the ${name.en}: the answer with the higher reward wins. What it prefers is not necessarily what people prefer.`,
      `評価者は${name.ja}で、報酬の高い回答を勝ちとします。人の好みと一致するとは限りません。`,
    ),
  ];
}

/** A language model is not the people whose opinion is wanted, and favours its own. */
function byLanguageModel({ judge, arms }: ReportData): Sentence[] {
  if (judge?.kind !== 'language-model' || arms.every(({ winRate }) => winRate === null)) return [];
  const { name, sameFamily: family } = judge;
  return [
    say(
      'neutral',
      `The judge is the language model ${name}, asked about each answer in both orders. How far it agrees with people, winnow judge-check tells.`,
      `評価者は言語モデル ${name} で、回答の提示順を入れ替えて 2 回ずつ判定しました。人の判断との一致は winnow judge-check で確認できます。`,
    ),
    ...(family === undefined
      ? []
      : [
          say(
            'warn',
            `The judge and the model are of one family (${family}): judges favour their own.`,
            `評価者とモデルは同じ系列（${family}）です。判定は自系列に甘くなりがちです。`,
          ),
        ]),
  ];
}

/** What was decided before any threshold, and for every arm alike. */
function byHand({ selection }: ReportData): Sentence[] {
  if (selection.byHand === undefined) return [];
  const { keep, drop } = selection.byHand;
  return [
    say(
      'neutral',
      `Rules and people keep ${count(keep)} pairs whatever their difficulty, in every arm, and leave ${count(drop)} out of every arm: “all pairs” are all but these, and no comparison here says what the rules themselves did.`,
      `ルールと人の判断により、難易度にかかわらず ${count(keep)} 件をすべての条件で採用し、${count(drop)} 件をすべての条件から除いています。「全件」はこれらを除いた全件で、ルール自体の効果はこの比較からはわかりません。`,
    ),
  ];
}

/** What the intervals do not cover. */
function limits(data: ReportData, main: Comparison | undefined): Sentence[] {
  const out: Sentence[] = [];
  if (main === undefined) return out;
  if (main.n < FEW_PROMPTS) {
    out.push(
      say(
        'warn',
        `Only ${count(main.n)} prompts were evaluated: an interval from so few is itself rough.`,
        `評価は ${count(main.n)} 件だけです。件数が少ないため、信頼区間そのものも粗い値です。`,
      ),
    );
  }
  const trained = data.arms.filter((arm) => arm.name !== 'start');
  if (trained.some((arm) => arm.trainingSeeds.length < 2)) {
    out.push(
      say(
        'neutral',
        'Some arms were trained with one seed: the intervals then cover other prompts, not another training.',
        '学習シードが一つだけの条件があります。その信頼区間はプロンプトの違いのみで、学習のやり直しによるばらつきを含みません。',
      ),
    );
  }
  return out;
}
