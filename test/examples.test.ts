import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReportData } from '../src/report/data.ts';
import { readRows, scratch, unitsOf, winnowOk } from './tiny-world.ts';

// What examples/README.md says, done: what no processor's rounding can move is held to the letter.

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'examples/README.md'), 'utf8');
/** Outputs: fenced blocks without a language. */
const blocks = readme
  .split(/^```/m)
  .flatMap((part, i) => (i % 2 === 1 && part.startsWith('\n') ? [part.slice(1)] : []));
const pilot = join(root, 'examples/pilot');
const dir = scratch('examples');
const out = join(dir, 'pilot');

describe('examples/pilot', () => {
  let report: ReportData;
  beforeAll(async () => {
    const { stdout } = await winnowOk([
      'run',
      '--config',
      join(pilot, 'winnow.yaml'),
      '--out',
      out,
      '--json',
    ]);
    report = JSON.parse(stdout) as ReportData;
  }, 180_000);

  it('check says what the page says', async () => {
    const { stdout } = await winnowOk(['check', join(pilot, 'pairs.jsonl'), '--out', join(dir, 'check')]);
    expect(stdout).toContain(blocks[0]);
  });

  it('the run has its arms, its rules in the ledger, and the whole share', () => {
    expect(report.arms.map(({ name }) => name)).toEqual(['start', 'selected', 'full', 'random']);
    let weighed = 0;
    const ledger = readRows<{ decision: string; reason: string; row: number; weight?: number }>(
      out,
      'selection',
      'ledger.jsonl',
    );
    expect(ledger).toHaveLength(600);
    const dropped = ledger.filter(({ reason }) => reason.includes('contradicted ratings'));
    expect(dropped.length).toBeGreaterThan(10);
    expect(dropped.every(({ decision, row }) => decision === 'drop' && row % 37 === 5)).toBe(true);
    const kept = ledger.filter(({ decision }) => decision === 'keep');
    expect(kept).toHaveLength(384);
    // The rule that weighs: tasks of level 0 count half, in the trainings of all arms.
    const level = readRows<{ level: number }>(pilot, 'pairs.jsonl').map((pair) => pair.level);
    expect(kept.every(({ row, weight }) => (weight ?? 1) === (level[row] === 0 ? 0.5 : 1))).toBe(true);
    for (const unit of unitsOf(out, 'training')) {
      const { places } = JSON.parse(readFileSync(join(unit, 'unit.json'), 'utf8')) as {
        places: Record<string, string>;
      };
      if (places.weights !== undefined) weighed++;
    }
    expect(weighed).toBe(3);
  });

  it('a dry run tells of the rules, and writes nothing', async () => {
    const before = readFileSync(join(out, 'selection/receipt.json'), 'utf8');
    const { stdout } = await winnowOk([
      'select',
      '--out',
      out,
      '--keep',
      '0.6',
      '--dry-run',
      '--by',
      'meta.task',
    ]);
    for (const line of (blocks[1] as string).trimEnd().split('\n')) expect(stdout).toContain(line.trim());
    expect(stdout).toMatch(/288 of 480 pairs would be kept/);
    expect(readFileSync(join(out, 'selection/receipt.json'), 'utf8')).toBe(before);
  });

  it('why, review, replay and export', async () => {
    expect((await winnowOk(['why', '5', '--out', out])).stdout).toMatch(/contradicted ratings.*drop/s);
    expect((await winnowOk(['review', '--out', out, '--list'])).stdout).toMatch(
      /To look at: \d+ that rules ask for/,
    );
    expect((await winnowOk(['replay', join(out, 'selection/receipt.json')])).stdout).toMatch(
      /the same, byte for byte/,
    );
    const data = join(dir, 'data');
    expect((await winnowOk(['export', out, '--to', data])).stdout).toMatch(
      /Rules weigh pairs \(easy tasks\)/,
    );
    expect(existsSync(join(data, 'train/trl.yaml'))).toBe(true);
  });
});
