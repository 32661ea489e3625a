import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import type { CheckData } from '../src/report/check-data.ts';
import { argumentsOf, scratch, tinyWorld, winnow, winnowOk, writeRows } from './tiny-world.ts';

const dir = scratch('check');
const at = (name: string) => join(dir, name);
const pair = (i: number, more: object = {}) => ({
  prompt: `What is ${i} and ${i}?`,
  chosen: `It is ${2 * i}, and I am sure of it.`,
  rejected: `No idea about ${i}.`,
  ...more,
});

type Told = CheckData & { readonly findings: readonly { readonly en: string; readonly ja: string }[] };

async function check(data: string, ...more: readonly string[]): Promise<Told> {
  const out = at(`out-${Math.abs(data.length * 31 + more.length)}-${existsSync(data)}`);
  return JSON.parse((await winnowOk(['check', data, '--out', out, '--json', ...more])).stdout) as Told;
}

describe('winnow check', () => {
  it('needs no model: refused rows, contradictions, ratings and shortcuts, on the page and as JSON', async () => {
    const rows = [
      ...Array.from({ length: 30 }, (_, i) =>
        pair(i, { source: i % 3 ? 'web' : 'lab', score_chosen: 5, score_rejected: i === 7 ? 6 : 2 }),
      ),
      { ...pair(3), chosen: pair(3).rejected, rejected: pair(3).chosen },
      { ...pair(40), rejected: '' },
      pair(5),
    ];
    const data = writeRows(at('data.jsonl'), rows);
    const out = at('run');
    const { stdout } = await winnowOk(['check', data, '--out', out]);
    expect(stdout).toMatch(
      /31 of 33 rows can be used; the data have 30 different prompts\. \d things to\s+look at/,
    );
    expect(stdout).toMatch(/2 pairs contradict another.*rows 3 and 30/s);
    expect(stdout).toMatch(/score_chosen is below score_rejected in 1 of 30 pairs .*row 7/s);
    expect(stdout).toMatch(/Form alone tells the chosen answer/);
    expect(stdout).toMatch(/row 31: empty-rejected.*row 32: duplicate/s);
    expect(stdout).toMatch(/Without --model nothing is said of tokens/);
    expect(stdout).not.toMatch(/NaN|undefined|null/);
    const told = JSON.parse(readFileSync(join(out, 'check.json'), 'utf8')) as CheckData;
    expect(told).toMatchObject({
      read: 33,
      used: 31,
      refused: 2,
      model: null,
      tokens: null,
      refusedBy: { 'empty-rejected': 1, duplicate: 1 },
    });
    expect(told.survey.meta.categories[0]).toMatchObject({ column: 'source', values: { web: 20, lab: 10 } });
    expect(readFileSync(join(out, 'refused.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
    const { document } = parseHTML(readFileSync(join(out, 'check.html'), 'utf8'));
    const texts = (lang: string) =>
      [...document.querySelectorAll(`main [lang=${lang}]`)].map((node) => node.textContent);
    expect(texts('en')).toHaveLength(texts('ja').length);
    expect(texts('ja').join('')).toMatch(/矛盾しています/);
    // The run folder can be gone on with.
    expect((await winnowOk(['check', data, '--out', out, '--lang', 'ja'])).stdout).toMatch(
      /33 行のうち 31 行が使用可能/,
    );
  });

  it('under a model: tokens, cut prompts, special tokens in texts, and the cost of a pilot', async () => {
    const world = tinyWorld('check-world');
    const rows = Array.from({ length: 12 }, (_, i) => pair(i));
    const data = writeRows(at('model.jsonl'), [...rows, { ...pair(20), chosen: 'Fine.</s> More' }]);
    const { stdout } = await winnowOk(
      argumentsOf('check', { ...world, data }, { out: at('with-model'), more: ['--json'] }),
    );
    const told = JSON.parse(stdout) as Told;
    expect(told.model).not.toBeNull();
    expect(told.tokens?.chosen?.min).toBeGreaterThan(0);
    const { pool, heldOut } = told.split as { pool: number; heldOut: number };
    expect(pool + heldOut).toBe(told.used);
    const { trained, scored } = (told.tokens as NonNullable<Told['tokens']>).cost;
    expect(trained).toBeGreaterThan(told.tokens?.total ?? 0);
    expect(scored).toBeGreaterThan(told.tokens?.total ?? 0);
    expect(told.findings.map(({ en }) => en).join('\n')).toMatch(/A run as configured trains on/);
  });

  it.each([
    ['one row', [pair(1)], 1],
    ['three rows', [pair(1), pair(2), pair(3)], 3],
    ['no row that can be used', [{ prompt: 'p', chosen: 'same', rejected: 'same' }], 0],
    [
      'Japanese rows',
      [{ prompt: '天気は？', chosen: '晴れです。', rejected: '申し訳ありませんが、お答えできません。' }],
      1,
    ],
  ])('%s', async (name, rows, used) => {
    const data = writeRows(at(`${name.replaceAll(' ', '-')}.jsonl`), rows);
    const { stdout } = await winnowOk([
      'check',
      data,
      '--out',
      at(`of-${name.replaceAll(' ', '-')}`),
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ used, read: rows.length });
    expect(stdout).not.toMatch(/NaN|Infinity/);
  });

  it('the same command gives the same, byte for byte', async () => {
    const data = writeRows(
      at('again.jsonl'),
      Array.from({ length: 40 }, (_, i) => pair(i)),
    );
    const [one, two] = [await check(data), await check(data)];
    expect(JSON.stringify(one)).toBe(JSON.stringify(two));
  });

  it('refuses what is no data', async () => {
    const ended = await winnow(['check', at('nowhere.jsonl'), '--out', at('none')]);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(/nowhere\.jsonl/);
    expect(existsSync(at('none/check.json'))).toBe(false);
    const unnamed = await winnow(['check', '--out', at('unnamed')]);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toMatch(/data is not given/);
  });
});
