import { inputError } from '../base/errors.ts';
import type { RefusedRow } from '../pairs/pair.ts';

/**
 * What happens to text that is too long. Completions are NEVER cut: a cut completion is another answer than the
 * one that was preferred. (TRL 0.11.4, which the paper used, cuts completions to 512 tokens.) A prompt longer
 * than `maxPromptLength`, or than what the longer completion leaves of `maxLength`, keeps its BOS and its LAST
 * tokens, where the question stands. A pair is refused by name when fewer than `minPromptTokens` of a longer
 * prompt would be left, or when nothing may be cut.
 */
export interface TruncationPolicy {
  /** Prompt + longer completion, tokens; BOS and EOS count. */
  readonly maxLength: number;
  /** Prompt, tokens, with BOS. */
  readonly maxPromptLength: number;
  /** `cut-prompt-start` keeps the prompt's last tokens; `refuse` cuts nothing. */
  readonly onLong: 'cut-prompt-start' | 'refuse';
  /** Fewest tokens that a cut prompt may keep, with BOS; default 16. */
  readonly minPromptTokens?: number;
  /** maxLength is all that the model can see: raising it is no remedy. */
  readonly limitedByModel?: boolean;
}

export const MIN_PROMPT_TOKENS = 16;

export type FittedPrompt =
  | { readonly ids: readonly number[]; readonly tokensCut: number }
  | { readonly refusal: Pick<RefusedRow, 'cause' | 'message' | 'remedy'> };

/**
 * Fits a prompt beside a completion of `completionTokens` (0 for generation).
 * @param frontTokens number of leading tokens (BOS) that a cut keeps.
 */
export function fitPrompt(
  prompt: readonly number[],
  frontTokens: number,
  completionTokens: number,
  policy: TruncationPolicy,
): FittedPrompt {
  const { maxLength, maxPromptLength, onLong, minPromptTokens = MIN_PROMPT_TOKENS } = policy;
  const left = maxLength - completionTokens;
  const room = Math.min(maxPromptLength, left);
  const n = prompt.length;
  if (n === 0) {
    return refuse(
      'empty-prompt',
      'the prompt gives no token',
      'Give the row a prompt: an answer needs one to follow.',
    );
  }
  if (n <= room) return { ids: prompt, tokensCut: 0 };
  const least = Math.min(n, minPromptTokens);
  if (left < least) {
    return refuse(
      'completion-too-long',
      `the longer completion has ${completionTokens} tokens and the prompt ${n}; of the ${maxLength} tokens ` +
        `allowed, ${Math.max(left, 0)} are left for the prompt, which needs at least ${least}`,
      policy.limitedByModel === true
        ? "This is the model's whole context: take a model with a longer one, or remove the pair; completions are never cut."
        : 'Raise maxLength, or remove the pair; completions are never cut.',
    );
  }
  if (onLong === 'refuse' || room < least) {
    return refuse(
      'prompt-too-long',
      `the prompt has ${n} tokens and ${room} are allowed ` +
        `(maxPromptLength ${maxPromptLength}, maxLength ${maxLength}, longer completion ${completionTokens})`,
      onLong === 'refuse'
        ? 'Raise maxPromptLength or maxLength, or let onLong be cut-prompt-start.'
        : `Raise maxPromptLength: a cut prompt keeps at least ${least} tokens.`,
    );
  }
  const front = Math.min(frontTokens, room);
  const ids = [...prompt.slice(0, front), ...prompt.slice(n - (room - front))];
  return { ids, tokensCut: n - room };
}

/** @throws input error when a length is not a whole number of at least 1. */
export function checkPolicy(policy: TruncationPolicy): void {
  for (const name of ['maxLength', 'maxPromptLength', 'minPromptTokens'] as const) {
    const value = policy[name] ?? MIN_PROMPT_TOKENS;
    if (Number.isInteger(value) && value >= 1) continue;
    throw inputError('bad-policy', `${name} must be a whole number of tokens, at least 1`, {
      got: value,
      remedy: `Set ${name}, for example to 1024.`,
    });
  }
}

function refuse(cause: string, message: string, remedy: string): FittedPrompt {
  return { refusal: { cause, message, remedy } };
}
