import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Exported, exportRun, type PreferencePair, readPairs } from '../src/index.ts';
import {
  argumentsOf,
  readRows,
  scratch,
  tinyPairs,
  tinyWorld,
  winnow,
  winnowOk,
  writeRows,
} from './tiny-world.ts';

const world = tinyWorld('export');
const out = join(world.dir, 'run');
const messagesRun = join(world.dir, 'messages-run');
const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

/** As messages: with a system message here and there, one answer that goes on, and metadata of several kinds. */
const conversations = tinyPairs().map(({ prompt, chosen, rejected }, i) => ({
  prompt: i % 5 === 0 ? [{ role: 'system', content: 's' }, user(prompt)] : [user(prompt)],
  chosen: i % 7 === 3 ? [assistant(chosen), user('and?'), assistant('x')] : [assistant(chosen)],
  rejected: [assistant(rejected)],
  ...(i % 2 === 0 ? { source: 'a', weight: i } : { tags: ['b'] }),
}));

beforeAll(async () => {
  await winnowOk(argumentsOf('train', world, { out, seeds: 1, arms: 'selected,random' }));
  const data = writeRows(join(world.dir, 'messages.jsonl'), conversations);
  await winnowOk(argumentsOf('select', { ...world, data }, { out: messagesRun, seeds: 1 }));
}, 120_000);

const selectedOf = (run: string) => readRows<PreferencePair>(run, 'selection', 'selected.jsonl');
const idsOf = (pairs: readonly { id: string }[]) => pairs.map(({ id }) => id);
const bytesOf = ({ folder, files }: Exported) =>
  Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file)).toString('base64')]));
const yamlOf = ({ folder }: Exported, file: string) =>
  parse(readFileSync(join(folder, file), 'utf8'), { version: '1.1' }) as Record<string, unknown>;

describe('an export', () => {
  it.each(['jsonl', 'parquet'] as const)(
    'as %s reads back as the selection, in training order',
    async (as) => {
      for (const run of [out, messagesRun]) {
        const exported = await exportRun({ run, to: join(scratch('to'), 'folder'), as });
        const selected = selectedOf(run);
        const set = await readPairs(exported.folder);
        expect(set.refused).toEqual([]);
        expect(idsOf(set.pairs)).toEqual(idsOf(selected));
        expect(set.source).toMatchObject({ format: 'explicit', split: 'train', subset: 'default' });
        for (const [i, { meta }] of set.pairs.entries()) {
          const {
            meta: before,
            difficulty,
            rank,
          } = selected[i] as PreferencePair & { difficulty: number; rank: number };
          expect(meta).toEqual({ ...before, difficulty, rank });
        }
      }
    },
  );

  it('is the same bytes each time, and replaces an earlier export whole', async () => {
    const to = join(scratch('again'), 'folder');
    const first = await exportRun({ run: messagesRun, to, as: 'parquet' });
    const before = bytesOf(first);
    writeFileSync(join(to, 'left-over'), 'x');
    // What a killed export leaves.
    mkdirSync(join(`${to}.partial`, 'data'), { recursive: true });
    writeFileSync(join(`${to}.partial`, 'data', 'half'), 'x');
    const second = await exportRun({ run: messagesRun, to, as: 'parquet' });
    expect(bytesOf(second)).toEqual(before);
    expect(readdirSync(join(to, '..'))).toEqual(['folder']);
  });

  it('never names a path of this machine beside the model', async () => {
    const { folder } = await exportRun({ run: out, to: join(scratch('paths'), 'f'), trainers: [] });
    for (const file of ['README.md', 'receipt.json']) {
      expect(readFileSync(join(folder, file), 'utf8')).not.toContain(world.dir);
    }
    const receipt = JSON.parse(readFileSync(join(folder, 'receipt.json'), 'utf8')) as Record<string, unknown>;
    expect(receipt).toMatchObject({
      data: { file: 'pairs.jsonl', format: 'explicit' },
      export: { arm: 'selected', as: 'jsonl', ids: receipt.keptIds },
    });
  });

  it('of another arm has the order in which it was trained', async () => {
    const exported = await exportRun({
      run: out,
      to: join(scratch('arm'), 'f'),
      arm: 'random',
      trainers: ['trl'],
    });
    const set = await readPairs(exported.folder);
    expect(idsOf(set.pairs)).toEqual(readRows<string>(out, 'arms', 'random', 'order.jsonl'));
  });

  it('refuses what is not there, and leaves other folders alone', async () => {
    const to = join(scratch('refuse'), 'f');
    await expect(exportRun({ run: out, to, arm: 'hardest' })).rejects.toMatchObject({ code: 'no-such-arm' });
    await expect(exportRun({ run: out, to, arm: '../selection' })).rejects.toMatchObject({
      code: 'no-such-arm',
    });
    await expect(exportRun({ run: join(to, 'no'), to })).rejects.toMatchObject({ code: 'run-missing' });
    const foreign = scratch('foreign');
    writeFileSync(join(foreign, 'mine.txt'), 'x');
    await expect(exportRun({ run: out, to: foreign })).rejects.toMatchObject({ code: 'export-exists' });
    expect(readdirSync(foreign)).toEqual(['mine.txt']);
    const half = join(scratch('half'), 'run');
    mkdirSync(half);
    cpSync(join(out, 'winnow-run.json'), join(half, 'winnow-run.json'));
    await expect(exportRun({ run: half, to })).rejects.toMatchObject({ code: 'not-selected' });
    expect(existsSync(to)).toBe(false);
    const torn = join(scratch('torn'), 'run');
    cpSync(out, torn, { recursive: true });
    const file = join(torn, 'selection', 'selected.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(1).join('\n'));
    await expect(exportRun({ run: torn, to })).rejects.toMatchObject({ code: 'selection-changed' });
  });
});

describe('files for trainers', () => {
  it('say the hyper-parameters of the run, and keep the order where they can', async () => {
    const exported = await exportRun({ run: messagesRun, to: join(scratch('trainers'), 'f') });
    const trl = yamlOf(exported, 'train/trl.yaml');
    expect(trl).toMatchObject({
      model_name_or_path: world.model,
      train_sampling_strategy: 'sequential',
      beta: 0.5,
      learning_rate: 0.01,
      lr_scheduler_type: 'cosine',
      warmup_steps: 1,
      gradient_accumulation_steps: 4,
      per_device_train_batch_size: 1,
      num_train_epochs: 1,
      max_length: 1024,
      use_peft: true,
      lora_r: 4,
      lora_alpha: 16,
      adam_epsilon: 1e-8,
      eval_strategy: 'no',
      datasets: [{ path: 'json', data_files: 'data/train.jsonl', columns: ['prompt', 'chosen', 'rejected'] }],
    });
    const llama = yamlOf(exported, 'train/llama-factory.yaml');
    expect(llama).toMatchObject({ disable_shuffling: true, pref_beta: 0.5, lora_rank: 4, cutoff_len: 1024 });
    expect(String(llama.lora_target).split(',')).toEqual(trl.lora_target_modules);
    const axolotl = yamlOf(exported, 'train/axolotl.yaml');
    expect(axolotl).toMatchObject({
      rl: 'dpo',
      rl_beta: 0.5,
      plugins: ['winnow_order.KeepOrder'],
      lora_r: 4,
    });
    const openrlhf = readFileSync(join(exported.folder, 'train/openrlhf.sh'), 'utf8');
    expect(openrlhf).toContain('--model.beta 0.5 \\\n');
    expect(openrlhf).toContain('--data.apply_chat_template \\\n');
    expect(exported.notes.some((note) => note.includes('OpenRLHF shuffles'))).toBe(true);
    // Python's YAML takes a number without a point for a text.
    for (const file of ['trl', 'llama-factory', 'axolotl']) {
      expect(readFileSync(join(exported.folder, `train/${file}.yaml`), 'utf8')).not.toMatch(/[:-] -?\d+e/);
    }
  });

  it('hold the pairs in each trainer’s own rows; what does not fit is counted', async () => {
    const exported = await exportRun({ run: messagesRun, to: join(scratch('rows'), 'f') });
    const selected = selectedOf(messagesRun);
    const single = selected.filter(({ chosen }) => chosen.length === 1);
    expect(single.length).toBeLessThan(selected.length);
    const left = selected.length - single.length;
    expect(exported.notes.filter((note) => note.startsWith(`${left} pair`)).length).toBe(2);
    // What winnow itself reads from a folder of LLaMA-Factory.
    const llama = await readPairs(join(exported.folder, 'train', 'llama-factory'));
    expect(idsOf(llama.pairs)).toEqual(idsOf(single));
    const axolotl = await readPairs(join(exported.folder, 'train', 'axolotl-pairs.jsonl'));
    expect(axolotl.source.format).toBe('messages');
    expect(idsOf(axolotl.pairs)).toEqual(idsOf(single));
  });

  it('of plain text need no chat template', async () => {
    const exported = await exportRun({ run: out, to: join(scratch('plain'), 'f') });
    expect(yamlOf(exported, 'train/llama-factory.yaml').template).toBe('empty');
    expect(yamlOf(exported, 'train/axolotl.yaml').datasets).toMatchObject([
      { type: { prompt_format: '{prompt}' } },
    ]);
    const openrlhf = readFileSync(join(exported.folder, 'train/openrlhf.sh'), 'utf8');
    expect(openrlhf).not.toContain('apply_chat_template');
  });
});

describe('winnow export', () => {
  it('says what it wrote, and of wrong flags what is right', async () => {
    const to = join(scratch('cli'), 'f');
    const { stdout } = await winnowOk([
      'export',
      out,
      '--to',
      to,
      '--as',
      'parquet',
      '--for',
      'trl',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      folder: to,
      arm: 'selected',
      files: ['README.md', 'data/train-00000-of-00001.parquet', 'receipt.json', 'train/trl.yaml'],
      commands: { trl: 'trl dpo --config train/trl.yaml' },
    });
    const wrong = await winnow(['export', out, '--to', to, '--for', 'trl,verl']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('llama-factory');
    // The exported folder is data for the next run.
    const { stdout: again } = await winnowOk([
      ...argumentsOf('check', { ...world, data: to }, { out: join(scratch('next'), 'r') }),
      '--json',
    ]);
    expect(JSON.parse(again)).toMatchObject({ refused: 0, source: { format: 'explicit', split: 'train' } });
  });
});
