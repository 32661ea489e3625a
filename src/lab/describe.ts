import { inputError } from '../base/errors.ts';
import type { LabPair } from './world.ts';

/** What a set of pairs can teach. All but `pairs` and `byFamily` are shares of the pairs. */
export interface WorldDescription {
  readonly pairs: number;
  /** One side is right, the other wrong, and the wrong one carries more style marks. */
  readonly conflict: number;
  /** One side is right, the other wrong, and the right one carries more style marks. */
  readonly agreement: number;
  /** One side is right, the other wrong, in equal style. */
  readonly correctnessOnly: number;
  /** Both right or both wrong: only style tells them apart. */
  readonly styleOnly: number;
  readonly chosenCorrect: number;
  readonly rejectedCorrect: number;
  /** Mean share of style marks. */
  readonly chosenStyle: number;
  readonly rejectedStyle: number;
  readonly flipped: number;
  readonly byFamily: Readonly<Record<string, number>>;
}

type Kind = 'conflict' | 'agreement' | 'correctnessOnly' | 'styleOnly';

/** Seen from the right side, whichever label it has: label noise does not change what kind a pair is. */
export function kindOf({ meta }: LabPair): Kind {
  if (meta.chosenCorrect === meta.rejectedCorrect) return 'styleOnly';
  const chosenLead = meta.chosenStyle - meta.rejectedStyle;
  const rightLead = meta.chosenCorrect ? chosenLead : -chosenLead;
  if (rightLead === 0) return 'correctnessOnly';
  return rightLead > 0 ? 'agreement' : 'conflict';
}

/** Throws on no pairs: their shares would be no numbers. */
export function describeWorld(pairs: readonly LabPair[]): WorldDescription {
  if (pairs.length === 0) throw inputError('lab-no-pairs', 'there are no pairs to describe');
  const mean = (value: (pair: LabPair) => number) =>
    pairs.reduce((sum, pair) => sum + value(pair), 0) / pairs.length;
  const shareOf = (kind: Kind) => mean((pair) => Number(kindOf(pair) === kind));
  const byFamily: Record<string, number> = {};
  for (const { meta } of pairs) byFamily[meta.family] = (byFamily[meta.family] ?? 0) + 1;
  return {
    pairs: pairs.length,
    conflict: shareOf('conflict'),
    agreement: shareOf('agreement'),
    correctnessOnly: shareOf('correctnessOnly'),
    styleOnly: shareOf('styleOnly'),
    chosenCorrect: mean(({ meta }) => Number(meta.chosenCorrect)),
    rejectedCorrect: mean(({ meta }) => Number(meta.rejectedCorrect)),
    chosenStyle: mean(({ meta }) => meta.chosenStyle),
    rejectedStyle: mean(({ meta }) => meta.rejectedStyle),
    flipped: mean(({ meta }) => Number(meta.flipped)),
    byFamily,
  };
}
