export type ScheduleName = 'cosine' | 'linear' | 'constant';

export interface Schedule {
  readonly name: ScheduleName;
  readonly learningRate: number;
  readonly totalSteps: number;
  /** Share of the steps over which the rate rises from zero; the number of steps is rounded up. */
  readonly warmupRatio: number;
}

/**
 * Learning rate of step s = 0, 1, …: rises linearly over the warm-up steps, s / warmup, then falls along a half
 * cosine to zero, ½(1 + cos(π·progress)), or in a line, or stays. As in transformers, the first step of a
 * warm-up has rate zero.
 * *Reference:* huggingface/transformers `optimization.py`, get_cosine_schedule_with_warmup.
 */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { name, learningRate, totalSteps, warmupRatio } = schedule;
  const warmup = Math.ceil(warmupRatio * totalSteps);
  if (step < warmup) return (learningRate * step) / warmup;
  if (name === 'constant') return learningRate;
  const progress = (step - warmup) / Math.max(1, totalSteps - warmup);
  if (name === 'linear') return learningRate * Math.max(0, 1 - progress);
  return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
}
