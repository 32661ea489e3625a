import { type Spread, spread } from '../pairs/survey/survey.ts';
import { plainText } from '../pairs/survey/text.ts';
import type { Prepared } from './prepare.ts';
import { usablePairs } from './prepare.ts';

/** What the model's tokenizer and context make of the pairs. */
export interface TokenSurvey {
  readonly prompt: Spread | null;
  readonly chosen: Spread | null;
  readonly rejected: Spread | null;
  /** Prompt and longer completion of a pair. */
  readonly longest: Spread | null;
  readonly total: number;
  readonly maxLength: number;
  readonly promptsCut: number;
  /** Pairs in whose texts a special token stands as text, and which token. */
  readonly specialInText: {
    readonly pairs: number;
    readonly rows: readonly number[];
    readonly tokens: readonly string[];
  };
  /** Whether the model has a chat template. */
  readonly chatTemplate: boolean;
  /** Tokens that a run with this configuration passes through the model, by what they are for. */
  readonly cost: PilotTokens;
}

export interface PilotTokens {
  /** Reference pass and held-out scores of the scoring runs: forward only. */
  readonly scored: number;
  /** Scoring runs and arms: forward and backward. */
  readonly trained: number;
  /** At most so many are generated, for evaluation and the choice of the learning rate left aside. */
  readonly generated: number;
}

const EXAMPLES = 20;

export function tokenSurvey(prepared: Prepared, runDir: string): TokenSurvey {
  const { pool, heldOut, tokenizer, config, promptsCut, checkpoint } = prepared;
  const rows = [...pool, ...heldOut].map(({ tokens }) => tokens);
  const lengths = rows.map(({ prompt, chosen, rejected }) => ({
    prompt: prompt.length,
    chosen: chosen.length,
    rejected: rejected.length,
  }));
  const special = specialTokens(prepared);
  const found: { row: number; token: string }[] = [];
  if (special.length > 0)
    for (const { row, prompt, chosen, rejected } of usablePairs(runDir)) {
      const text = [prompt, chosen, rejected].map((part) => plainText(part)).join('\n');
      const token = special.find((one) => text.includes(one));
      if (token !== undefined) found.push({ row, token });
    }
  return {
    prompt: spread(lengths.map(({ prompt }) => prompt)),
    chosen: spread(lengths.map(({ chosen }) => chosen)),
    rejected: spread(lengths.map(({ rejected }) => rejected)),
    longest: spread(lengths.map(({ prompt, chosen, rejected }) => prompt + Math.max(chosen, rejected))),
    total: lengths.reduce((sum, { prompt, chosen, rejected }) => sum + prompt + chosen + rejected, 0),
    maxLength: Math.min(config.text.maxLength, checkpoint.config.maxPositions),
    promptsCut,
    specialInText: {
      pairs: found.length,
      rows: found.slice(0, EXAMPLES).map(({ row }) => row),
      tokens: [...new Set(found.map(({ token }) => token))],
    },
    chatTemplate: tokenizer.chatTemplate !== null,
    cost: pilotTokens(prepared),
  };
}

/** Tokens of a template that texts should not bring along. One character alone is a letter like others. */
function specialTokens({ tokenizer }: Prepared): string[] {
  const { bosToken, eosToken, endTokens } = tokenizer;
  return [...new Set([bosToken, eosToken, ...endTokens.keys()])].filter(
    (token): token is string => token !== null && token.length > 1,
  );
}

/**
 * With P and H the tokens of the pool and of the held-out pairs, k folds, r seeds, c checkpoints, e epochs, s training
 * seeds and arms of the shares τ: trained = r (k − 1) P e + s e Σ τ P; scored = P + H + r c P + s Σ H. Prompts count
 * once a pair, as the embedded engine computes them.
 */
function pilotTokens({ pool, heldOut, config, prompts }: Prepared): PilotTokens {
  const tokens = (pairs: Prepared['pool']) =>
    pairs.reduce(
      (sum, { tokens: { prompt, chosen, rejected } }) =>
        sum + prompt.length + chosen.length + rejected.length,
      0,
    );
  const [poolTokens, heldTokens] = [tokens(pool), tokens(heldOut)];
  const { folds, seeds, checkpoints } = config.difficulty;
  const { epochs } = config.training;
  const { keepFraction } = config.selection;
  const share = keepFraction === 'auto' ? 1 : keepFraction;
  const trainings = config.trainingSeeds * config.arms.length;
  const kept = config.arms.reduce((sum, arm) => sum + (arm === 'full' ? 1 : share), 0);
  return {
    scored: poolTokens + heldTokens + seeds * checkpoints * poolTokens + trainings * heldTokens,
    trained: Math.round(epochs * poolTokens * (seeds * (folds - 1) + config.trainingSeeds * kept)),
    generated: (1 + trainings) * prompts.length * config.evaluation.maxNewTokens,
  };
}
