import type { DecoderConfig } from '../../src/model/checkpoint.ts';
import { projections } from '../../src/model/layer.ts';
import type { PairLengths } from './pairs.ts';

/**
 * Floating-point operations that a pair needs, a multiply-add being two. Counted are matrix products alone:
 *
 * - projections, for each token of the row `prompt | chosen | rejected` (the prompt once; a completion's last token
 *   predicts nothing and is left out): 2·in·out;
 * - attention scores and their use: 4·d a query head and pair of tokens of which one sees the other;
 * - logits, where a token of a completion is predicted: 2·D·V;
 * - with LoRA of rank r, 2·r·(in + out) a projection and token.
 *
 * A training step adds, for frozen weights, the gradients of inputs alone: as much again for projections and logits,
 * twice as much for attention, 4·r·(in + out) for LoRA (inputs and adapters). What no gradient needs is not counted:
 * the inputs of the first layer's query, key and value projections. Nor is anything that is computed a second time.
 */
export function pairFlops(
  config: DecoderConfig,
  { prompt, chosen, rejected }: PairLengths,
  options: { readonly training: boolean; readonly rank: number },
): number {
  const { training, rank } = options;
  const { hiddenSize, vocabSize, layers, heads, headDim } = config;
  const completions = [chosen, rejected];
  const tokens = completions.reduce((sum, n) => sum + n - 1, prompt);
  const seen = completions.reduce(
    (sum, n) => sum + (n - 1) * prompt + ((n - 1) * n) / 2,
    (prompt * (prompt + 1)) / 2,
  );
  const predicted = chosen + rejected;

  let total = 0;
  for (let layer = 0; layer < layers; layer++) {
    for (const { path, inWidth, outWidth } of projections(config).values()) {
      const inputsWanted = training && !(layer === 0 && /\.(q|k|v|qkv)_proj$/.test(path));
      total += 2 * tokens * inWidth * outWidth * (inputsWanted ? 2 : 1);
      const lora = 2 * tokens * rank * (inWidth + outWidth);
      // Forward; adapters and what lies between them; the inputs.
      total += lora + (training ? lora + 2 * tokens * rank * outWidth : 0);
      if (inputsWanted) total += 2 * tokens * rank * inWidth;
    }
    total += 4 * headDim * heads * seen * (training ? 3 : 1);
  }
  return total + 2 * predicted * hiddenSize * vocabSize * (training ? 2 : 1);
}
