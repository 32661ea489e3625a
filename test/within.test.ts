import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DifficultyRow } from '../src/difficulty/scores.ts';
import type { ReportData } from '../src/report/data.ts';
import { argumentsOf, readRows, readText, tinyPairs, tinyWorld, winnowOk, writeRows } from './tiny-world.ts';

// Computed anew from the files of the run alone, as in whole-way.test.ts.

const world = tinyWorld('within');
const out = join(world.dir, 'out');
const data = join(world.dir, 'sources.jsonl');
const ARMS = ['selected', 'random', 'length-matched', 'shortest'];
/** A third of one source, a sixth without any. */
const SOURCES = ['forum', 'manual', 'forum', 'manual', 'exam', undefined];

beforeAll(async () => {
  const rows = tinyPairs().map((pair, row) => ({ ...pair, source: SOURCES[row % SOURCES.length] }));
  writeRows(data, rows);
  const options = { out, seeds: 1, arms: ARMS.join(), more: ['--within', 'meta.source', '--quiet'] };
  await winnowOk(argumentsOf('run', { ...world, data }, options));
});

interface Tokens {
  readonly id: string;
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}
interface Selection {
  readonly selection: {
    readonly within?: string;
    readonly strata?: readonly { readonly name: string; readonly pairs: number; readonly kept: number }[];
  };
  readonly keptIds: string;
}

const difficulties = () => readRows<DifficultyRow>(out, 'difficulty.jsonl');
const receipt = () => JSON.parse(readText(out, 'selection', 'receipt.json')) as Selection;
const selectedRows = () => readRows<{ id: string; rank: number }>(out, 'selection', 'selected.jsonl');
const order = (arm: string) => readRows<string>(out, 'arms', arm, 'order.jsonl');
const sources = () =>
  new Map(
    readRows<{ id: string; meta: { source?: string } }>(out, 'pairs.jsonl').map(({ id, meta }) => [
      id,
      meta.source ?? 'none',
    ]),
  );
const tally = (names: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = 1 + (counts[name] ?? 0);
  return counts;
};

describe('winnow run --within meta.source', () => {
  it('keeps half of every source, its easiest, and trains from easy to hard over all', () => {
    const source = sources();
    const rows = difficulties();
    const kept = new Set(selectedRows().map(({ id }) => id));
    expect(kept.size).toBe(Math.floor(rows.length / 2));
    for (const name of ['forum', 'manual', 'exam', 'none']) {
      const own = rows.filter(({ id }) => source.get(id) === name).sort((a, b) => a.rank - b.rank);
      const easiest = own.filter(({ id }) => kept.has(id));
      expect(own.slice(0, easiest.length)).toEqual(easiest);
      expect(Math.abs(easiest.length - (own.length * kept.size) / rows.length)).toBeLessThan(1);
    }
    const ranks = selectedRows().map(({ rank }) => rank);
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
    expect(order('selected')).toEqual([...kept]);
    // It is another selection than the easiest half of all.
    expect(Math.max(...ranks)).toBeGreaterThan(kept.size);
  });

  it('says so in ledger, receipt and report', () => {
    const { within, strata = [] } = receipt().selection;
    expect(within).toBe('meta.source');
    const source = sources();
    const pool = difficulties().map(({ id }) => source.get(id) as string);
    const kept = selectedRows().map(({ id }) => source.get(id) as string);
    const told = (key: 'pairs' | 'kept') =>
      Object.fromEntries(
        strata.map((one) => [
          one.name.replace('meta.source missing', 'none').replace(/.*"(.*)"/, '$1'),
          one[key],
        ]),
      );
    expect(told('pairs')).toEqual(tally(pool));
    expect(told('kept')).toEqual(tally(kept));
    const ledger = readRows<{ decision: string; reason: string }>(out, 'selection', 'ledger.jsonl');
    for (const { reason } of ledger.filter(({ decision }) => decision === 'keep' || decision === 'drop'))
      expect(reason).toMatch(
        /^rank \d+ of \d+, rank \d+ of \d+ within meta\.source ("\w+"|missing): (not )?one of the easiest \d+ there/,
      );
    const report = JSON.parse(readText(out, 'report.json')) as ReportData;
    expect(report.selection.within).toBe('meta.source');
    expect(report.arms.map(({ name }) => name)).toEqual(['start', ...ARMS]);
    const page = readText(out, 'report.html');
    for (const text of ['random, same lengths', '短い回答のみ（同数）', 'meta.source'])
      expect(page).toContain(text);
  });

  it('trains as many pairs in the controls: of the same sources, of like lengths, or the shortest', () => {
    const source = sources();
    const count = selectedRows().length;
    for (const arm of ARMS) expect(new Set(order(arm)).size).toBe(count);
    expect(tally(order('random').map((id) => source.get(id) as string))).toEqual(
      tally(order('selected').map((id) => source.get(id) as string)),
    );
    const length = lengths();
    const chosen = (id: string) => length.get(id)?.chosen.length as number;
    const longest = Math.max(...order('shortest').map(chosen));
    const left = difficulties().filter(({ id }) => !order('shortest').includes(id));
    expect(Math.min(...left.map(({ id }) => chosen(id)))).toBeGreaterThanOrEqual(longest);
    const gap = (ids: readonly string[]) =>
      ids.reduce((sum, id) => sum + chosen(id) - (length.get(id)?.rejected.length as number), 0) / ids.length;
    const spread = gap(order('length-matched')) - gap(order('selected'));
    expect(Math.abs(spread)).toBeLessThan(2);
  });

  it('goes on from the same scores within lengths, and within none as if there had never been strata', async () => {
    const scores = readText(out, 'scores.jsonl');
    const select = async (within: string) =>
      JSON.parse((await winnowOk(['select', '--out', out, '--json', '--within', within])).stdout);
    const kept = Math.floor(difficulties().length / 2);
    expect(await select('length')).toMatchObject({ within: 'length', kept });
    const { strata = [] } = receipt().selection;
    expect(strata.length).toBeGreaterThan(1);
    for (const one of strata) {
      expect(one.name).toMatch(/^length difference -?\d+/);
      expect(Math.abs(one.kept - (one.pairs * kept) / difficulties().length)).toBeLessThan(1);
    }
    expect(await select('none')).not.toHaveProperty('within');
    expect(receipt().selection).toEqual({ keepFraction: 0.5, direction: 'easiest', seed: 7 });
    expect(selectedRows().map(({ rank }) => rank)).toEqual(Array.from({ length: kept }, (_, i) => i + 1));
    expect(readText(out, 'scores.jsonl')).toBe(scores);
  });

  function lengths(): Map<string, Tokens> {
    const [file] = readdirSync(join(out, 'inputs')).filter((name) => name.startsWith('tokens-'));
    return new Map(readRows<Tokens>(out, 'inputs', file as string).map((row) => [row.id, row]));
  }
});
