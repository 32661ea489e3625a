import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ScoreComparison } from '../src/difficulty/compare-scores.ts';
import type { StandIn } from '../src/difficulty/stand-in.ts';
import { argumentsOf, readRows, scratch, tinyWorld, winnow, winnowOk } from './tiny-world.ts';

const dir = scratch('scores-cli');
const csv = (name: string, scoreOf: (i: number) => number, n = 40) => {
  const path = join(dir, name);
  const lines = Array.from({ length: n }, (_, i) => `id${i},${scoreOf(i)}`);
  writeFileSync(path, gzipSync(`prompt_id,learning_order\n${lines.join('\n')}\n`));
  return path;
};
const up = csv('up.csv.gz', (i) => i / 40);
const bent = csv('bent', (i) => (i / 40) ** 3);
const down = csv('down', (i) => -i, 30);

describe('winnow scores', () => {
  it('compare: the numbers of hand-made files', async () => {
    const { stdout } = await winnowOk(['scores', 'compare', up, bent, '--json']);
    expect(JSON.parse(stdout) as ScoreComparison).toMatchObject({
      n: 40,
      spearman: 1,
      jaccardEasiest: 1,
      easyAgreement: 1,
      difficultAgreement: 1,
      // i/40 < ln 2 for i up to 27; its cube for i up to 35.
      shareBelowLn2: { a: 28 / 40, b: 36 / 40 },
    });
    const other = await winnowOk(['scores', 'compare', up, down, '--at', '0.5,0.2', '--json']);
    expect(JSON.parse(other.stdout) as ScoreComparison).toMatchObject({
      n: 30,
      onlyInA: 10,
      onlyInB: 0,
      spearman: -1,
      easyAgreement: 0,
      difficultAgreement: 9 / 15,
    });
    expect((await winnowOk(['scores', 'compare', up, bent])).stdout).toMatch(/Spearman 1\.000/);
  });

  it.each([
    ['a missing file', ['compare', up, join(dir, 'missing')], /no such file/],
    ['a share above 1', ['compare', up, bent, '--at', '1.5'], /takes a share/],
    ['three shares', ['compare', up, bent, '--at', '0.1,0.2,0.3'], /takes a share/],
    ['a small sample', ['transfer', up, csv('few', (i) => i, 5)], /too few pairs/],
    ['no run', ['surrogate', '--out', join(dir, 'no-run')], /no run here/],
  ])('%s ends with code 2', async (_, args, message) => {
    const { code, stderr } = await winnow(['scores', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it('transfer: a monotone stand-in may be used, a turned one not', async () => {
    const of = async (small: string, large: string) =>
      JSON.parse((await winnowOk(['scores', 'transfer', small, large, '--json'])).stdout) as StandIn;
    expect(await of(bent, up)).toMatchObject({ n: 40, use: 'yes' });
    expect(await of(down, up)).toMatchObject({ n: 30, use: 'no', easyFoundHard: { value: 6 / 15 } });
  });

  it('surrogate: of a run that was scored, and of a sample of it; its file selects', async () => {
    const world = tinyWorld('surrogate');
    const out = join(world.dir, 'out');
    await winnowOk(argumentsOf('score', world, { out, more: ['--quiet'] }));
    const args = ['scores', 'surrogate', '--out', out, '--share', '0.5', '--quiet', '--json'];
    const found = JSON.parse((await winnowOk(args)).stdout) as {
      test: StandIn;
      pairs: number;
      learned: number;
    };
    const rows = readRows<{ id: string; rank: number }>(out, 'surrogate.jsonl');
    expect(rows.map(({ id }) => id)).toEqual(
      readRows<{ id: string }>(out, 'difficulty.jsonl').map(({ id }) => id),
    );
    expect(found.pairs).toBe(rows.length);
    expect(found.test.n + found.learned).toBe(rows.length);
    const by = ['--quiet', '--scorer', 'file', '--scores-file', join(out, 'surrogate.jsonl')];
    const other = join(world.dir, 'by-surrogate');
    await winnowOk(argumentsOf('select', world, { out: other, more: by }));
    expect(readRows<{ rank: number }>(other, 'difficulty.jsonl').map(({ rank }) => rank)).toEqual(
      rows.map(({ rank }) => rank),
    );
  });
});
