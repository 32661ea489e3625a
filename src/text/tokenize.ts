import { inputError, WinnowError } from '../base/errors.ts';
import type { PreferencePair, RefusedRow, Text } from '../pairs/pair.ts';
import { type EncodedPair, encodePair, encodePrompt, frontTokens } from './encode.ts';
import { type RenderedPair, renderPair, renderPrompt } from './render.ts';
import { tokenStore } from './token-store.ts';
import type { TokenizedPair } from './tokenized.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { checkPolicy, fitPrompt, type TruncationPolicy } from './truncation.ts';

export interface TokenizedPairs {
  readonly rows: TokenizedPair[];
  /** `template-refused`, `empty-prompt`, `completion-too-long`, `prompt-too-long`, `identical-tokens`. */
  readonly refused: RefusedRow[];
  /** Pairs whose prompt lost tokens. */
  readonly promptsCut: number;
  /** Completions that were encoded apart because a token spanned the boundary. */
  readonly boundaryMerges: number;
  /** Pairs of plain text that a model with a chat template reads as they stand, without it. */
  readonly untemplated: number;
}

/** A prompt as token ids, for generation. */
export interface TokenizedPrompt {
  readonly id: string;
  /** Includes the BOS token where the model has one. */
  readonly prompt: Int32Array;
  readonly promptTokensCut: number;
}

export interface TokenizedPrompts {
  readonly rows: TokenizedPrompt[];
  /** `row` is the 0-based place in the list given. */
  readonly refused: RefusedRow[];
  readonly promptsCut: number;
}

export interface TokenizeOptions {
  /** Rows of the model's embedding; an id at or above it is an error. Default: the tokenizer's own size. */
  readonly vocabSize?: number;
}

/**
 * Pairs as token ids of one model, in the order given. Nothing is cut or dropped in silence: see
 * `TruncationPolicy` for the rule and `refused` for the pairs that do not fit it.
 * @throws input error: ids that the model has no row for, a wrong policy, a template without a boundary.
 */
export function tokenizePairs(
  pairs: readonly PreferencePair[],
  tokenizer: TextTokenizer,
  policy: TruncationPolicy,
  options: TokenizeOptions = {},
): TokenizedPairs {
  checkPolicy(policy);
  const store = tokenStore();
  const rows: TokenizedPair[] = [];
  const refused: RefusedRow[] = [];
  let promptsCut = 0;
  let boundaryMerges = 0;
  let untemplated = 0;
  for (const pair of pairs) {
    const { id, row } = pair;
    const refuse = (why: Refusal): void => void refused.push({ row, id, ...why });
    const rendered = orRefusal(() => renderPair(pair, tokenizer));
    if ('cause' in rendered) {
      refuse(rendered);
      continue;
    }
    const encoded = encodePair(rendered, tokenizer);
    const { chosen, rejected } = encoded;
    const fitted = fitPrompt(
      encoded.prompt,
      frontTokens(encoded.prompt, tokenizer),
      Math.max(chosen.length, rejected.length),
      policy,
    );
    if (sameIds(chosen, rejected)) refuse(identicalTokens(rendered, encoded));
    else if ('refusal' in fitted) refuse(fitted.refusal);
    else {
      for (const ids of [fitted.ids, chosen, rejected]) checkRange(ids, tokenizer, options, row);
      if (fitted.tokensCut > 0) promptsCut++;
      if (!rendered.templated && tokenizer.chatTemplate !== null) untemplated++;
      boundaryMerges += encoded.boundaryMerges;
      rows.push({
        id,
        row,
        prompt: store(fitted.ids),
        chosen: store(chosen),
        rejected: store(rejected),
        promptTokensCut: fitted.tokensCut,
      });
    }
  }
  return { rows, refused, promptsCut, boundaryMerges, untemplated };
}

/** Prompts for generation: the ids that the same prompt has in `tokenizePairs`, under the same policy. */
export function tokenizePrompts(
  prompts: readonly { readonly id: string; readonly prompt: Text }[],
  tokenizer: TextTokenizer,
  policy: TruncationPolicy,
  options: TokenizeOptions = {},
): TokenizedPrompts {
  checkPolicy(policy);
  const rows: TokenizedPrompt[] = [];
  const refused: RefusedRow[] = [];
  for (const [row, { id, prompt }] of prompts.entries()) {
    const text = orRefusal(() => renderPrompt(prompt, tokenizer));
    if (typeof text !== 'string') {
      refused.push({ row, id, ...text });
      continue;
    }
    const ids = encodePrompt(text, tokenizer);
    const fitted = fitPrompt(ids, frontTokens(ids, tokenizer), 0, policy);
    if ('refusal' in fitted) refused.push({ row, id, ...fitted.refusal });
    else {
      checkRange(fitted.ids, tokenizer, options, row);
      rows.push({ id, prompt: Int32Array.from(fitted.ids), promptTokensCut: fitted.tokensCut });
    }
  }
  return { rows, refused, promptsCut: rows.filter((row) => row.promptTokensCut > 0).length };
}

type Refusal = Pick<RefusedRow, 'cause' | 'message' | 'remedy'>;

/** A conversation that the template refuses is the row's fault; every other error is thrown on. */
function orRefusal<T>(render: () => T): T | Refusal {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof WinnowError) || error.code !== 'template-refused') throw error;
    return { cause: error.code, message: error.message, remedy: error.fields.remedy ?? '' };
  }
}

function identicalTokens(rendered: RenderedPair, encoded: EncodedPair): Refusal {
  return {
    cause: 'identical-tokens',
    message: `chosen and rejected are the same ${encoded.chosen.length} tokens for this model: ${JSON.stringify(
      rendered.chosen.slice(0, 80),
    )}`,
    remedy: 'Remove the pair: this tokenizer or chat template does not keep what tells the two sides apart.',
  };
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/** @throws inputError `id-out-of-vocabulary`: tokenizer and model are not of one kind. */
export function checkRange(
  ids: readonly number[],
  tokenizer: TextTokenizer,
  { vocabSize = tokenizer.vocabSize }: TokenizeOptions,
  row: number,
): void {
  const wrong = ids.find((id) => id < 0 || id >= vocabSize);
  if (wrong === undefined) return;
  throw inputError('id-out-of-vocabulary', 'the tokenizer gives an id that the model has no embedding for', {
    file: tokenizer.source,
    row,
    got: wrong,
    need: `0 to ${vocabSize - 1}`,
    remedy: 'Use the tokenizer that belongs to the model, or resize its embedding.',
  });
}
