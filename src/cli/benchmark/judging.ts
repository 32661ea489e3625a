import { inputError } from '../../base/errors.ts';
import type { Judging } from '../../evaluate/benchmark/definition.ts';
import type { ChatClient } from '../../judge/chat.ts';
import type { PairJudge } from '../../judge/duel.ts';
import { goldPairJudge } from '../../judge/gold-pair-judge.ts';
import { type GradingTemplates, gradingJudge, type SingleJudge } from '../../judge/grading-judge.ts';
import { builtInGrading, readMtBenchGrading } from '../../judge/grading-templates.ts';
import { alpacaEvalOrder } from '../../judge/order.ts';
import { pairwiseJudge } from '../../judge/pairwise-judge.ts';
import { preferenceJudge } from '../../judge/preference-judge.ts';
import { rewardJudge } from '../../judge/reward-judge.ts';
import { readJudgeTemplate } from '../../judge/template-files.ts';
import { labJudge } from '../../lab/gold.ts';
import { embeddedReward } from '../../pipeline/benchmark-rewards.ts';
import { openRunRewardModel } from '../../pipeline/reward-model.ts';
import { oneOf, openJudgeClient, pairTemplate, wholeFlag } from '../judge-connection.ts';
import type { Surroundings } from './sources.ts';

interface Connection {
  /** null for a judge that is asked nothing. */
  readonly client: ChatClient | null;
  readonly template: string | null;
}

export interface DuelJudge extends Connection {
  readonly way: 'duels';
  readonly judge: PairJudge;
}

export interface GradeJudge extends Connection {
  readonly way: 'grades';
  readonly judge: SingleJudge;
}

/** The judge that the flags name, in the way that they or the benchmark ask for; null where only answers are wanted. */
export async function judgeOf(around: Surroundings): Promise<DuelJudge | GradeJudge | null> {
  const { flags, config, benchmark, context, hub } = around;
  const name = flags.judge ?? ownJudge(config);
  if (name === undefined)
    throw inputError('no-judge', 'no judge is named', {
      need: '--judge NAME',
      remedy: `Give the model name of an LLM judge${benchmark.officialJudge === null ? '' : ` (the published values rest on ${benchmark.officialJudge})`}, reward with --reward-model DIR, none to write the answers only, or lab for prompts of the built-in world`,
    });
  if (name === 'none') return null;
  if (name === 'lab') return { way: 'duels', judge: goldPairJudge(labJudge), client: null, template: null };
  if (name === 'reward') {
    const model = await openRunRewardModel(config, hub);
    if (model === null)
      throw inputError('no-reward-model', 'no reward model is named', {
        key: 'evaluation.rewardModel',
        remedy: 'Give its folder or hub id: --reward-model DIR',
      });
    const reward = embeddedReward(model, config, context);
    return { way: 'duels', judge: rewardJudge({ name: model.name, reward }), client: null, template: null };
  }
  return llmJudge(around, name);
}

/** The judge of the run, where it has one. */
function ownJudge({ evaluation }: Surroundings['config']): string | undefined {
  if (evaluation.judge === 'lab') return 'lab';
  return evaluation.rewardModel === null ? undefined : 'reward';
}

async function llmJudge(around: Surroundings, model: string): Promise<DuelJudge | GradeJudge> {
  const { flags, config, benchmark } = around;
  const way =
    oneOf<Judging>('judging', flags.judging, ['log-prob', 'both-orders', 'grading']) ?? benchmark.judging;
  const repeats = wholeFlag('repeats', flags.repeats) ?? 1;
  // Templates are read before a connection is: a mistyped one costs nothing.
  if (way === 'grading') {
    const templates = await gradingTemplates(around);
    const client = openJudgeClient(flags, around.cache);
    const judge = gradingJudge({ client, model, templates, repeats });
    return { way: 'grades', judge, client, template: templates.turn1.name };
  }
  const template = await pairTemplate(flags.template, way);
  // AlpacaEval draws the order in its own way, so that its judge is asked what it was asked for the leaderboard.
  const drawn = benchmark.name === 'alpaca-eval' && way === 'log-prob' ? alpacaEvalOrder : undefined;
  const orders = oneOf('orders', flags.orders, ['both', 'seeded'] as const) ?? drawn;
  const client = openJudgeClient(flags, around.cache);
  const options = {
    client,
    model,
    template,
    repeats,
    seed: config.seed,
    ...(orders === undefined ? {} : { orders }),
  };
  const judge = way === 'log-prob' ? preferenceJudge(options) : pairwiseJudge(options);
  return { way: 'duels', judge, client, template: template.name };
}

/** FastChat's file holds a template for each turn; one of Winnow's own, or a file like it, is of the first turn. */
async function gradingTemplates({ flags }: Surroundings): Promise<GradingTemplates> {
  const own = builtInGrading(oneOf('language', flags.language, ['en', 'ja'] as const) ?? 'en');
  const { template } = flags;
  if (template === undefined) return own;
  if (template.endsWith('.jsonl')) return readMtBenchGrading(template);
  return { ...own, turn1: await readJudgeTemplate(template) };
}
