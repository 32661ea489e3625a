import {
  adapterNotes,
  alphaNotes,
  lossNotes,
  modelOf,
  scheduleName,
  type TrainerFiles,
  type TrainerInput,
  trainerYaml,
  warmupSteps,
} from './trainer.ts';

/**
 * TRL's `trl dpo --config`. The order is kept by `train_sampling_strategy: sequential`, which transformers has since
 * 5.2.0 (huggingface/transformers#43138); an older one stops at the unknown key instead of shuffling.
 * *Read at:* huggingface/trl f2cd577 (1.10.0.dev0), `trl/scripts/dpo.py`, `trl/trainer/dpo_config.py`.
 */
export function trlFiles({ config, hyper, pairs, dataFile, as }: TrainerInput): TrainerFiles {
  const anchor = hyper.anchorWeight ?? 0;
  // TRL knows cDPO as its own loss with smoothed labels.
  const lossType = hyper.loss === 'robust' || hyper.loss === 'ipo' ? hyper.loss : 'sigmoid';
  const values = {
    model_name_or_path: modelOf(config),
    ...(config.revision === 'main' ? {} : { model_revision: config.revision }),
    datasets: [
      {
        path: as === 'jsonl' ? 'json' : 'parquet',
        data_files: dataFile,
        split: 'train',
        columns: ['prompt', 'chosen', 'rejected'],
      },
    ],
    output_dir: 'outputs/trl',
    train_sampling_strategy: 'sequential',
    beta: hyper.beta,
    loss_type: anchor > 0 ? [lossType, 'sft'] : [lossType],
    ...(anchor > 0 ? { loss_weights: [1, anchor] } : {}),
    ...(hyper.loss === 'ld-dpo' ? { ld_alpha: hyper.lossAlpha } : {}),
    ...(hyper.loss === 'cdpo' || hyper.loss === 'robust' ? { label_smoothing: hyper.lossAlpha } : {}),
    learning_rate: hyper.learningRate,
    lr_scheduler_type: scheduleName(hyper),
    warmup_steps: warmupSteps(pairs.length, hyper),
    num_train_epochs: hyper.epochs,
    per_device_train_batch_size: 1,
    gradient_accumulation_steps: hyper.batchSize,
    max_length: config.text.maxLength,
    weight_decay: hyper.weightDecay,
    max_grad_norm: hyper.maxGradNorm,
    adam_beta1: hyper.adamBeta1,
    adam_beta2: hyper.adamBeta2,
    adam_epsilon: hyper.adamEpsilon,
    seed: config.seed,
    ...(hyper.method === 'full'
      ? {}
      : {
          use_peft: true,
          lora_r: hyper.rank,
          lora_alpha: hyper.alpha,
          lora_dropout: 0,
          lora_target_modules: hyper.targets,
        }),
    bf16: true,
    eval_strategy: 'no',
    save_strategy: 'epoch',
    report_to: 'none',
  };
  const head = [
    '# trl dpo --config train/trl.yaml, in the folder of the README.md. Needs transformers >= 5.2.0, which has',
    '# train_sampling_strategy: without it the order of the pairs is lost.',
    '# One device: on N devices divide gradient_accumulation_steps by N. bf16: false where there is none.',
  ];
  return {
    files: { 'train/trl.yaml': `${head.join('\n')}\n${trainerYaml(values)}` },
    command: 'trl dpo --config train/trl.yaml',
    notes: [
      ...lossNotes('TRL', hyper, ['sigmoid', 'ld-dpo', 'cdpo', 'robust', 'ipo']),
      ...alphaNotes('TRL', hyper),
      ...adapterNotes(config),
    ],
  };
}
