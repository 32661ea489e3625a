import { z } from 'zod';
import { effects, gates, prices } from './schema-effects.ts';
import { executor, server, trl } from './schema-engine.ts';
import { llmJudge } from './schema-judge.ts';
import { QUANTITY_KEYS, SCORER_KEYS } from './schema-parts.ts';
import { training } from './schema-training.ts';

const DEFAULT_ARMS = ['selected', 'full', 'random', 'hardest', 'easiest-shuffled'] as const;
const ARMS = [...DEFAULT_ARMS, 'length-matched', 'shortest'] as const;

const fraction = z.number().gt(0).lt(1);
const count = z.int().min(1);
const distinct = <T>(items: readonly T[]) => new Set(items).size === items.length;

const text = z.strictObject({
  maxLength: z
    .int()
    .min(2)
    .default(1024)
    .describe("Most tokens of prompt and completion together. The value of the paper's released recipes."),
  maxPromptLength: count
    .default(512)
    .describe(
      "Most tokens of the prompt; a longer one, or one that leaves too little of maxLength to the completion, loses its start. The value of the paper's released recipes; where maxLength is given and this is not, at most half of maxLength.",
    ),
  onLong: z
    .enum(['cut-prompt-start', 'refuse'])
    .default('cut-prompt-start')
    .describe(
      'What becomes of a pair that exceeds maxLength: its prompt loses its start, as in TRL 0.11, which the paper used, or the pair is refused; completions are never cut. Both are counted and reported.',
    ),
});

const difficulty = z.strictObject({
  ...SCORER_KEYS,
  folds: z
    .int()
    .min(2)
    .default(2)
    .describe(
      "Parts that the pairs are cut into; each is scored by a run that saw the others. The paper's value (Algorithm 1).",
    ),
  seeds: count
    .default(1)
    .describe(
      'How many times the cut and its scoring runs are repeated with other seeds. The paper takes 3 (Algorithm 1); each costs as much as the first.',
    ),
  checkpoints: count
    .default(1)
    .describe(
      'Points of a scoring run at which it scores, the last one at its end; the losses are averaged. The released code takes 5.',
    ),
  precision: z
    .enum(['f32', 'int16', 'int8'])
    .default('f32')
    .describe(
      'How scoring computes its products with frozen weights, in the scoring runs and in the reference pass that they are held against; training stays in float32. int8: of 8-bit integers, with a scale for each token and channel; int16: of pairs of them, about as exact as float32. Both are faster on processors with integer instructions (AVX-512 VNNI, AMX), on the CPU alone: docs/benchmarks.md has speed and what becomes of the ranks.',
    ),
});

const ratings = z.strictObject({
  pairs: z
    .enum(['best-worst', 'best-random', 'all'])
    .default('best-worst')
    .describe(
      'best-worst: the best answer of a row against its worst; best-random: the best against a worse one drawn at random, as UltraFeedback was binarized; all: every two answers that differ.',
    ),
  minGap: z
    .number()
    .min(0)
    .default(0)
    .describe('Least difference of two scores that makes a pair; equal scores never do.'),
});

const selection = z.strictObject({
  keepFraction: z
    .union([z.number().gt(0).max(1), z.literal('auto')])
    .default(0.5)
    .describe(
      "Share of the pairs that is kept, 1 for all. auto: 0.5 to 0.9 are tried beside all pairs on the tuning prompts (needs a judge), and pairs are left out only where that wins there beyond chance. The paper's value on UltraFeedback (section 5); a comment in its released script recommends 0.6 for Gemma.",
    ),
  direction: z
    .enum(['easiest', 'hardest', 'middle', 'random'])
    .default('easiest')
    .describe(
      'Which pairs are kept. The paper keeps the easiest and trains on them from easy to hard (Algorithm 1); hardest and middle, those nearest to the median, are trained on from easy to hard too.',
    ),
  ...QUANTITY_KEYS,
  within: z
    .union([
      z.literal('none'),
      z.literal('length'),
      z.templateLiteral(['meta.', z.string().min(1)]).meta({ title: 'meta.FIELD' }),
    ])
    .default('none')
    .describe(
      'Strata of which each keeps the same share, so that the selection empties no category and prefers no length. none: one share of all pairs, as in the paper. length: up to ten quantile bins of the length difference, chosen minus rejected in tokens. meta.FIELD: the values of a further column of the data, such as its source. Our addition.',
    ),
  rules: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'File of rules (docs/rules.md) that keep pairs whatever their difficulty, drop them from every arm, or put them before a person; they go before the threshold, and the first that matches decides. null: none.',
    ),
  decisions: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'File of decisions of people, as `winnow review` writes it; each goes before every rule. null: decisions.jsonl in the run folder, where it is there.',
    ),
});

const evaluation = z.strictObject({
  prompts: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'JSONL file of prompts (`{"prompt": …}`) to generate answers for; null: the prompts of the held-out pairs.',
    ),
  tuningPrompts: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'JSONL file of prompts, others than those of the evaluation, on which the learning rate is chosen by the win rate of the full arm, the mean over trainingSeeds orders (needs a judge); null: by the held-out loss of one scoring run.',
    ),
  judge: z
    .enum(['none', 'lab'])
    .default('none')
    .describe(
      "Gold judge of generated answers: lab knows the right answers of the built-in world's prompts; none: no win rate, unless a reward model judges.",
    ),
  rewardModel: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "Reward model that judges generated answers: a folder, or a hub's org/name; a decoder with a score of one number (…ForSequenceClassification with one label), any of the architectures that can be trained. The answer with the higher reward wins; the whole conversation is rendered by the reward model's own chat template. null: none.",
    ),
  rewardRevision: z
    .string()
    .min(1)
    .default('main')
    .describe('Branch, tag or commit of a reward model on the hub; means nothing for a folder.'),
  heldOut: fraction
    .default(0.2)
    .describe(
      'Share of the pairs that is kept apart for evaluation; no training sees their prompts. Our choice.',
    ),
  maxPrompts: count
    .default(128)
    .describe('Most held-out prompts to generate answers for. Our choice; more narrows the intervals.'),
  maxNewTokens: count
    .default(64)
    .describe('Most tokens of a generated answer. Our choice; set it to the length of real answers.'),
  temperature: z
    .number()
    .min(0)
    .default(0)
    .describe(
      'Sampling temperature; 0 takes the likeliest token, as Arena-Hard does. The paper samples AlpacaEval at 0.5 to 0.9 (appendix C.5).',
    ),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe('Sample from the likeliest tokens that hold this probability together; 1 for all.'),
});

/** Everything that `winnow.yaml` may say. Each key has a default, and a text on its meaning and its origin. */
export const configSchema = z.strictObject({
  model: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "The model to train: a folder (config.json, tokenizer.json, safetensors), or a hub's org/name, which is downloaded into the hub's ordinary cache; a folder of that name goes before. Must be given where a model is needed.",
    ),
  revision: z
    .string()
    .min(1)
    .default('main')
    .describe(
      'Branch, tag or commit of a model on the hub; means nothing for a folder. A commit is exact, and asks the hub nothing once it is there. The run folder keeps the commit that was found.',
    ),
  data: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Preference pairs: a file (JSON, JSONL, CSV, TSV, gzip or not, Parquet), a pattern of files, or a dataset folder of Hugging Face or LLaMA-Factory. Must be given. docs/data-formats.md has every form.',
    ),
  format: z
    .string()
    .min(1)
    .default('auto')
    .describe('Format of the rows; auto: found out from their columns.'),
  split: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Split of a dataset folder; null: train_prefs, else train, else the only one.'),
  subset: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Subset (config) of a dataset folder, or the dataset of a dataset_info.json; null: the only one, or default.',
    ),
  columns: z
    .record(z.string().min(1), z.string().min(1))
    .default({})
    .describe(
      'Columns of the data under other names than the format knows them by, such as {prompt: question, chosen: good}.',
    ),
  ratings: ratings.prefault({}).describe('How pairs are made of rows with several rated answers.'),
  limit: count.nullable().default(null).describe('Read at most this many rows, null for all.'),
  out: z
    .string()
    .min(1)
    .default('winnow-run')
    .describe('The run folder: made when it is not there, continued when it is.'),
  seed: z
    .int()
    .min(0)
    .default(42)
    .describe("Seed of all randomness. The value of the paper's released recipes for its final runs."),
  text: text.prefault({}).describe('Turning pairs into tokens.'),
  training: training.prefault({}).describe('DPO training, the same for scoring runs and every arm.'),
  difficulty: difficulty.prefault({}).describe('How the difficulty of a pair is measured.'),
  selection: selection.prefault({}).describe('Which pairs are kept.'),
  arms: z
    .array(z.enum(ARMS))
    .min(1)
    .refine(distinct, 'names an arm twice')
    .default([...DEFAULT_ARMS])
    .describe(
      'Trainings that are compared, all with the same hyper-parameters; full: all pairs; the others have the size of selected. Beside the default, length-matched: random pairs with the selection’s distribution of length differences, which tells an effect of length from one of difficulty; shortest: the shortest chosen completions (paper, Fig. 12).',
    ),
  trainingSeeds: count
    .default(1)
    .describe('How many seeds each arm is trained with. More of them tell an effect from chance.'),
  evaluation: evaluation.prefault({}).describe('How the arms are compared.'),
  llmJudge: llmJudge.prefault({}).describe('A language model that judges generated answers.'),
  effects: effects.prefault({}).describe('What is looked at beside the win rate.'),
  gates: gates
    .prefault({})
    .describe('Limits of side effects, of the arm selected: warnings, and on demand exit code 3.'),
  prices: prices.prefault({}).describe('Your prices, for the cost sheet; none is needed.'),
  language: z
    .enum(['auto', 'en', 'ja'])
    .default('auto')
    .describe(
      'Language that pages show first and that the report is told in on the terminal; every page has both. auto: the reader’s own on pages, English on the terminal.',
    ),
  engine: z
    .enum(['embedded', 'trl'])
    .default('embedded')
    .describe(
      'What trains and scores. embedded: Winnow’s own, on this processor, for small models; trl: TRL’s DPOTrainer on Accelerate, for GPUs (`winnow setup trl` makes its environment). Part of what a result is known by.',
    ),
  trl: trl.prefault({}).describe('The engine trl.'),
  server: server.prefault({}).describe('A model server that answers and scores in the engine’s place.'),
  executor: executor.prefault({}).describe('Where the workers run.'),
  workers: z
    .union([count, z.literal('auto')])
    .default('auto')
    .describe(
      'Worker processes at a time; auto: by the cores and memory of this machine, with engine trl by its GPUs. Does not change results.',
    ),
  threads: z
    .union([count, z.literal('auto')])
    .default('auto')
    .describe(
      'CPU threads of each worker; auto: the cores divided by the workers. Not part of what a result is known by: it may move its last digits.',
    ),
  memoryGB: z
    .union([z.number().positive(), z.literal('auto')])
    .default('auto')
    .describe(
      'Memory for all workers together, in 10⁹ bytes; auto: most of what is free when they start, within the limit of a container. Where activations do not fit, they are computed again. Does not change results.',
    ),
  device: z
    .enum(['auto', 'cpu', 'webgpu'])
    .default('cpu')
    .describe(
      'What computes. webgpu: a graphics card, by the same graphs; each operation is held against the CPU first, and the CPU takes over, saying so, where no adapter is found or anything fails or is wrong. auto: webgpu where it multiplies matrices faster than the CPU. Not the default, because results then depend on what a machine has and how busy it is, and no two cards agree in the last digits (about 1e-6 of a log-probability). Not part of what a result is known by, as threads are not.',
    ),
});

/** A checked configuration with every default filled in; `model`, `data` and `out` are absolute paths. */
export type Config = z.output<typeof configSchema>;
