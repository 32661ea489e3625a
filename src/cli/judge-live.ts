import { join } from 'node:path';
import { inputError, WinnowError } from '../base/errors.ts';
import { writeJsonLines } from '../base/json.ts';
import type { Label, LabelSet } from '../evaluate/labelled.ts';
import type { Estimate } from '../judge/chat.ts';
import type { Duel, DuelVerdict, Order, PairJudge } from '../judge/duel.ts';
import { estimateText } from '../judge/estimate.ts';
import { pairwiseJudge } from '../judge/pairwise-judge.ts';
import { preferenceJudge } from '../judge/preference-judge.ts';
import { type JudgeFlags, oneOf, openJudgeClient, pairTemplate } from './judge-connection.ts';
import type { Outside } from './outside.ts';
import { createProgress } from './progress.ts';

/** What `winnow judge-check` needs to ask a judge itself. */
export interface LiveFlags extends JudgeFlags {
  readonly judge?: string;
  readonly judging?: string;
  readonly out: string;
  readonly quiet?: boolean;
}

/** The file of what the judge said, or what asking it would cost. */
export type Asked = { readonly file: string } | { readonly estimate: Estimate };

/**
 * Asks the judge about every pair in both orders. Replies lie in `judge-cache/` of the folder, so nothing is paid
 * twice; verdicts are written beside it in the form that `--judge-labels` reads.
 *
 * @throws gate `judge-budget` where the budget ended first: what was paid for is kept.
 */
export async function askJudge(
  set: LabelSet,
  model: string,
  flags: LiveFlags,
  outside: Outside,
): Promise<Asked> {
  const way = oneOf('judging', flags.judging, ['log-prob', 'both-orders'] as const) ?? 'both-orders';
  const template = await pairTemplate(flags.template, way);
  if (template.usesReference)
    throw inputError('judge-reference', 'labelled pairs have no reference answer for this template', {
      file: template.file,
      remedy: 'Take a template that shows none',
    });
  const client = openJudgeClient(flags, join(flags.out, 'judge-cache'));
  const progress = createProgress({ quiet: flags.quiet === true });
  try {
    const options = { client, model, template, orders: 'both' as const };
    const judge: PairJudge = way === 'log-prob' ? preferenceJudge(options) : pairwiseJudge(options);
    const duels = set.pairs.map(
      ({ id, prompt, answerA, answerB }): Duel => ({
        id,
        conversation: [{ role: 'user', content: prompt }],
        opponent: answerA,
        model: answerB,
      }),
    );
    // A language model always has one.
    const estimate = judge.estimate(duels) as Estimate;
    if (flags.estimate === true) return { estimate };
    progress.note(`${judge.name}: ${estimateText(estimate)}`);
    const stage = progress.stage('Asking the judge', { what: 'questions' });
    const { verdicts, stopped } = await judge.compare(duels, {
      signal: outside.signal,
      onProgress: ({ done, total }) => stage.update('', done, total),
    });
    stage.end();
    if (stopped?.error) throw stopped.error;
    outside.signal.throwIfAborted();
    if (stopped !== null)
      throw new WinnowError('gate', 'judge-budget', stopped.message, {
        remedy: 'What was judged is kept: raise --budget-usd and run the same command again for the rest',
      });
    const file = join(flags.out, `${model.replaceAll(/[^\w.-]+/g, '_')}.jsonl`);
    writeJsonLines(
      file,
      verdicts.map((verdict) => ({ id: verdict.id, ...inBothOrders(verdict) })),
    );
    return { file };
  } finally {
    progress.close();
    await client.close();
  }
}

/** Answer a is the opponent, b the model. */
function inBothOrders({ games }: DuelVerdict) {
  const said = (order: Order): Label | null => {
    const win = games.find((game) => game.order === order)?.win ?? null;
    if (win === null) return null;
    return win === 0.5 ? 'tie' : win > 0.5 ? 'b' : 'a';
  };
  return { judge: said('opponent-first'), judge_swapped: said('model-first') };
}
