/** Which of two answers is better. Names the answer, whatever place it was shown in. */
export type Label = 'a' | 'b' | 'tie';

/** Two answers to a prompt and what annotators say of them. */
export interface LabelledPair {
  readonly id: string;
  readonly prompt: string;
  readonly answerA: string;
  readonly answerB: string;
  /** In the order of the set's annotators; null where one has none. */
  readonly labels: readonly (Label | null)[];
}

export interface LabelSet {
  /** At least one name. */
  readonly annotators: readonly string[];
  readonly pairs: readonly LabelledPair[];
}

/** What a judge says of a pair. null: the judge answered, but no verdict could be read. */
export interface JudgeVerdict {
  /** Answer a was shown first. */
  readonly first: Label | null;
  /** Answer b was shown first; left out where only one order was asked. */
  readonly swapped?: Label | null;
}

/** A judge's verdicts by the ids of pairs; pairs that it was not asked about are not in the map. */
export interface JudgeVerdicts {
  readonly judge: string;
  readonly verdicts: ReadonlyMap<string, JudgeVerdict>;
}

/** The label with more votes than every other; null where none has, and without votes. */
export function majority(labels: readonly (Label | null)[]): Label | null {
  const votes = (label: Label) => labels.filter((other) => other === label).length;
  const ranked = (['a', 'b', 'tie'] as const)
    .map((label) => ({ label, votes: votes(label) }))
    .sort((x, y) => y.votes - x.votes);
  const [most, next] = ranked as [(typeof ranked)[0], (typeof ranked)[0]];
  return most.votes > next.votes ? most.label : null;
}

/** −1 where answer b is the longer one, 1 where a is, 0 for equal lengths; in characters (code points). */
export function lengthSign({ answerA, answerB }: LabelledPair): -1 | 0 | 1 {
  return Math.sign([...answerA].length - [...answerB].length) as -1 | 0 | 1;
}

/** A judge that knows nothing but length: the longer answer is better, equal lengths tie. */
export function longerAnswer({ pairs }: LabelSet): JudgeVerdicts {
  const verdicts = pairs.map((pair) => {
    const sign = lengthSign(pair);
    return [pair.id, { first: sign > 0 ? 'a' : sign < 0 ? 'b' : 'tie' }] as const;
  });
  return { judge: 'the longer answer', verdicts: new Map(verdicts) };
}

/** A judge that always takes the answer which the file has first. */
export function firstAnswer({ pairs }: LabelSet): JudgeVerdicts {
  return { judge: 'the first answer', verdicts: new Map(pairs.map(({ id }) => [id, { first: 'a' }])) };
}
