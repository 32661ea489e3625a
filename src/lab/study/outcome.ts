import { type Answer, gradeAnswers } from '../../evaluate/answers.ts';
import { heldOutOutcome } from '../../evaluate/held-out.ts';
import { labJudge } from '../gold.ts';
import { readPrompt } from '../tasks.ts';
import { type ArmTrial, isTuning, type Replicate } from './replicate.ts';

/** What an arm did on prompts that no training saw; shares and means over them. */
export interface Outcome {
  /** Against the start model, ties half. */
  readonly winRate: number;
  readonly correct: number;
  /** Share of style marks. */
  readonly style: number;
  readonly lengthTokens: number;
  readonly ended: number;
  /** Right answers by level of the family, 0 … 2. */
  readonly correctByLevel: readonly number[];
  readonly byFamily: Readonly<Record<string, { readonly winRate: number; readonly correct: number }>>;
  /** 2 won, 1 tied, 0 lost: a digit for each prompt, in their order. */
  readonly wins: string;
}

/** Of one training. */
export interface ArmOutcome extends Outcome {
  readonly name: string;
  readonly order: number;
  readonly pairs: number;
  readonly steps: number;
  /** On the tuning prompts: what a choice may be made on. */
  readonly tuning: Pick<Outcome, 'winRate' | 'correct' | 'wins'>;
  readonly heldOutAccuracy: number;
  readonly heldOutLossNats: number;
  /** Mean change of the chosen completion's log-probability per token, held-out pairs, nats. */
  readonly chosenChangeNats: number;
  readonly losses: readonly number[];
}

/** Of an arm, whatever the number of its trainings. */
export interface ArmNumbers
  extends Pick<
    ArmOutcome,
    | 'name'
    | 'pairs'
    | 'steps'
    | 'winRate'
    | 'correct'
    | 'style'
    | 'lengthTokens'
    | 'ended'
    | 'correctByLevel'
    | 'heldOutAccuracy'
    | 'heldOutLossNats'
    | 'chosenChangeNats'
  > {
  readonly tuning: Pick<ArmOutcome['tuning'], 'winRate' | 'correct'>;
}

/** The means over an arm's trainings, of which there is one at least. */
export function meanOutcome(orders: readonly ArmOutcome[]): ArmNumbers {
  const of = (value: (outcome: ArmOutcome) => number) => mean(orders.map(value));
  const { name, pairs, steps, correctByLevel } = orders[0] as ArmOutcome;
  return {
    name,
    pairs,
    steps,
    winRate: of(({ winRate }) => winRate),
    correct: of(({ correct }) => correct),
    style: of(({ style }) => style),
    lengthTokens: of(({ lengthTokens }) => lengthTokens),
    ended: of(({ ended }) => ended),
    correctByLevel: correctByLevel.map((_, level) => of((outcome) => outcome.correctByLevel[level] ?? 0)),
    heldOutAccuracy: of(({ heldOutAccuracy }) => heldOutAccuracy),
    heldOutLossNats: of(({ heldOutLossNats }) => heldOutLossNats),
    chosenChangeNats: of(({ chosenChangeNats }) => chosenChangeNats),
    tuning: { winRate: of(({ tuning }) => tuning.winRate), correct: of(({ tuning }) => tuning.correct) },
  };
}

/** The start model itself, in the same words. */
export function startOutcome(replicate: Replicate): Outcome {
  const answers = replicate.start.filter((answer) => !isTuning(answer));
  return outcomeOf(answers, answers);
}

export function armOutcome(replicate: Replicate, trial: ArmTrial): ArmOutcome {
  const { beta } = replicate.scored.hyper;
  const part = (answers: readonly Answer[], tuning: boolean) =>
    answers.filter((answer) => isTuning(answer) === tuning);
  const of = (tuning: boolean) => outcomeOf(part(trial.answers, tuning), part(replicate.start, tuning));
  const tokens = new Map(replicate.prepared.heldOut.map((pair) => [pair.tokens.id, pair.tokens]));
  const heldOut = trial.heldOut.map((row) =>
    heldOutOutcome(
      {
        id: row.id,
        chosenTokens: tokens.get(row.id)?.chosen.length ?? 1,
        reference: replicate.reference.get(row.id) ?? row,
      },
      row,
      beta,
    ),
  );
  const { winRate, correct, wins } = of(true);
  return {
    name: trial.arm.name,
    order: trial.arm.order,
    pairs: trial.arm.ids.length,
    steps: trial.losses.length,
    ...of(false),
    tuning: { winRate, correct, wins },
    heldOutAccuracy: mean(heldOut.map((pair) => pair.correct)),
    heldOutLossNats: mean(heldOut.map(({ loss }) => loss)),
    chosenChangeNats: mean(heldOut.map(({ chosenChange }) => chosenChange)),
    losses: trial.losses.map((loss) => Number(loss.toFixed(4))),
  };
}

function outcomeOf(answers: readonly Answer[], start: readonly Answer[]): Outcome {
  const graded = gradeAnswers(answers, start, labJudge).map((grade, i) => {
    const { prompt, tokens, ended } = answers[i] as Answer;
    const family = readPrompt(prompt)?.family;
    if (family === undefined) throw new Error(`not a prompt of the lab: ${prompt}`);
    return { ...grade, family, tokens, ended };
  });
  const families = [...new Set(graded.map(({ family }) => family))];
  const within = (name: string) => graded.filter(({ family }) => family.name === name);
  return {
    winRate: mean(graded.map(({ win }) => win)),
    correct: mean(graded.map(({ correct }) => correct)),
    style: mean(graded.map(({ style }) => style)),
    lengthTokens: mean(graded.map(({ tokens }) => tokens)),
    ended: mean(graded.map(({ ended }) => Number(ended))),
    correctByLevel: [0, 1, 2].map((level) =>
      mean(graded.filter(({ family }) => family.level === level).map(({ correct }) => correct)),
    ),
    byFamily: Object.fromEntries(
      families.map(({ name }) => [
        name,
        {
          winRate: mean(within(name).map(({ win }) => win)),
          correct: mean(within(name).map(({ correct }) => correct)),
        },
      ]),
    ),
    wins: graded.map(({ win }) => String(2 * win)).join(''),
  };
}

/** 0 for none: a world without a level says nothing of it. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
