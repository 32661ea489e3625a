import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DifficultyRow } from '../src/difficulty/scores.ts';
import {
  argumentsOf,
  REFUSED,
  readRows,
  readScores,
  readText,
  stateOf,
  tinyPairs,
  tinyWorld,
  winnowOk,
} from './tiny-world.ts';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the verbs alone, one after the other', () => {
  const world = tinyWorld('verbs');
  const folder = join(world.dir, 'run');
  const first = argumentsOf('check', world, {
    out: folder,
    arms: 'selected,random',
    more: ['--checkpoints', '5', '--json'],
  });
  // Each later verb goes on with what the run folder was last used with.
  const later = async (verb: string, ...more: string[]) => {
    const before = stateOf(folder);
    const { stdout, stderr } = await winnowOk([verb, '--out', folder, '--json', ...more]);
    const after = stateOf(folder);
    // What is done stays as it is.
    expect(after).toMatchObject(before);
    expect(stderr).not.toContain('{"');
    return { told: JSON.parse(stdout), fresh: Object.keys(after).filter((name) => !(name in before)) };
  };
  const kinds = (ids: readonly string[]) => {
    const counts: Record<string, number> = {};
    for (const kind of ids.map((id) => id.replace(/-[0-9a-f]{16}$/, '')))
      counts[kind] = 1 + (counts[kind] ?? 0);
    return counts;
  };

  it('check, score, select, train, evaluate, report', async () => {
    const checked = JSON.parse((await winnowOk(first)).stdout);
    expect(checked).toMatchObject({ read: tinyPairs().length, refused: 3, refusedBy: REFUSED });
    expect(stateOf(folder)).toEqual({});

    const scored = await later('score');
    expect(kinds(scored.fresh)).toEqual({ reference: 1, scoring: 4 });
    expect(scored.told).toMatchObject({ pairs: checked.pool, reliability: { between: 'seeds' } });
    const { learned, unclear, against } = scored.told.profile.suspicions;
    expect(learned + unclear + against).toBeCloseTo(1, 9);
    expect(scored.told.profile).toMatchObject({ pairs: checked.pool, tenths: { length: 10 } });
    const scores = readScores(folder);
    expect(scores).toHaveLength(checked.pool * 2 * 5);
    for (const id of new Set(scores.map((row) => row.id))) {
      const own = scores.filter((row) => row.id === id);
      expect(own.map(({ seed, checkpoint }) => `${seed}/${checkpoint}`)).toEqual(
        [7, 8].flatMap((seed) => [1, 2, 3, 4, 5].map((checkpoint) => `${seed}/${checkpoint}`)),
      );
      const found = readRows<DifficultyRow>(folder, 'difficulty.jsonl').find((row) => row.id === id);
      expect(found).toMatchObject({
        n: 10,
        difficulty: expect.closeTo(mean(own.map(({ loss }) => loss)), 12),
      });
    }

    const selected = await later('select', '--keep', '0.3');
    const kept = Math.floor(0.3 * checked.pool);
    expect(selected.told).toMatchObject({ keepFraction: 0.3, kept, dropped: checked.pool - kept });
    expect(selected.fresh).toEqual([]);
    expect(readText(folder, 'scores.jsonl')).toBe(scores.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(existsSync(join(folder, 'arms'))).toBe(false);

    const trained = await later('train');
    expect(kinds(trained.fresh)).toEqual({ training: 2 });
    expect(trained.told).toMatchObject([
      { name: 'selected', pairs: kept, order: 'easy to hard' },
      { name: 'random', pairs: kept, order: 'shuffled' },
    ]);
    expect(existsSync(join(folder, 'report.json'))).toBe(false);

    const evaluated = await later('evaluate');
    expect(kinds(evaluated.fresh)).toEqual({ 'held-out': 2, answers: 3 });
    const reported = await later('report');
    expect(reported.fresh).toEqual([]);
    expect(reported.told.arms).toEqual(evaluated.told.arms);
    expect(reported.told.selection).toMatchObject({ keepFraction: 0.3, kept });
    expect(JSON.parse(readText(folder, 'report.json'))).toEqual(reported.told);
  });

  it('says a result for people where no JSON is asked for', async () => {
    const { stdout } = await winnowOk(['select', '--out', folder]);
    expect(stdout).toMatch(/^\d+ of \d+ pairs kept \(easiest, keep fraction 0\.3;/);
  });
});
