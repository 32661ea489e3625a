import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { csvFormat } from 'd3-dsv';
import { describe, expect, it } from 'vitest';
import type { Message } from './pair.ts';
import { readPairs } from './read.ts';
import { failure, folderOf, jsonl, parquet, promptsOf, rowOf, save } from './sources.fixture.ts';

describe('the folder of a dataset', () => {
  const card = (front: string) => `---\n${front}\n---\n\n# Data\n`;

  it('gives the shards of its split in order, and numbers rows over all of them', async () => {
    const dir = folderOf({ 'README.md': '# no front matter' });
    for (const i of [1, 0, 2]) {
      await parquet(
        join(dir, `data/train-0000${i}-of-00003.parquet`),
        `SELECT 'q${i}.' || j AS prompt, 'a' AS chosen, CASE WHEN j = 1 THEN '' ELSE 'b' END AS rejected FROM range(2) t(j)`,
      );
    }
    await parquet(
      join(dir, 'data/test-00000-of-00001.parquet'),
      `SELECT 't' AS prompt, 'a' AS chosen, 'b' AS rejected`,
    );
    const set = await readPairs(dir);
    expect(promptsOf(set)).toEqual(['q0.0', 'q1.0', 'q2.0']);
    expect(set.pairs.map(({ row }) => row)).toEqual([0, 2, 4]);
    expect(set.refused[1]).toMatchObject({
      row: 3,
      cause: 'empty-rejected',
      place: { file: join(dir, 'data/train-00001-of-00003.parquet'), row: 1 },
    });
    expect(set.source.files?.map(({ file }) => file)).toEqual(
      [0, 1, 2].map((i) => `data/train-0000${i}-of-00003.parquet`),
    );
    expect(set.notes.join()).toContain('split train of the folder was read (3 files; not read: test)');
    expect(promptsOf(await readPairs(dir, { split: 'test' }))).toEqual(['t']);
    expect(promptsOf(await readPairs(join(dir, 'data', 'train-*.parquet')))).toEqual(promptsOf(set));
    rmSync(join(dir, 'data/train-00001-of-00003.parquet'));
    const error = await failure(dir);
    expect(error.code).toBe('missing-shard');
    expect(error.message).toContain('train-00001-of-00003');
  });

  it('has a hash of its files', async () => {
    const files = { 'train.jsonl': jsonl([rowOf(0)]), 'test.jsonl': jsonl([rowOf(1)]) };
    const hash = async (dir: string) => (await readPairs(dir)).source.sha256;
    const before = await hash(folderOf(files));
    expect(await hash(folderOf({ ...files, 'test.jsonl': jsonl([rowOf(2)]) }))).toBe(before);
    expect(await hash(folderOf({ ...files, 'train.jsonl': jsonl([rowOf(2)]) }))).not.toBe(before);
  });

  it('takes train_prefs, train or the only split, else asks', async () => {
    const ultra = {
      'train_sft.jsonl': jsonl([rowOf(0)]),
      'train_prefs.jsonl': jsonl([rowOf(1)]),
      'test_prefs.jsonl': jsonl([rowOf(2)]),
    };
    expect((await readPairs(folderOf(ultra))).source).toMatchObject({ split: 'train_prefs' });
    expect((await readPairs(folderOf({ 'pairs.jsonl': jsonl([rowOf(1)]) }))).source.split).toBe('train');
    expect((await readPairs(folderOf({ 'validation/0.jsonl': jsonl([rowOf(1)]) }))).source.split).toBe(
      'validation',
    );
    const two = { 'dev.jsonl': jsonl([rowOf(1)]), 'test.jsonl': jsonl([rowOf(2)]) };
    expect((await failure(folderOf(two))).message).toContain('--split');
    expect((await failure(folderOf(two), { split: 'train' })).code).toBe('no-such-split');
    expect((await failure(save(jsonl([rowOf(0)]), 'x.jsonl'), { split: 'train' })).code).toBe('no-splits');
  });

  it('follows the configs of its card', async () => {
    const files = {
      'a/one.jsonl': jsonl([rowOf(1)]),
      'a/two.jsonl': jsonl([rowOf(2)]),
      'b/x.csv': csvFormat([rowOf(3)]),
    };
    const front = [
      'configs:',
      '- config_name: helpful',
      '  data_files:',
      '  - split: train',
      '    path: a/*.jsonl',
      '  - split: test',
      '    path: [a/one.jsonl]',
      '- config_name: harmless',
      '  data_files: b/*.csv',
    ].join('\n');
    const dir = folderOf({ ...files, 'README.md': card(front) });
    expect(promptsOf(await readPairs(dir, { subset: 'helpful' }))).toEqual(['question 1', 'question 2']);
    expect(promptsOf(await readPairs(dir, { subset: 'helpful', split: 'test' }))).toEqual(['question 1']);
    expect(promptsOf(await readPairs(dir, { subset: 'harmless' }))).toEqual(['question 3']);
    expect((await failure(dir)).message).toContain('--subset helpful');
    expect((await failure(dir, { subset: 'x' })).code).toBe('no-such-subset');
    const gone = folderOf({
      ...files,
      'README.md': card('configs:\n- config_name: default\n  data_files: c/*.jsonl'),
    });
    expect((await failure(gone)).message).toContain('c/*.jsonl');
    const broken = folderOf({ ...files, 'README.md': card('configs: [') });
    expect((await failure(broken)).code).toBe('bad-card');
    expect((await failure(folderOf(files))).code).toBe('mixed-files');
  });

  it('of save_to_disk says how to convert it', async () => {
    const dir = folderOf({
      'dataset_info.json': '{"features": {}}',
      'state.json': '{}',
      'data-00000-of-00001.arrow': 'x',
    });
    expect((await failure(dir)).message).toContain('to_parquet');
  });
});

describe('the folder of LLaMA-Factory', () => {
  const info = {
    words: {
      file_name: 'words.json',
      ranking: true,
      columns: { prompt: 'frage', query: 'mehr', chosen: 'gut', rejected: 'schlecht', system: 'rolle' },
    },
    turns: {
      file_name: 'turns.jsonl',
      formatting: 'sharegpt',
      ranking: true,
      columns: { messages: 'dialog', chosen: 'good', rejected: 'bad' },
      tags: { role_tag: 'wer', content_tag: 'was', user_tag: 'ich', assistant_tag: 'du', system_tag: 'amt' },
    },
    plain: { file_name: 'words.json' },
    hub: { hf_hub_url: 'a/b', ranking: true },
  };
  const turn = (wer: string, was: string) => ({ wer, was });
  const files = {
    'dataset_info.json': JSON.stringify(info),
    'words.json': JSON.stringify([{ frage: 'q', mehr: 'r', rolle: 's', gut: 'a', schlecht: 'b', extra: 1 }]),
    'turns.jsonl': jsonl([
      { dialog: [turn('amt', 's'), turn('ich', 'q')], good: turn('du', 'a'), bad: turn('du', 'b') },
      { dialog: [turn('er', 'q')], good: turn('du', 'a'), bad: turn('du', 'b') },
    ]),
  };
  const asked = (content: string): Message[] => [
    { role: 'system', content: 's' },
    { role: 'user', content },
  ];

  it('maps columns and tags as its dataset_info.json says', async () => {
    const dir = folderOf(files);
    const words = await readPairs(dir, { subset: 'words' });
    expect(words.source).toMatchObject({ format: 'llama-factory alpaca', subset: 'words' });
    expect(words.pairs[0]).toMatchObject({ prompt: asked('q\nr'), meta: { extra: 1 } });
    const turns = await readPairs(dir, { subset: 'turns' });
    expect(turns.pairs[0]).toMatchObject({
      prompt: asked('q'),
      chosen: [{ role: 'assistant', content: 'a' }],
    });
    expect(turns.refused[0]?.message).toBe('column dialog[0].wer: need ich, du, amt, got "er"');
    const other = folderOf({
      ...files,
      'dataset_info.json': JSON.stringify({ ...info, note: { file_name: 'x' } }),
    });
    expect((await readPairs(other, { subset: 'words' })).source.sha256).not.toBe(words.source.sha256);
  });

  it('says what is there where it cannot know', async () => {
    const dir = folderOf(files);
    expect((await failure(dir)).message).toContain('got "words, turns"');
    const { words, hub } = info;
    const one = folderOf({ ...files, 'dataset_info.json': JSON.stringify({ hub, words }) });
    expect((await readPairs(one)).source.subset).toBe('words');
    expect((await failure(dir, { subset: 'plain' })).code).toBe('no-ranking');
    expect((await failure(dir, { subset: 'none' })).code).toBe('no-such-subset');
    expect((await failure(dir, { subset: 'hub' })).code).toBe('file-missing');
  });
});
