import type { Message } from '../pairs/pair.ts';
import type { PairJudge } from './duel.ts';
import { type GoldJudge, winner } from './judge.ts';

/** A gold judge as a judge of duels: the better grade wins, equal grades share. It sees the prompt's last message. */
export function goldPairJudge(gold: GoldJudge): PairJudge {
  return {
    name: gold.name,
    model: null,
    repeats: 1,
    estimate: () => null,
    async compare(duels, { onProgress } = {}) {
      const verdicts = duels.map(
        ({ id, conversation, model, opponent, modelEnded = true, opponentEnded = true }) => {
          const prompt = (conversation.at(-1) as Message).content;
          const own = gold.grade(prompt, model, modelEnded);
          const win = winner(own, gold.grade(prompt, opponent, opponentEnded));
          return { id, repeat: 0, win, games: [] };
        },
      );
      onProgress?.({ done: duels.length, total: duels.length, spending: null });
      return { verdicts, stopped: null, failures: {}, spending: null };
    },
  };
}
