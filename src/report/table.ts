import type { ArmResult, Interval, ReportData } from './data.ts';
import { count, fixed, known, MISSING, percent, signed } from './numbers.ts';
import { armName, type Both, type Reason, term, words } from './words.ts';

export interface Cell {
  readonly text: string;
  /** The interval of the value, without a unit. */
  readonly interval?: string;
  /** Why there is no value. */
  readonly reason?: Reason;
}

export interface Column {
  readonly heading: Both;
  /** Heading on a terminal, where room is scarce. */
  readonly short: Both;
  readonly unit?: Both;
  readonly group: 'result' | 'effect';
  readonly cell: (arm: ArmResult) => Cell;
}

/** The table of arms, column by column: the page and the terminal draw the same one. */
export function armColumns(data: ReportData): readonly Column[] {
  const judged = data.arms.some((arm) => arm.winRate !== null);
  const accuracy = ({ heldOut }: ArmResult): Interval => ({
    value: heldOut.accuracy,
    low: heldOut.accuracyLow,
    high: heldOut.accuracyHigh,
  });
  return [
    column('result', words.pairs, words.pairs, ({ pairs }) => plain(count(pairs), pairs)),
    column('result', words.steps, words.steps, ({ steps }) => plain(count(steps), steps)),
    column('result', words.winRate, { en: 'Win rate %', ja: '勝率 %' }, ({ winRate, name }) =>
      winRate === null ? missing(judged && name === 'start' ? 'is-start' : 'no-judge') : share(winRate),
    ),
    ...(data.arms.some((arm) => arm.winLengths !== undefined)
      ? [
          column(
            'result',
            words.lengthControlled,
            { en: 'Equal length %', ja: '長さ補正 %' },
            ({ winLengths, name }) => {
              if (winLengths === undefined) return missing(name === 'start' ? 'is-start' : 'no-judge');
              const { lengthControlled } = winLengths;
              return lengthControlled === null
                ? missing('no-length-fit')
                : plain(percent(lengthControlled.winRate), lengthControlled.winRate);
            },
          ),
        ]
      : []),
    ...(data.arms.some((arm) => arm.reward !== undefined)
      ? [column('result', words.reward, words.reward, ({ reward }) => number(reward))]
      : []),
    column('result', words.correctness, { en: 'Correct %', ja: '正答率 %' }, ({ correctness }) =>
      correctness === null ? missing('no-checker') : share(correctness),
    ),
    column('result', words.heldOutAccuracy, { en: 'Held-out acc. %', ja: '判別率 %' }, (arm) =>
      share(accuracy(arm)),
    ),
    column(
      'effect',
      words.heldOutLoss,
      { en: 'Loss (nats)', ja: '損失 (nat)' },
      ({ heldOut }) => plain(fixed(heldOut.loss, 3), heldOut.loss),
      words.nats,
    ),
    column('effect', words.style, { en: 'Style %', ja: '文体要素 %' }, ({ style }) =>
      style === null ? missing('no-style') : plain(percent(style), style),
    ),
    column(
      'effect',
      words.meanLength,
      { en: 'Length (tok.)', ja: '回答長 (tok.)' },
      ({ meanLengthTokens }) =>
        meanLengthTokens === null
          ? missing('no-answers')
          : plain(fixed(meanLengthTokens, 1), meanLengthTokens),
      words.tokens,
    ),
    column('effect', words.ended, { en: 'Ended %', ja: '完結率 %' }, ({ endedShare }) =>
      endedShare === null ? missing('no-answers') : plain(percent(endedShare), endedShare),
    ),
    column(
      'effect',
      words.chosenChange,
      { en: 'Chosen (nats/tok.)', ja: '良い回答 (nat/tok.)' },
      ({ chosenLogProbChange }) => plain(signed(chosenLogProbChange, 3), chosenLogProbChange),
      words.natsPerToken,
    ),
  ];
}

/** The reasons behind the dashes of some cells, each once, in the order of the table. */
export function reasonsIn(arms: readonly ArmResult[], columns: readonly Column[]): Reason[] {
  const found = new Set<Reason>();
  for (const arm of arms) {
    for (const { cell } of columns) {
      const { reason } = cell(arm);
      if (reason !== undefined) found.add(reason);
    }
  }
  return [...found];
}

/** Under the arm's name: in which order it saw its pairs, and with which seeds. */
export function armDetail({ name, order, trainingSeeds }: ArmResult): Both | null {
  if (name === 'start') return null;
  const seeds = trainingSeeds.join(', ');
  return {
    en: `${words.order.en}: ${term(order).en}; ${words.trainingSeeds.en}: ${seeds === '' ? MISSING : seeds}`,
    ja: `${words.order.ja}：${term(order).ja}、${words.trainingSeeds.ja}：${seeds === '' ? MISSING : seeds}`,
  };
}

export function armLabel(arm: ArmResult): Both {
  return armName(arm.name);
}

function column(
  group: Column['group'],
  heading: Both,
  short: Both,
  cell: Column['cell'],
  unit?: Both,
): Column {
  return unit === undefined ? { heading, short, group, cell } : { heading, short, group, cell, unit };
}

function plain(text: string, value: number): Cell {
  return known(value) ? { text } : missing('not-finite');
}

function number(interval: Interval | undefined): Cell {
  if (interval === undefined || !known(interval.value)) return missing('not-finite');
  const { value, low, high } = interval;
  if (!known(low) || !known(high)) return { text: signed(value, 3), reason: 'not-finite' };
  return { text: signed(value, 3), interval: `${signed(low, 3)} … ${signed(high, 3)}` };
}

function share({ value, low, high }: Interval): Cell {
  if (!known(value)) return missing('not-finite');
  if (!known(low) || !known(high)) return { text: percent(value), reason: 'not-finite' };
  return { text: percent(value), interval: `${fixed(100 * low, 1)}–${fixed(100 * high, 1)}` };
}

function missing(reason: Reason): Cell {
  return { text: MISSING, reason };
}
