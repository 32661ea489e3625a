import { machineError } from '../base/errors.ts';
import type { Message } from '../pairs/pair.ts';
import type { Duel, DuelVerdict, PairJudge } from './duel.ts';
import { failuresOf } from './games.ts';

/** An answer to be scored. */
export interface RewardItem {
  readonly conversation: readonly Message[];
  readonly answer: string;
}

/** Scores of answers, in their order: higher is better. */
export type Reward = (
  items: readonly RewardItem[],
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void },
) => Promise<readonly number[]>;

/**
 * A judge by a scalar reward: win = 1 where r(model) > r(opponent), ½ where they are equal, else 0;
 * margin = r(model) − r(opponent). A reward that is no finite number gives no verdict.
 *
 * @throws machineError `judge-rewards` when not every answer has a score.
 */
export function rewardJudge({ name, reward }: { readonly name: string; readonly reward: Reward }): PairJudge {
  return {
    name,
    model: name,
    repeats: 1,
    estimate: () => null,
    async compare(duels, { signal, onProgress } = {}) {
      const items = duels.flatMap(({ conversation, model, opponent }) => [
        { conversation, answer: model },
        { conversation, answer: opponent },
      ]);
      const rewards = await reward(items, {
        ...(signal === undefined ? {} : { signal }),
        onProgress: (done) =>
          onProgress?.({ done: Math.floor(done / 2), total: duels.length, spending: null }),
      });
      if (rewards.length !== items.length)
        throw machineError('judge-rewards', 'the reward has not scored every answer', {
          need: items.length,
          got: rewards.length,
        });
      const verdicts = duels.map((duel, index) =>
        verdictOf(duel, rewards[2 * index] as number, rewards[2 * index + 1] as number),
      );
      return { verdicts, stopped: null, failures: failuresOf(verdicts), spending: null };
    },
  };
}

function verdictOf({ id }: Duel, model: number, opponent: number): DuelVerdict {
  if (!Number.isFinite(model) || !Number.isFinite(opponent))
    return { id, repeat: 0, win: null, games: [], failure: 'not-finite' };
  return { id, repeat: 0, win: (1 + Math.sign(model - opponent)) / 2, games: [], margin: model - opponent };
}
