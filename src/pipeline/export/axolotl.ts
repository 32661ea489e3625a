import type { ArmPair } from './run-pairs.ts';
import {
  adapterNotes,
  alphaNotes,
  leftOut,
  lossNotes,
  modelOf,
  oneAnswer,
  scheduleName,
  type TrainerFiles,
  type TrainerInput,
  trainerYaml,
  warmupSteps,
} from './trainer.ts';

const ROWS = 'train/axolotl-pairs.jsonl';

/**
 * axolotl: `rl: dpo` with `chat_template.default`, or a type of plain text. Its builder for DPO knows no option that
 * keeps the order (`curriculum_sampling` is read for fine-tuning alone), so a plugin of a few lines hands
 * `train_sampling_strategy` to the trainer below it. The rows hold nothing but what is read: further columns make it
 * fail (axolotl-ai-cloud/axolotl#2415).
 * *Read at:* axolotl-ai-cloud/axolotl 067b021 (0.18.0), `src/axolotl/core/builders/rl.py`,
 * `prompt_strategies/dpo/chat_template.py`.
 */
export function axolotlFiles({ config, hyper, pairs, messages }: TrainerInput): TrainerFiles {
  const fits = messages ? pairs.filter(fitsTemplate) : pairs;
  const left = messages ? pairs.filter((pair) => !fitsTemplate(pair)) : [];
  const rows = function* () {
    for (const { prompt, chosen, rejected } of fits) {
      yield messages
        ? { messages: prompt, chosen: oneAnswer(chosen), rejected: oneAnswer(rejected) }
        : { prompt, chosen, rejected };
    }
  };
  const anchor = hyper.anchorWeight ?? 0;
  const type = messages
    ? {
        type: 'chat_template.default',
        field_messages: 'messages',
        field_chosen: 'chosen',
        field_rejected: 'rejected',
      }
    : {
        type: {
          field_prompt: 'prompt',
          field_chosen: 'chosen',
          field_rejected: 'rejected',
          prompt_format: '{prompt}',
          chosen_format: '{chosen}',
          rejected_format: '{rejected}',
        },
      };
  const values = {
    base_model: modelOf(config),
    ...(config.revision === 'main' ? {} : { revision_of_model: config.revision }),
    rl: 'dpo',
    rl_beta: hyper.beta,
    ...(anchor > 0 ? { dpo_loss_type: ['sigmoid', 'sft'], dpo_loss_weights: [1, anchor] } : {}),
    ...(messages ? { chat_template: 'tokenizer_default' } : {}),
    datasets: [{ path: ROWS, split: 'train', ...type }],
    plugins: ['winnow_order.KeepOrder'],
    shuffle_merged_datasets: false,
    sequence_len: config.text.maxLength,
    excess_length_strategy: 'truncate',
    sample_packing: false,
    val_set_size: 0,
    output_dir: 'outputs/axolotl',
    ...(hyper.method === 'full'
      ? {}
      : {
          adapter: 'lora',
          lora_r: hyper.rank,
          lora_alpha: hyper.alpha,
          lora_dropout: 0,
          lora_target_modules: [hyper.targets].flat(),
        }),
    optimizer: 'adamw_torch',
    learning_rate: hyper.learningRate,
    lr_scheduler: scheduleName(hyper),
    warmup_steps: warmupSteps(fits.length, hyper),
    num_epochs: hyper.epochs,
    micro_batch_size: 1,
    gradient_accumulation_steps: hyper.batchSize,
    weight_decay: hyper.weightDecay,
    max_grad_norm: hyper.maxGradNorm,
    adam_beta1: hyper.adamBeta1,
    adam_beta2: hyper.adamBeta2,
    adam_epsilon: hyper.adamEpsilon,
    seed: config.seed,
    bf16: 'auto',
    gradient_checkpointing: true,
  };
  const head = [
    '# PYTHONPATH=train axolotl train train/axolotl.yaml, in the folder of the README.md.',
    '# winnow_order.py keeps the order of the pairs; it needs transformers >= 5.2.0.',
    '# One device: on N devices divide gradient_accumulation_steps by N.',
  ];
  return {
    files: {
      'train/axolotl.yaml': `${head.join('\n')}\n${trainerYaml(values)}`,
      'train/winnow_order.py': PLUGIN,
      [ROWS]: rows,
    },
    command: 'PYTHONPATH=train axolotl train train/axolotl.yaml',
    notes: [
      ...leftOut('axolotl', left, 'one answer a side, and the roles system, user, assistant and tool'),
      ...lossNotes('axolotl', hyper, ['sigmoid']),
      ...alphaNotes('axolotl', hyper),
      ...adapterNotes(config),
    ],
  };
}

const PLUGIN = `"""Trains on the pairs in the order of their file."""

from axolotl.integrations.base import BasePlugin


class KeepOrder(BasePlugin):
    def get_training_args(self, cfg):
        return {"train_sampling_strategy": "sequential"}
`;

const ROLES = ['system', 'user', 'assistant', 'tool'];

/** axolotl reads the last message of a side alone, and stops at a role that it does not know. */
function fitsTemplate({ prompt, chosen, rejected }: ArmPair): boolean {
  if (typeof prompt === 'string' || oneAnswer(chosen) === null || oneAnswer(rejected) === null) return false;
  return prompt.every(({ role }) => ROLES.includes(role));
}
