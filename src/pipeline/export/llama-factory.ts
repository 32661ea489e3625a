import type { Message } from '../../pairs/pair.ts';
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

const FOLDER = 'train/llama-factory';

/**
 * LLaMA-Factory: dataset_info.json with rows in its sharegpt style (chosen and rejected are one message each), or in its
 * alpaca style for plain text, and a YAML with `disable_shuffling`. No template is named: it then takes the
 * tokenizer's own.
 * *Read at:* hiyouga/LLaMA-Factory ff6d4d1 (0.9.6.dev0), `data/README.md`, `src/llamafactory/data/converter.py`.
 */
export function llamaFactoryFiles({ config, hyper, pairs, messages }: TrainerInput): TrainerFiles {
  const fits = messages ? pairs.filter(fitsSharegpt) : pairs;
  const left = messages ? pairs.filter((pair) => !fitsSharegpt(pair)) : [];
  const rows = function* () {
    for (const { prompt, chosen, rejected } of fits) {
      yield messages
        ? { messages: prompt, chosen: (chosen as Message[])[0], rejected: (rejected as Message[])[0] }
        : { prompt, chosen, rejected };
    }
  };
  const columns = { chosen: 'chosen', rejected: 'rejected' };
  const entry = messages
    ? {
        formatting: 'sharegpt',
        columns: { messages: 'messages', ...columns },
        tags: {
          role_tag: 'role',
          content_tag: 'content',
          user_tag: 'user',
          assistant_tag: 'assistant',
          system_tag: 'system',
        },
      }
    : { columns: { prompt: 'prompt', ...columns } };
  const info = { winnow: { file_name: 'pairs.jsonl', ranking: true, ...entry } };
  const values = {
    model_name_or_path: modelOf(config),
    ...(config.revision === 'main' ? {} : { model_revision: config.revision }),
    stage: 'dpo',
    do_train: true,
    finetuning_type: hyper.method,
    ...(hyper.method === 'full'
      ? {}
      : {
          lora_rank: hyper.rank,
          lora_alpha: hyper.alpha,
          lora_dropout: 0,
          lora_target: [hyper.targets].flat().join(','),
        }),
    disable_shuffling: true,
    pref_beta: hyper.beta,
    pref_loss: 'sigmoid',
    ...(hyper.anchorWeight === undefined ? {} : { pref_ftx: hyper.anchorWeight }),
    ...(hyper.loss === 'ld-dpo' ? { ld_alpha: hyper.lossAlpha } : {}),
    dataset_dir: FOLDER,
    dataset: 'winnow',
    ...(messages ? {} : { template: 'empty' }),
    cutoff_len: config.text.maxLength,
    output_dir: 'outputs/llama-factory',
    learning_rate: hyper.learningRate,
    lr_scheduler_type: scheduleName(hyper),
    warmup_steps: warmupSteps(fits.length, hyper),
    num_train_epochs: hyper.epochs,
    per_device_train_batch_size: 1,
    gradient_accumulation_steps: hyper.batchSize,
    weight_decay: hyper.weightDecay,
    max_grad_norm: hyper.maxGradNorm,
    adam_beta1: hyper.adamBeta1,
    adam_beta2: hyper.adamBeta2,
    adam_epsilon: hyper.adamEpsilon,
    seed: config.seed,
    bf16: true,
    report_to: 'none',
  };
  const head = [
    `# llamafactory-cli train ${FOLDER}.yaml, in the folder of the README.md.`,
    '# disable_shuffling keeps the order of the pairs.',
    '# One device: on N devices divide gradient_accumulation_steps by N. bf16: false where there is none.',
  ];
  return {
    files: {
      [`${FOLDER}.yaml`]: `${head.join('\n')}\n${trainerYaml(values)}`,
      [`${FOLDER}/dataset_info.json`]: `${JSON.stringify(info, null, 2)}\n`,
      [`${FOLDER}/pairs.jsonl`]: rows,
    },
    command: `llamafactory-cli train ${FOLDER}.yaml`,
    notes: [
      ...leftOut('LLaMA-Factory', left, 'user and assistant in turn and one answer a side'),
      ...lossNotes('LLaMA-Factory', hyper, ['sigmoid', 'ld-dpo']),
      ...alphaNotes('LLaMA-Factory', hyper),
      ...adapterNotes(config),
    ],
  };
}

/** LLaMA-Factory skips a row whose turns do not alternate, with a line in its log. */
function fitsSharegpt({ prompt, chosen, rejected }: ArmPair): boolean {
  if (typeof prompt === 'string' || oneAnswer(chosen) === null || oneAnswer(rejected) === null) return false;
  const turns = prompt[0]?.role === 'system' ? prompt.slice(1) : prompt;
  return (
    turns.length % 2 === 1 && turns.every(({ role }, i) => role === (i % 2 === 0 ? 'user' : 'assistant'))
  );
}
