import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { csvFormat, tsvFormat } from 'd3-dsv';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import { openDuckDb, sqlText } from './duckdb.ts';
import { pairId } from './id.ts';
import type { Message, PreferencePair } from './pair.ts';
import { type ReadPairsOptions, readPairs } from './read.ts';
import { writePairs } from './write.ts';
import { writePairsParquet } from './write-parquet.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

/** A fresh folder with these files. */
function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const dir = join(folder, String(made++));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

function save(content: string | Uint8Array, name: string): string {
  return join(folderOf({ [name]: content }), name);
}

async function failure(path: string, options: ReadPairsOptions = {}): Promise<WinnowError> {
  const error: unknown = await readPairs(path, options).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WinnowError)) throw new Error(`expected a WinnowError, got ${String(error)}`);
  expect(error.exitCode).toBe(2);
  return error;
}

const rowOf = (n: number) => ({ prompt: `question ${n}`, chosen: `good ${n}`, rejected: `bad ${n}` });
const jsonl = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const promptsOf = ({ pairs }: { pairs: readonly PreferencePair[] }) => pairs.map(({ prompt }) => prompt);

/** A Parquet file of a query. */
async function parquet(file: string, query: string): Promise<string> {
  mkdirSync(dirname(file), { recursive: true });
  const { connection, close } = await openDuckDb();
  await connection.run(`COPY (${query}) TO ${sqlText(file)} (FORMAT parquet)`);
  close();
  return file;
}

function pairOf(
  prompt: PreferencePair['prompt'],
  chosen: PreferencePair['chosen'],
  rejected: PreferencePair['rejected'],
  meta = {},
) {
  return { id: pairId(prompt, chosen, rejected), row: 0, prompt, chosen, rejected, meta };
}

describe('Parquet', () => {
  it('keeps lists of messages native, and numbers, times and texts as JSON could hold them', async () => {
    const message = (role: string, content: string) => `{role: '${role}', content: '${content}'}`;
    const file = await parquet(
      join(folder, 'types.parquet'),
      `SELECT 'p' AS prompt, 'p1' AS prompt_id, [${message('user', 'p')}, ${message('assistant', 'a')}] AS chosen,
         [${message('user', 'p')}, ${message('assistant', 'b')}] AS rejected,
         [${message('user', 'p')}, ${message('assistant', 'a')}] AS messages,
         8.5::DOUBLE AS score_chosen, 7::BIGINT AS score_rejected, 9007199254740993::BIGINT AS big,
         true AS flag, ['x', 'y'] AS tags, TIMESTAMP '2024-01-02 03:04:05' AS made, 'ab'::BLOB AS raw, NULL AS nothing`,
    );
    const { pairs, source } = await readPairs(file);
    expect(source.format).toBe('explicit');
    expect(pairs[0]).toMatchObject({
      prompt: [{ role: 'user', content: 'p' }],
      chosen: [{ role: 'assistant', content: 'a' }],
      rejected: [{ role: 'assistant', content: 'b' }],
    });
    expect(pairs[0]?.meta).toEqual({
      prompt_id: 'p1',
      score_chosen: 8.5,
      score_rejected: 7,
      big: '9007199254740993',
      flag: true,
      tags: ['x', 'y'],
      made: '2024-01-02T03:04:05.000Z',
      raw: { bytes: 2 },
      nothing: null,
    });
  });

  it('keeps the order of many rows over row groups, and stops where the limit is', async () => {
    const file = await parquet(
      join(folder, 'many.parquet'),
      `SELECT 'q' || i AS prompt, 'a' || i AS chosen, 'b' || i AS rejected FROM range(300000) t(i)`,
    );
    const set = await readPairs(file, { limit: 250_000 });
    expect(set.read).toBe(250_000);
    expect(set.pairs.every(({ row, prompt }) => prompt === `q${row}`)).toBe(true);
  });

  it('names files that are cut short, damaged, empty or none', async () => {
    const whole = readFileSync(
      await parquet(join(folder, 'whole.parquet'), `SELECT 'q' AS prompt, 'a' AS chosen, 'b' AS rejected`),
    );
    for (const bytes of [whole.subarray(0, whole.length - 9), whole.subarray(0, 20), whole.subarray(0, 4)]) {
      expect((await failure(save(bytes, 'x.parquet'))).code).toBe('bad-parquet');
    }
    const damaged = Buffer.from(whole);
    damaged.fill(0x7f, whole.length - 60, whole.length - 10);
    expect((await failure(save(damaged, 'x.parquet'))).code).toBe('bad-parquet');
    expect((await failure(save(jsonl([rowOf(0)]), 'x.parquet'))).message).toContain('PAR1');
  });
});

describe('CSV and TSV', () => {
  const rows = [rowOf(0), { prompt: 'a "b", c\nd', chosen: 'é\u2028', rejected: ' x ' }, rowOf(2)];
  it.each([
    ['CSV', csvFormat(rows), 'x.csv'],
    [
      'CRLF and a byte-order mark',
      `\uFEFF${csvFormat(rows).replace(/\n(?=question)/g, '\r\n')}\r\n`,
      'x.csv',
    ],
    ['TSV', tsvFormat(rows), 'x.tsv'],
    ['tabs in a .csv', tsvFormat(rows), 'x.csv'],
    ['semicolons', csvFormat(rows).replaceAll(/(?<=\w),(?=\w)|(?<="),(?=")/g, ';'), 'x.csv'],
    ['gzip', gzipSync(csvFormat(rows)), 'x.csv.gz'],
    ['blank lines', csvFormat(rows).replaceAll('\nquestion', '\n\nquestion'), 'x.csv'],
  ])('reads %s', async (name, content, file) => {
    const expected = name === 'semicolons' ? [rows[0], rows[2]] : rows;
    const path = save(
      name === 'semicolons' ? csvFormat([rowOf(0), rowOf(2)]).replaceAll(',', ';') : content,
      file,
    );
    const { pairs } = await readPairs(path);
    expect(pairs.map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected }))).toEqual(expected);
  });

  it('reads messages and lists that are written as JSON, and leaves texts that look like JSON', async () => {
    const chosen = JSON.stringify([{ role: 'assistant', content: 'a' }]);
    const content = csvFormat([
      { prompt: 'q', chosen, rejected: JSON.stringify({ role: 'assistant', content: 'b' }), n: '1' },
    ]);
    expect((await readPairs(save(content, 'x.csv'))).pairs[0]).toMatchObject({
      prompt: [{ role: 'user', content: 'q' }],
      chosen: [{ role: 'assistant', content: 'a' }],
      meta: { n: '1' },
    });
    const json = csvFormat([{ prompt: '[1, 2]', chosen: '{"a": 1}', rejected: '[{"b": 2}]' }]);
    expect((await readPairs(save(json, 'x.csv'))).pairs[0]).toMatchObject({
      prompt: '[1, 2]',
      chosen: '{"a": 1}',
    });
    const rated = csvFormat([{ prompt: 'q', responses: '["x", "y"]', scores: '[1, 2]' }]);
    expect((await readPairs(save(rated, 'x.csv'))).pairs[0]?.chosen).toEqual([
      { role: 'assistant', content: 'y' },
    ]);
  });

  it('names the line of a fault', async () => {
    const head = 'prompt,chosen,rejected\nq,a,b\n';
    const faults: [content: string, line: number, what: string][] = [
      [`${head}"q\n2,a,b\nq3,a,b\n`, 3, 'never closed'],
      [`${head}"q" 2,a,b\n`, 3, 'follows a closing quote'],
      [`${head}"two\nlines",a,b\nq,a\n`, 5, 'another number of cells'],
      [`${head}q,a,b,c\n`, 3, 'another number of cells'],
      ['prompt,chosen,prompt\nq,a,b\n', 1, 'same name'],
    ];
    for (const [content, line, what] of faults) {
      const error = await failure(save(content, 'x.csv'));
      expect([error.code, error.fields.line]).toEqual(['bad-csv', line]);
      expect(error.message).toContain(what);
    }
    const latin = Buffer.from(`${head}caf\xe9,a,b\n`, 'latin1');
    expect((await failure(save(latin, 'x.csv'))).code).toBe('bad-utf8');
    expect((await failure(save(Buffer.from(`\uFEFF${head}`, 'utf16le'), 'x.csv'))).code).toBe('bad-utf8');
    for (const empty of ['', 'prompt,chosen,rejected\n']) {
      expect((await failure(save(empty, 'x.csv'))).code).toBe('empty-file');
    }
  });
});

describe('files of other kinds', () => {
  it('are told by their first bytes', async () => {
    const magic: [bytes: string, what: string][] = [
      ['PK\x03\x04', 'Excel'],
      ['ARROW1', 'Arrow'],
      ['\x28\xb5\x2f\xfd', 'Zstandard'],
      ['version https://git-lfs.github.com/spec/v1', 'git lfs pull'],
    ];
    for (const [bytes, what] of magic) {
      for (const name of ['x.jsonl', 'x.parquet']) {
        const error = await failure(save(Buffer.from(bytes, 'latin1'), name));
        expect(error.code).toBe('other-kind');
        expect(error.message).toContain(what);
      }
    }
  });
});

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
    expect((await failure(dir)).message).toContain('words, turns, hub');
    expect((await failure(dir, { subset: 'plain' })).code).toBe('no-ranking');
    expect((await failure(dir, { subset: 'none' })).code).toBe('no-such-subset');
    expect((await failure(dir, { subset: 'hub' })).code).toBe('file-missing');
  });
});

describe('formats', () => {
  it('a wrong one, and several in one file, are errors that name the row', async () => {
    const openai = {
      input: { messages: [{ role: 'user', content: 'q' }] },
      preferred_output: [{ role: 'assistant', content: 'a' }],
      non_preferred_output: [{ role: 'assistant', content: 'b' }],
    };
    const file = save(jsonl([openai, openai]), 'x.jsonl');
    const wrong = await failure(file, { format: 'explicit' });
    expect([wrong.code, wrong.fields.row]).toEqual(['wrong-format', 0]);
    expect(wrong.message).toContain('--format openai');
    const mixed = await failure(save(jsonl([rowOf(0), rowOf(1), openai]), 'x.jsonl'));
    expect([mixed.code, mixed.fields.row]).toEqual(['mixed-formats', 2]);
    expect((await readPairs(file, { format: 'openai' })).pairs.length).toBe(1);
  });

  it('are told from the first row that speaks for one; those before it are refused', async () => {
    const set = await readPairs(save(jsonl([null, { x: 1 }, rowOf(2)]), 'x.jsonl'));
    expect([set.source.format, set.pairs.length, set.refused.length]).toEqual(['explicit', 1, 2]);
  });

  it('read columns under other names', async () => {
    const rows = [{ frage: 'q', gut: 'a', schlecht: 'b', prompt: 'not this one', n: 1 }];
    const columns = { prompt: 'frage', chosen: 'gut', rejected: 'schlecht' };
    const set = await readPairs(save(jsonl(rows), 'x.jsonl'), { columns });
    expect(set.pairs[0]).toMatchObject({ prompt: 'q', chosen: 'a', rejected: 'b', meta: { n: 1 } });
    expect(set.source.columns).toEqual(columns);
    expect((await failure(save(jsonl(rows), 'x.jsonl'), { columns: { prompt: 'no' } })).message).toContain(
      'frage, gut',
    );
  });

  it('refuse rows with tools and media, and take empty ones', async () => {
    const rows = [
      { ...rowOf(0), tools: '[]', images: [] },
      { ...rowOf(1), tools: [{ name: 'f' }] },
      { ...rowOf(2), images: ['x.png'] },
      { ...rowOf(3), tools: '[{"name": "f"}]' },
    ];
    const { pairs, refused } = await readPairs(save(jsonl(rows), 'x.jsonl'));
    expect(pairs.length).toBe(1);
    expect(refused.map(({ cause }) => cause)).toEqual(['tools', 'media', 'tools']);
  });

  it('of ratings say by which rule', async () => {
    const rows = [0, 1].map((n) => ({
      instruction: `q${n}`,
      completions: [3, 1, 2].map((score) => ({ response: `a${score}`, score })),
    }));
    const file = save(jsonl(rows), 'x.jsonl');
    const set = await readPairs(file);
    expect(set.notes).toEqual(['pairs were made of ratings: the best answer of a row against its worst']);
    const all = await readPairs(file, { ratings: { pairs: 'all', minGap: 2, seed: 1 } });
    expect(all.pairs.map(({ row, meta }) => [row, meta.score_chosen, meta.score_rejected])).toEqual([
      [0, 3, 1],
      [1, 3, 1],
    ]);
  });
});

describe('a round trip', () => {
  // Half characters stand in JSON alone, and are tested there (ids.test.ts).
  const text = fc.string({
    unit: fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
      fc.constantFrom('"', ',', '\n', '\r', '\t', ';', '\u0000', '\u2028', '\\', "'", '{', '[', '語'),
    ),
    maxLength: 12,
  });
  const said = text.map((part) => `x${part}`);
  const message = fc.record({ role: fc.constantFrom('assistant', 'a "role"'), content: said });
  const asked = fc.record({ role: fc.constant('user'), content: said });
  const meta = fc.dictionary(
    fc.stringMatching(/^[a-z_]{1,8}$/),
    fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text, { maxLength: 3 })),
    { maxKeys: 3 },
  );
  const texts = fc.record({
    prompt: said,
    chosen: said.map((s) => `a${s}`),
    rejected: said.map((s) => `b${s}`),
    meta,
  });
  const conversation = fc.record({
    prompt: fc.array(asked, { minLength: 1, maxLength: 3 }),
    chosen: message.map((m) => [{ ...m, content: `a${m.content}` }]),
    rejected: message.map((m) => [{ ...m, content: `b${m.content}` }]),
    meta,
  });
  const unique = (list: readonly PreferencePair[]) => [
    ...new Map(list.map((pair) => [pair.id, pair])).values(),
  ];
  const pairs = fc
    .oneof(
      fc.array(texts, { minLength: 1, maxLength: 6 }),
      fc.array(conversation, { minLength: 1, maxLength: 6 }),
    )
    .map((list) => unique(list.map((item) => pairOf(item.prompt, item.chosen, item.rejected, item.meta))));

  it('as JSONL and Parquet gives the same ids and meta', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (list) => {
        const [lines, columns] = [join(folder, 'trip.jsonl'), join(folder, 'trip.parquet')];
        writePairs(lines, list);
        await writePairsParquet(columns, list);
        for (const file of [lines, columns]) {
          const set = await readPairs(file, { format: 'explicit' });
          expect(set.refused).toEqual([]);
          expect(set.pairs.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
          expect(set.pairs.map((pair) => pair.meta)).toEqual(list.map((pair) => pair.meta));
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  }, 60_000);

  it('as CSV and TSV gives the same ids', async () => {
    const cell = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
    await fc.assert(
      fc.asyncProperty(pairs, fc.constantFrom('csv', 'tsv'), async (list, kind) => {
        const file = join(folder, `trip.${kind}`);
        const rows = list.map(({ prompt, chosen, rejected }) => ({
          prompt: cell(prompt),
          chosen: cell(chosen),
          rejected: cell(rejected),
        }));
        writeFileSync(file, (kind === 'csv' ? csvFormat : tsvFormat)(rows));
        const set = await readPairs(file, { format: 'explicit' });
        expect(set.refused).toEqual([]);
        expect(set.pairs.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
      }),
      { numRuns: 150, seed: 1 },
    );
  }, 60_000);

  it('as Parquet has equal bytes, and refuses what Parquet cannot hold', async () => {
    const list = [pairOf('q', 'a', 'b', { n: 1.5 }), pairOf('r', 'a', 'b', { n: [1] })];
    const [one, two] = [join(folder, 'one.parquet'), join(folder, 'two.parquet')];
    await writePairsParquet(one, list);
    await writePairsParquet(two, list);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
    const message = (content: string) => [{ role: 'user', content }];
    const mixed = [...list, pairOf(message('q'), message('a'), message('b'))];
    await expect(writePairsParquet(two, mixed)).rejects.toMatchObject({ code: 'mixed-texts' });
    await expect(writePairsParquet(two, [pairOf('q', 'a\ud800', 'b')])).rejects.toMatchObject({
      code: 'lone-surrogate',
    });
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
    await writePairsParquet(two, [pairOf('\\ud800', 'a', 'b')]);
    expect(promptsOf(await readPairs(two))).toEqual(['\\ud800']);
  });
});
