import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Outlook } from '../src/difficulty/outlook.ts';
import type { ReportData } from '../src/report/data.ts';
import { CLI } from './tiny-world.ts';

interface DemoResult {
  readonly dataSets: readonly {
    readonly name: string;
    readonly outlook: Outlook;
    readonly report: ReportData;
  }[];
  readonly seconds: number;
}

const dir = mkdtempSync(join(tmpdir(), 'winnow-demo-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const demo = (...flags: string[]) =>
  spawnSync(process.execPath, [CLI, 'demo', ...flags], { encoding: 'utf8', timeout: 600_000 });

it('refuses a wrong flag before it makes anything', () => {
  const out = join(dir, 'wrong');
  const { status, stderr } = demo('--keep', '1.5', '--out', out);
  expect(status).toBe(2);
  expect(stderr).toMatch(/1\.5/);
  expect(existsSync(out)).toBe(false);
});

describe.skipIf(process.env.WINNOW_LAB !== '1')('the demo (WINNOW_LAB=1)', () => {
  it('says what to expect of two data sets, and what came of it', () => {
    const out = join(dir, 'demo');
    const { status, stdout, stderr } = demo('--json', '--quiet', '--out', out);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { dataSets } = JSON.parse(stdout) as DemoResult;
    expect(dataSets.map(({ name }) => name)).toEqual(['conflict', 'neutral']);
    const [conflict, neutral] = dataSets as [DemoResult['dataSets'][0], DemoResult['dataSets'][0]];
    const gain = ({ report }: typeof conflict) =>
      report.comparisons.find(({ b, metric }) => b === 'full' && metric === 'winRate')?.difference.value ?? 0;
    // The lab's mean difference of the two gains is far beyond what seeds differ by: docs/lab.md.
    expect(gain(conflict)).toBeGreaterThan(gain(neutral));
    expect(conflict.outlook.predicted ?? 0).toBeGreaterThan(neutral.outlook.predicted ?? 0);
    for (const { name, report } of dataSets) {
      expect(report.selection.keepFraction).toBe(0.8);
      expect(existsSync(join(out, name, 'report.html'))).toBe(true);
    }
  }, 600_000);
});
