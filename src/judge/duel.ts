import type { Message } from '../pairs/pair.ts';
import type { AskFailure, Estimate, Spending, Stop } from './chat.ts';

/** Two answers to one prompt. */
export interface Duel {
  readonly id: string;
  /** The prompt: its last message is the user's. */
  readonly conversation: readonly Message[];
  /** Answer of the baseline. */
  readonly opponent: string;
  /** Answer of the model under test. */
  readonly model: string;
  /** A right answer that the judge may see. */
  readonly reference?: string;
  /** Generation ended by itself before its limit; true where not said. Only gold judges look at it. */
  readonly opponentEnded?: boolean;
  readonly modelEnded?: boolean;
}

/** Which answer the judge saw first. */
export type Order = 'opponent-first' | 'model-first';

/** Why a game has no verdict. */
export type GameFailure =
  | AskFailure
  | 'no-verdict' // the judge answered, but no label was found
  | 'cut-short' // the answer hit its token limit before a label
  | 'filtered' // the server's filter held the answer back
  | 'no-label-token' // neither label is among the likeliest tokens
  | 'no-log-probs'
  | 'bad-log-probs'
  | 'not-finite'; // a reward that is no number

/** One question to the judge about a duel. */
export interface Game {
  readonly order: Order;
  /** As the judge gave it: A>>B, A>B, A=B, …, A, B, C; for log-probabilities the likelier label. */
  readonly label: string | null;
  /** The model's share, 0 … 1, whichever side it stood on. */
  readonly win: number | null;
  /** The judge said ≫: Arena-Hard counts such a game three times. */
  readonly strong: boolean;
  /** The judge's words; null where it gave none. */
  readonly said: string | null;
  /** The ask in the cache. */
  readonly key: string | null;
  /** Only where `win` is null. */
  readonly failure?: GameFailure;
}

export interface DuelVerdict {
  readonly id: string;
  /** 0 … repeats − 1. */
  readonly repeat: number;
  /** The model's share, 0 … 1: the mean of its games; null where one of them has no verdict. */
  readonly win: number | null;
  /** In the order asked; none of a judge that asks no questions. */
  readonly games: readonly Game[];
  /** Reward of the model's answer minus the opponent's; of scalar judges only. */
  readonly margin?: number;
  /** Of judges without games, where `win` is null. */
  readonly failure?: GameFailure;
}

export interface JudgeProgress {
  readonly done: number;
  readonly total: number;
  /** null for judges that cost nothing. */
  readonly spending: Spending | null;
}

export interface CompareOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: JudgeProgress) => void;
}

export interface Judgment {
  /** All repeats of the first duel, then of the second, …: each duel and repeat has one, with a verdict or a failure. */
  readonly verdicts: readonly DuelVerdict[];
  /** Why duels were left unjudged; null when all were tried. */
  readonly stopped: Stop | null;
  /** Games (of judges without: duels) without a verdict, by cause. */
  readonly failures: Readonly<Partial<Record<GameFailure, number>>>;
  /** null for judges that cost nothing. */
  readonly spending: Spending | null;
}

export interface PairJudge {
  /** For people and reports. */
  readonly name: string;
  /** The judge's model, for `sameFamily`; null for judges that are no language model. */
  readonly model: string | null;
  readonly repeats: number;
  compare(duels: readonly Duel[], options?: CompareOptions): Promise<Judgment>;
  /** What `compare` would ask and cost; null for judges that cost nothing. */
  estimate(duels: readonly Duel[]): Estimate | null;
}
