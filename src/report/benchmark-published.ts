import type { DuelResult } from '../evaluate/benchmark/results.ts';
import type { PublishedForm } from './benchmark-data.ts';

/** A benchmark's own value of a model, in points, where it is another than the win rate. */
export interface PublishedValue {
  readonly name: string;
  readonly heading: string;
  readonly digits: number;
  /** Of an arm the mean over its models; null where one has none. */
  readonly of: (row: DuelResult) => number | null;
}

export function publishedValue(published: PublishedForm | null | undefined): PublishedValue | null {
  if (published?.benchmark === 'alpaca-eval') {
    const values = published.models.map((one) => [one.model, one.lengthControlledWinRate] as const);
    const of = meanOver(new Map(values));
    return { name: 'alpacaEvalLengthControlled', heading: 'AlpacaEval LC', digits: 2, of };
  }
  if (published?.benchmark === 'arena-hard') {
    const of = meanOver(new Map(published.models.map(({ model, winRate }) => [model, winRate])));
    return { name: 'arenaHard', heading: 'Arena-Hard', digits: 1, of };
  }
  return null;
}

function meanOver(values: ReadonlyMap<string, number | null>): PublishedValue['of'] {
  return ({ members }) => {
    const own = members.flatMap((model) => values.get(model) ?? []);
    return own.length < members.length ? null : own.reduce((sum, one) => sum + one, 0) / own.length;
  };
}
