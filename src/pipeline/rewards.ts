import { join } from 'node:path';
import { writeJsonLines } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import { scoreTexts } from '../judge/reward-model.ts';
import { openRewardCheckpoint } from '../model/checkpoint.ts';
import { breathe, stoppedError, type UnitRunner } from '../run/worker.ts';
import { needSameModel } from './same-model.ts';
import { workerPolicy } from './worker-policy.ts';

/** A conversation as the reward model reads it. */
export interface ConversationRow {
  readonly id: string;
  readonly tokens: readonly number[];
}

/** A line of `rewards.jsonl`. */
export interface RewardRow {
  readonly id: string;
  readonly reward: number;
  /** Length of the conversation. */
  readonly tokens: number;
}

/** Gives conversations their rewards. Output `rewards.jsonl` (RewardRow), in the order of the conversations. */
export const rewards: UnitRunner = async (_, context) => {
  const { model, tokens } = context.places;
  const checkpoint = openRewardCheckpoint(model as string);
  needSameModel(context, checkpoint);
  const rows = [...parseLines<ConversationRow>(tokens as string)];
  const policy = workerPolicy(context, checkpoint, { method: 'none' });
  try {
    const found = await scoreTexts(
      { policy, checkpoint },
      rows.map((row) => row.tokens),
      {
        nameOf: (row) => `conversation ${rows[row]?.id}`,
        async onProgress(done) {
          context.report({ done, total: rows.length, what: 'answers' });
          await breathe();
          if (context.shouldStop()) throw stoppedError();
        },
      },
    );
    const written = writeJsonLines(
      join(context.attemptDir, 'rewards.jsonl'),
      rows.map(
        ({ id, tokens: own }, i): RewardRow => ({ id, reward: found[i] as number, tokens: own.length }),
      ),
    );
    return { files: ['rewards.jsonl'], rows: { 'rewards.jsonl': written } };
  } finally {
    await policy.dispose();
  }
};
