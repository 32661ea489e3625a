import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { argumentsOf, readRows, readText, tinyWorld, winnow, winnowOk } from './tiny-world.ts';

const world = tinyWorld('gates');
const out = join(world.dir, 'out');
const report = () => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
// No calibration error is below 0, so a limit below it is passed by whatever was trained.
const BEYOND = ['--set', 'gates.calibrationError.fail=-1'];

describe('a gate', () => {
  it('ends with exit code 3 when all is written, and names itself, the value, the interval and the limit', async () => {
    const ended = await winnow([...argumentsOf('run', world, { out }), '--json', ...BEYOND]);
    expect(ended.code).toBe(3);
    expect(JSON.parse(ended.stdout)).toEqual(report());
    expect(existsSync(join(out, 'report.html'))).toBe(true);
    const { error } = JSON.parse(ended.stderr.trim().split('\n').at(-1) as string);
    expect(error).toMatchObject({ kind: 'gate', code: 'gate-failed' });
    expect(error.message).toMatch(
      /^Gate failed: calibration error is \d\.\d{3} \(95% interval \d\.\d{3} … \d\.\d{3}\), the limit is −1\.000/,
    );
    const [own] = report().gates.results.filter(({ outcome }: { outcome: string }) => outcome === 'failed');
    expect(error.fields.failed).toEqual([{ gate: own.gate, ...own.value, limit: -1 }]);
  });

  it('is none by default: the same run ends well', async () => {
    const ended = await winnow([
      'report',
      '--out',
      out,
      '--quiet',
      '--set',
      'gates.calibrationError.fail=null',
    ]);
    expect(ended.code).toBe(0);
    expect(report().gates.results.map(({ outcome }: { outcome: string }) => outcome)).not.toContain('failed');
  });
});

describe('what a run tells besides', () => {
  it('labels every dropped pair once, with its evidence, and no other', () => {
    const ledger = readRows<{ id: string; decision: string }>(out, 'selection', 'ledger.jsonl');
    const dropped = ledger.filter(({ decision }) => decision === 'drop').map(({ id }) => id);
    const labels = readRows<{ id: string; label: string; reasons: string[]; outside: unknown }>(
      out,
      'selection',
      'labels.jsonl',
    );
    expect(labels.map(({ id }) => id).sort()).toEqual(dropped.sort());
    for (const { reasons, outside } of labels) {
      expect(reasons.length).toBeGreaterThan(0);
      expect(outside).not.toBeNull();
    }
    const counts = Object.values(report().dropped.counts as Record<string, number>);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(dropped.length);
    expect(JSON.parse(readText(out, 'selection', 'effects.json'))).toEqual(report().selectionEffects);
  });

  it('winnow cost: the sheet at other prices, without working anew', async () => {
    const { stdout } = await winnowOk([
      'cost',
      '--out',
      out,
      '--json',
      '--set',
      'prices.millionTrainingTokens=1000000',
    ]);
    const cost = JSON.parse(stdout);
    const { money: none, ...sheet } = report().cost;
    expect(none).toBeNull();
    const { money, ...same } = cost;
    expect(same).toEqual(sheet);
    // A price of 1 a token.
    expect(money.savedPerTraining).toBeCloseTo(sheet.finalTraining.savedTokens, 6);
    expect(sheet.finalTraining.savedTokens).toBe(
      sheet.finalTraining.fullTokens - sheet.finalTraining.keptTokens,
    );
    const missing = await winnow(['cost', '--out', join(world.dir, 'nothing')]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/no report with a cost sheet/);
  });
});
