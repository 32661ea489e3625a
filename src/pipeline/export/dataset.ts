import { stringify } from 'yaml';
import { inputError } from '../../base/errors.ts';
import { hhCompletion, hhMessages } from '../../pairs/format-hh.ts';
import type { Message, Text } from '../../pairs/pair.ts';
import { isWellFormed } from '../../pairs/shape.ts';
import type { FlatPair } from '../../pairs/write-parquet.ts';
import type { ArmPair, RunArm } from './run-pairs.ts';

/** The file of pairs within the folder, as Hugging Face names it. */
export function dataFileOf(as: 'jsonl' | 'parquet'): string {
  return as === 'jsonl' ? 'data/train.jsonl' : 'data/train-00000-of-00001.parquet';
}

/** Columns of the exported rows; `meta` is JSON text, because its keys may differ from row to row. */
export function* exportRows(pairs: readonly ArmPair[]): Generator<FlatPair> {
  for (const { id, prompt, chosen, rejected, difficulty, rank, meta } of pairs) {
    const measured = { ...(difficulty === null ? {} : { difficulty }), ...(rank === null ? {} : { rank }) };
    yield { id, prompt, chosen, rejected, ...measured, meta: JSON.stringify(meta) } as FlatPair;
  }
}

/** Pairs that a column can hold, and what was done for it. */
export interface OneKind {
  readonly pairs: readonly ArmPair[];
  readonly messages: boolean;
  readonly notes: readonly string[];
}

/**
 * Pairs of one kind, as the model was shown them:
 * - strings of hh-rlhf's regular form are messages to a model with a chat template, and become messages here;
 * - a column of a dataset has one type: where some pairs are messages, the other texts become messages too, each one
 *   question and one answer.
 */
export function ofOneKind(given: readonly ArmPair[], chatTemplate: boolean | null): OneKind {
  const isText = ({ prompt }: ArmPair) => typeof prompt === 'string';
  const isTurns = ({ prompt }: ArmPair) => typeof prompt === 'string' && hhMessages(prompt) !== null;
  const turns = chatTemplate === true ? given.filter(isTurns).length : 0;
  const pairs = turns === 0 ? given : given.map((pair) => (isTurns(pair) ? asMessages(pair) : pair));
  const texts = pairs.filter(isText).length;
  const messages = texts < pairs.length;
  const plain = messages ? texts : 0;
  return {
    pairs: plain === 0 ? pairs : pairs.map(asMessages),
    messages,
    notes: [
      ...(turns === 0
        ? []
        : [`pairs of hh-rlhf text that were written as the messages that the model was shown: ${turns}`]),
      ...(plain === 0
        ? []
        : [`pairs of plain text that were written as messages, because the others are messages: ${plain}`]),
      ...(messages && chatTemplate === false
        ? [
            'the pairs are messages and the model has no chat template: winnow showed it hh-rlhf’s plain form, other trainers need a template',
          ]
        : []),
    ],
  };
}

function asMessages(pair: ArmPair): ArmPair {
  if (typeof pair.prompt !== 'string') return pair;
  const turns = hhMessages(pair.prompt);
  const side = (text: Text): readonly Message[] =>
    typeof text !== 'string'
      ? text
      : turns === null
        ? [{ role: 'assistant', content: text }]
        : hhCompletion(text);
  const prompt = turns ?? [{ role: 'user', content: pair.prompt }];
  return { ...pair, prompt, chosen: side(pair.chosen), rejected: side(pair.rejected) };
}

/** Half a character can stand in JSON and nowhere else: no reader of datasets takes it. */
export function needWholeCharacters(pairs: readonly ArmPair[]): void {
  const whole = (text: Text) =>
    typeof text === 'string' ? isWellFormed(text) : text.every(({ content }) => isWellFormed(content));
  const bad = pairs.find(({ prompt, chosen, rejected }) => ![prompt, chosen, rejected].every(whole));
  if (bad === undefined) return;
  throw inputError('lone-surrogate', 'a text holds half a character (a lone surrogate), which UTF-8 cannot', {
    row: bad.row,
    got: bad.id,
    remedy: 'Mend this row of the data and run again.',
  });
}

export interface CardInput {
  readonly run: RunArm;
  readonly as: 'jsonl' | 'parquet';
  readonly receipt: Readonly<Record<string, unknown>>;
  readonly commands: readonly string[];
  readonly notes: readonly string[];
}

/** The dataset card: front matter that `datasets.load_dataset` reads, what the pairs are, and the receipt. */
export function card({ run, as, receipt, commands, notes }: CardInput): string {
  const { arm, pairs, receipt: selection } = run;
  const front = {
    pretty_name: `Preference pairs: ${arm}`,
    tags: ['dpo', 'preference', 'winnow'],
    size_categories: [sizeCategory(pairs.length)],
    configs: [{ config_name: 'default', data_files: [{ split: 'train', path: dataFileOf(as) }] }],
  };
  const data = selection.data as { file: string; sha256: string; rowsRead: number };
  const model = selection.model as { name: string };
  const what =
    arm === 'selected'
      ? 'the pairs that were selected, in training order'
      : `the pairs of the arm ${arm}, in the order in which they were trained on`;
  const lines = [
    `---\n${stringify(front)}---`,
    `# ${front.pretty_name}`,
    `${pairs.length} preference pairs: ${what}. They are of ${data.file} (${data.rowsRead} rows, SHA-256 ${data.sha256}) and were measured with ${model.name}. Keep their order: turn the trainer's shuffling off.`,
    '| Column | Meaning |\n| --- | --- |\n| `prompt`, `chosen`, `rejected` | texts, or lists of messages `{role, content}` |\n| `difficulty` | mean held-out DPO loss, nats |\n| `rank` | of all measured pairs, 1 is the easiest |\n| `id` | SHA-256 of the three texts, as they were read |\n| `meta` | the further columns of the data, as JSON text |',
    ...(commands.length === 0
      ? []
      : [`## Training\n\nIn this folder:\n\n\`\`\`sh\n${commands.join('\n')}\n\`\`\``]),
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join('\n')]),
    `## Receipt\n\n\`receipt.json\`:\n\n\`\`\`json\n${JSON.stringify(receipt, null, 2)}\n\`\`\``,
  ];
  return `${lines.join('\n\n')}\n`;
}

/** Hugging Face's names for sizes. */
function sizeCategory(count: number): string {
  const steps = [
    [1e3, 'n<1K'],
    [1e4, '1K<n<10K'],
    [1e5, '10K<n<100K'],
    [1e6, '100K<n<1M'],
  ] as const;
  return steps.find(([most]) => count < most)?.[1] ?? '1M<n<10M';
}
