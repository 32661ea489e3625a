import {
  adapterNotes,
  alphaNotes,
  lossNotes,
  modelOf,
  scheduleName,
  type TrainerFiles,
  type TrainerInput,
} from './trainer.ts';

/**
 * OpenRLHF's `openrlhf.cli.train_dpo`. It always shuffles (`setup_dataloader(…, shuffle=True)`): the selection goes
 * over, its order does not.
 * *Read at:* OpenRLHF/OpenRLHF 3c3be62 (0.11.0, whose options have dots), `openrlhf/cli/train_dpo.py`.
 */
export function openRlhfFiles({ config, hyper, dataFile, messages }: TrainerInput): TrainerFiles {
  const options: [name: string, value?: string | number][] = [
    ['model.model_name_or_path', quoted(modelOf(config))],
    ['data.dataset', dataFile],
    ['data.prompt_key', 'prompt'],
    ['data.chosen_key', 'chosen'],
    ['data.rejected_key', 'rejected'],
    ...(messages ? ([['data.apply_chat_template']] as [string][]) : []),
    ['data.max_len', config.text.maxLength],
    ['ckpt.output_dir', 'outputs/openrlhf'],
    ['model.beta', hyper.beta],
    ...(hyper.anchorWeight === undefined
      ? []
      : ([['model.nll_loss_coef', hyper.anchorWeight]] as [string, number][])),
    ['adam.lr', hyper.learningRate],
    ['adam.betas', `${hyper.adamBeta1} ${hyper.adamBeta2}`],
    ['adam.eps', hyper.adamEpsilon],
    ['adam.weight_decay', hyper.weightDecay],
    ['max_norm', hyper.maxGradNorm],
    ['lr_scheduler', scheduleName(hyper)],
    ['lr_warmup_ratio', hyper.warmupRatio],
    ['train.max_epochs', hyper.epochs],
    ['train.batch_size', hyper.batchSize],
    ['train.micro_batch_size', 1],
    ['train.seed', config.seed],
    ...(hyper.method === 'full'
      ? []
      : ([
          ['ds.lora.rank', hyper.rank],
          ['ds.lora.alpha', hyper.alpha],
          ['ds.lora.target_modules', [hyper.targets].flat().join(' ')],
        ] as [string, string | number][])),
    ['ds.param_dtype', 'bf16'],
    ['ds.zero_stage', 2],
    ['model.gradient_checkpointing_enable'],
  ];
  const lines = options.map(([name, value]) => `  --${name}${value === undefined ? '' : ` ${value}`}`);
  const text = [
    '#!/bin/sh',
    '# sh train/openrlhf.sh, in the folder of the README.md. OpenRLHF 0.11 or newer.',
    '# It shuffles the pairs: the selection goes over, the order from easy to hard does not.',
    ['exec deepspeed --module openrlhf.cli.train_dpo', ...lines].join(' \\\n'),
  ].join('\n');
  return {
    files: { 'train/openrlhf.sh': `${text}\n` },
    command: 'sh train/openrlhf.sh',
    notes: [
      'OpenRLHF shuffles the pairs and has no option against it: the selection goes over, its order does not',
      ...(config.revision === 'main'
        ? []
        : [`OpenRLHF takes no revision of a model: download ${config.revision} and name its folder`]),
      ...lossNotes('OpenRLHF', hyper, ['sigmoid']),
      ...alphaNotes('OpenRLHF', hyper),
      ...adapterNotes(config),
    ],
  };
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
