import type { Parameter } from '../policy/policy.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** First and second moments of every parameter, and the steps taken. */
export interface AdamWState {
  step: number;
  readonly moments: ReadonlyMap<string, { readonly first: Float32Array; readonly second: Float32Array }>;
}

export function newAdamW(parameters: ReadonlyMap<string, Parameter>): AdamWState {
  const moments = new Map(
    [...parameters].map(([name, { data }]) => [
      name,
      { first: new Float32Array(data.length), second: new Float32Array(data.length) },
    ]),
  );
  return { step: 0, moments };
}

/** √Σ g² over all parameters. */
export function gradientNorm(parameters: ReadonlyMap<string, Parameter>): number {
  let sum = 0;
  for (const { gradient } of parameters.values())
    for (let i = 0; i < gradient.length; i++) sum += (gradient[i] as number) ** 2;
  return Math.sqrt(sum);
}

/**
 * One step of AdamW with bias correction and decoupled weight decay, gradients times `gradientScale`;
 * the gradients are zeroed.
 *   θ ← θ − η·λ·θ;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;
 *   θ ← θ − η / (1−β₁ᵗ) · m / (√v / √(1−β₂ᵗ) + ε)
 * *Reference:* Loshchilov and Hutter 2019, Algorithm 2, in the order of torch.optim.AdamW.
 */
export function adamWStep(
  parameters: ReadonlyMap<string, Parameter>,
  state: AdamWState,
  learningRate: number,
  gradientScale: number,
  options: AdamWOptions,
): void {
  const { beta1, beta2, epsilon, weightDecay } = options;
  state.step++;
  const rate = learningRate / (1 - beta1 ** state.step);
  const secondCorrection = Math.sqrt(1 - beta2 ** state.step);
  const shrink = 1 - learningRate * weightDecay;
  for (const [name, { data, gradient }] of parameters) {
    const { first, second } = state.moments.get(name) as { first: Float32Array; second: Float32Array };
    for (let i = 0; i < data.length; i++) {
      const g = (gradient[i] as number) * gradientScale;
      const m = beta1 * (first[i] as number) + (1 - beta1) * g;
      const v = beta2 * (second[i] as number) + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      data[i] = (data[i] as number) * shrink - (rate * m) / (Math.sqrt(v) / secondCorrection + epsilon);
      gradient[i] = 0;
    }
  }
}

/** Factor that brings a gradient of this norm to at most `maxNorm` (torch's clip_grad_norm_); 1 where there is no limit. */
export function clipFactor(norm: number, maxNorm: number): number {
  return maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
}
