import { add } from '../tensor/elementwise.ts';
import { rmsNorm } from '../tensor/neural.ts';
import { constant, type Value } from '../tensor/value.ts';
import type { DecoderConfig } from './architecture.ts';

/** RMSNorm as the decoder has it, over the last dimension; `weight` as the checkpoint stores it. */
export function norm(config: DecoderConfig, x: Value, weight: Value): Value {
  return rmsNorm(x, config.normPlusOne ? add(weight, constant(1)) : weight, config.rmsNormEps);
}
