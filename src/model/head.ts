import { softcap } from '../tensor/elementwise.ts';
import { linear } from '../tensor/matmul.ts';
import { tokenLogProb } from '../tensor/neural.ts';
import { input, type Value } from '../tensor/value.ts';
import type { DecoderConfig } from './architecture.ts';
import { norm } from './norm.ts';

/** The graph behind the last layer, for N positions that predict a token each. */
export interface HeadGraph {
  /** [N, D] */
  readonly hidden: Value;
  /** [N, 1], the tokens that came. */
  readonly targets: Value;
  /** [N, 1], nats. */
  readonly logProbs: Value;
  /** [N, V] */
  readonly logits: Value;
  /** By checkpoint name: `model.norm.weight` [D] and the output embedding [V, D]. */
  readonly weights: ReadonlyMap<string, Value>;
}

/** The checkpoint's name of the output embedding: the input embedding where the two are tied. */
export function outputEmbeddingName(config: DecoderConfig): string {
  return config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
}

/** The checkpoint's name of a reward model's head. */
export const SCORE_WEIGHT = 'score.weight';

/** The graph behind a reward model's last layer, for N texts. */
export interface RewardGraph {
  /** [N, D], of each text's last token. */
  readonly hidden: Value;
  /** [N, 1] */
  readonly rewards: Value;
  /** By checkpoint name: `model.norm.weight` [D] and `score.weight` [1, D]. */
  readonly weights: ReadonlyMap<string, Value>;
}

/**
 * r = w · norm(h), without bias or cap.
 *
 * *Reference:* huggingface/transformers `modeling_layers.py`, GenericForSequenceClassification.
 */
export function rewardGraph(config: DecoderConfig): RewardGraph {
  const hidden = input('hidden', ['N', config.hiddenSize]);
  const weight = input('model.norm.weight', [config.hiddenSize]);
  const score = input(SCORE_WEIGHT, [1, config.hiddenSize]);
  return {
    hidden,
    rewards: linear(norm(config, hidden, weight), score),
    weights: new Map([
      ['model.norm.weight', weight],
      [SCORE_WEIGHT, score],
    ]),
  };
}

/** Final norm, output embedding, and a cap on the logits where the decoder has one. */
export function headGraph(config: DecoderConfig): HeadGraph {
  const hidden = input('hidden', ['N', config.hiddenSize]);
  const targets = input('targets', ['N', 1], 'i64');
  const weight = input('model.norm.weight', [config.hiddenSize]);
  const embedding = input(outputEmbeddingName(config), [config.vocabSize, config.hiddenSize]);
  const products = linear(norm(config, hidden, weight), embedding);
  const logits = config.logitSoftcap === null ? products : softcap(products, config.logitSoftcap);
  return {
    hidden,
    targets,
    logits,
    logProbs: tokenLogProb(logits, targets),
    weights: new Map([
      ['model.norm.weight', weight],
      [outputEmbeddingName(config), embedding],
    ]),
  };
}
