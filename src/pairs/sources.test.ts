import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { csvFormat, tsvFormat } from 'd3-dsv';
import { describe, expect, it } from 'vitest';
import { readPairs } from './read.ts';
import { failure, folder, jsonl, parquet, rowOf, save } from './sources.fixture.ts';

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

  it('reads messages that are stored as a struct of lists', async () => {
    const side = (content: string) => `{role: ['user', 'assistant'], content: ['q', '${content}']}`;
    const file = await parquet(
      join(folder, 'sequence.parquet'),
      `SELECT ${side('a')} AS chosen, ${side('b')} AS rejected`,
    );
    const set = await readPairs(file);
    expect(set.source.format).toBe('implicit');
    expect(set.pairs[0]).toMatchObject({
      prompt: [{ role: 'user', content: 'q' }],
      chosen: [{ role: 'assistant', content: 'a' }],
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

  it('reads conversations that are JSON text in any source, and refuses those that are Python', async () => {
    const messages = [
      { role: 'user', content: "it's" },
      { role: 'assistant', content: 'a' },
    ];
    const side = JSON.stringify(messages);
    const other = JSON.stringify([messages[0], { role: 'assistant', content: 'b' }]);
    const set = await readPairs(save(jsonl([{ chosen: side, rejected: other }]), 'x.jsonl'));
    expect([set.source.format, set.pairs[0]?.prompt]).toEqual(['implicit', [messages[0]]]);
    const python = (content: string) =>
      `[{'role': 'user', 'content': "it's"} {'role': 'assistant', 'content': '${content}'}]`;
    const rows = [{ prompt: 'q', chosen: python('a'), rejected: python('b') }];
    for (const file of [save(csvFormat(rows), 'x.csv'), save(jsonl(rows), 'x.jsonl')]) {
      const { pairs, refused } = await readPairs(file);
      expect([pairs.length, refused[0]?.cause]).toEqual([0, 'python-text']);
      expect(refused[0]?.remedy).toContain('to_json');
    }
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

  it('lead a prompt of messages with the text of a system column', async () => {
    const user = { role: 'user', content: 'q' };
    const side = (content: string) => [{ role: 'assistant', content }];
    const system = { role: 'system', content: 's' };
    const rows = [
      [{ chosen: [user, ...side('a')], rejected: [user, ...side('b')] }],
      [{ prompt: 'q', chosen: 'a', rejected: 'b' }],
      [{ prompt: [user], chosen: 'a', rejected: 'b' }],
      [{ prompt: 'q', chosen: [user, ...side('a')], rejected: [user, ...side('b')] }],
      [{ messages: [user], chosen: side('a'), rejected: side('b') }],
      [{ prompt: [user], responses: ['a', 'b'], scores: [2, 1] }],
      [{ prompt: 'q', response_a: 'a', response_b: 'b', winner: 'a' }],
    ];
    for (const [row] of rows) {
      const { pairs } = await readPairs(save(jsonl([{ ...row, system: '', system_prompt: 's' }]), 'x.jsonl'));
      expect(pairs[0]).toMatchObject({ prompt: [system, user], chosen: side('a'), rejected: side('b') });
      expect(pairs[0]?.meta).not.toHaveProperty('system_prompt');
    }
    const led = {
      system: 'other',
      chosen: [system, user, ...side('a')],
      rejected: [system, user, ...side('b')],
    };
    const { pairs } = await readPairs(save(jsonl([led]), 'x.jsonl'));
    expect(pairs[0]).toMatchObject({ prompt: [system, user], meta: { system: 'other' } });
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
