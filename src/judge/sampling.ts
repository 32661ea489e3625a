import type { Sampling } from './chat.ts';

/** What a caller wants otherwise than the judge's own sampling; null leaves a field out of the request. */
export type SamplingChoice = { readonly [Field in keyof Sampling]?: Sampling[Field] | null };

/** The judge's own sampling with the caller's choices; a limit of tokens always stays. */
export function chosenSampling(own: Sampling, choice: SamplingChoice = {}): Sampling {
  const fields = Object.entries({ ...own, ...choice, maxTokens: choice.maxTokens ?? own.maxTokens });
  return Object.fromEntries(
    fields.filter(([, value]) => value !== null && value !== undefined),
  ) as unknown as Sampling;
}
