import { inputError, type WinnowError } from '../base/errors.ts';
import type { ChatClient, ChatReply, Estimate, Sampling } from './chat.ts';
import type {
  CompareOptions,
  Duel,
  DuelVerdict,
  Game,
  GameFailure,
  Judgment,
  Order,
  PairJudge,
} from './duel.ts';
import { modelShare, type Orders, ordersOf, sidesOf } from './order.ts';
import { askQuestions, firstAsks, type Question } from './question.ts';
import { chosenSampling, type SamplingChoice } from './sampling.ts';
import { fillTemplate, type JudgeTemplate, promptText } from './template.ts';

/** What the ways to ask a language model about two answers have in common. */
export interface GamesOptions {
  readonly client: ChatClient;
  /** The judge, as the service calls it. */
  readonly model: string;
  readonly template: JudgeTemplate;
  readonly orders?: Orders;
  /** Of the drawn orders. Default 0. */
  readonly seed?: number;
  /** Each question asked so often. Default 1. */
  readonly repeats?: number;
  /** How often a question is asked again whose answer has no verdict. Default 2. */
  readonly asksAgain?: number;
  /** Default: what the benchmarks ask, see `pairwiseJudge` and `preferenceJudge`. */
  readonly sampling?: SamplingChoice;
  /** Two equal answers share the win, and nothing is asked. Default true. */
  readonly tieEqual?: boolean;
}

/** What a judge's reply means, the answer called A first. */
export interface GameReading {
  readonly label: string;
  readonly winA: number;
  readonly strong: boolean;
}

export interface GamesKind {
  readonly name: string;
  readonly orders: Orders;
  readonly sampling: Sampling;
  readonly tie: { readonly label: string };
  readonly read: (reply: ChatReply) => { readonly value: GameReading } | { readonly failure: GameFailure };
  /** A reply that shows that this service cannot judge so at all; made anew for each call. */
  readonly stopWhen?: () => (reply: ChatReply) => WinnowError | null;
}

interface Place {
  /** Which verdict the game belongs to. */
  readonly verdict: number;
  readonly duel: Duel;
  readonly repeat: number;
  readonly order: Order;
}

/** A judge of duels that asks a language model one question a game. */
export function gamesJudge(options: GamesOptions, kind: GamesKind): PairJudge {
  const { client, model, template, seed = 0, repeats = 1, asksAgain = 2, tieEqual = true } = options;
  const orders = options.orders ?? kind.orders;
  const sampling = chosenSampling(kind.sampling, options.sampling);
  const isSettled = ({ opponent, model: answer }: Duel) => tieEqual && opponent === answer;
  const places = (duels: readonly Duel[]): Place[] =>
    duels.flatMap((duel, index) =>
      Array.from({ length: repeats }, (_, repeat) =>
        ordersOf(duel, orders, seed).map((order) => ({
          verdict: repeats * index + repeat,
          duel,
          repeat,
          order,
        })),
      ).flat(),
    );
  const questionsOf = (asked: readonly Place[]): Question[] =>
    asked.map(({ duel, repeat, order }) => {
      const { a, b } = sidesOf(duel, order);
      const values = { prompt: promptText(duel.conversation), answer_a: a, answer_b: b };
      const reference = template.usesReference ? { reference: referenceOf(duel, template) } : {};
      return { repeat, messages: fillTemplate(template, { ...values, ...reference }) };
    });
  return {
    name: `${model}, ${kind.name} ${template.name}`,
    model,
    repeats,
    async compare(duels: readonly Duel[], compareOptions: CompareOptions = {}): Promise<Judgment> {
      const all = places(duels);
      const asked = all.filter(({ duel }) => !isSettled(duel));
      const stopWhen = kind.stopWhen?.();
      const { answers, stopped } = await askQuestions<GameReading, GameFailure>(questionsOf(asked), {
        client,
        model,
        sampling,
        read: kind.read,
        asksAgain,
        again: template.again,
        ...compareOptions,
        ...(stopWhen === undefined ? {} : { stopWhen }),
      });
      let next = 0;
      const games = all.map(({ duel, order }): Game => {
        if (isSettled(duel))
          return { order, label: kind.tie.label, win: 0.5, strong: false, said: null, key: null };
        const { value, failure, said, key } = answers[next++] as (typeof answers)[number];
        return {
          order,
          label: value?.label ?? null,
          win: value === null ? null : modelShare(value.winA, order),
          strong: value?.strong ?? false,
          said,
          key,
          ...(failure === undefined ? {} : { failure }),
        };
      });
      const verdicts = verdictsOf(all, games);
      return { verdicts, stopped, failures: failuresOf(games), spending: client.spending() };
    },
    estimate(duels: readonly Duel[]): Estimate {
      const asked = places(duels).filter(({ duel }) => !isSettled(duel));
      return client.estimate(firstAsks(questionsOf(asked), { model, sampling }));
    },
  };
}

function referenceOf(duel: Duel, template: JudgeTemplate): string {
  if (duel.reference !== undefined) return duel.reference;
  throw inputError(
    'judge-reference',
    `the template ${template.name} shows a reference answer, and ${duel.id} has none`,
    {
      file: template.file,
      got: duel.id,
      remedy: 'Judge what has no reference answer with another template',
    },
  );
}

/** Games lie duel by duel and repeat by repeat. */
function verdictsOf(places: readonly Place[], games: readonly Game[]): DuelVerdict[] {
  const verdicts: DuelVerdict[] = [];
  for (let from = 0; from < places.length; ) {
    const { verdict, duel, repeat } = places[from] as Place;
    let to = from + 1;
    while (places[to]?.verdict === verdict) to++;
    const own = games.slice(from, to);
    const wins = own.flatMap(({ win }) => (win === null ? [] : [win]));
    const win = wins.length < own.length ? null : wins.reduce((sum, one) => sum + one, 0) / wins.length;
    verdicts.push({ id: duel.id, repeat, win, games: own });
    from = to;
  }
  return verdicts;
}

/** How many have no verdict, by cause. */
export function failuresOf(
  games: readonly { readonly failure?: GameFailure }[],
): Partial<Record<GameFailure, number>> {
  const failures: Partial<Record<GameFailure, number>> = {};
  for (const { failure } of games)
    if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1;
  return failures;
}
