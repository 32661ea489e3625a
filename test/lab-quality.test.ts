import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labJudge } from '../src/lab/gold.ts';
import type { CellSummary } from '../src/lab/study/cells.ts';
import { armIn } from '../src/lab/study/claims.ts';
import { harm } from '../src/lab/study/harm.ts';
import { runLab } from '../src/lab/study/lab.ts';
import { CLI } from './tiny-world.ts';

/**
 * Difficulty, selection and training, measured: one replicate of the quick lab in two worlds. Bounds are the mean of
 * seeds 1 to 6 (`winnow lab --quick --study harm --seeds 1 --seed N`) and four of their standard deviations to the
 * worse side; a difficulty that says nothing gives 0 in the first three rows.
 *
 *                                        conflict, hard        neutral
 *   Spearman between two seeds            0.39 ± 0.05        0.62 ± 0.03
 *   hardest 50 % − random 50 %, points   −29.1 ± 3.9        −16.6 ± 6.8
 *   easiest 50 % − random 50 %, points    +7.8 ± 2.2        −2.8 ± 6.2
 *   held-out accuracy of all pairs, %     59.4 ± 1.9        74.5 ± 2.1
 *   share of pairs above ln 2             0.43 ± 0.014      0.27 ± 0.005
 */
describe.skipIf(process.env.WINNOW_LAB !== '1')('the quality of the lab (WINNOW_LAB=1)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'winnow-lab-quality-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  let cells: CellSummary[] = [];
  const cell = (world: string) => cells.find((one) => one.world.name === world) as CellSummary;
  const difference = (world: string, a: string, b: string) =>
    100 * (armIn(cell(world), a).winRate - armIn(cell(world), b).winRate);

  beforeAll(async () => {
    await runLab({
      dir,
      extent: 'quick',
      seed: 42,
      seeds: 1,
      studies: [harm],
      context: {
        command: [process.execPath, CLI, 'worker'],
        judge: labJudge,
        onStage: () => ({ event: () => {}, end: () => {} }),
      },
      onStudy: () => ({ cell: () => {}, end: () => {} }),
    });
    const folder = join(dir, 'cells');
    cells = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  }, 400_000);

  it('two seeds agree on what is difficult', () => {
    expect(cell('conflict, hard').reliability.spearman).toBeGreaterThan(0.19);
    expect(cell('neutral').reliability.spearman).toBeGreaterThan(0.5);
  });

  it('the hardest pairs alone do harm; where style and correctness conflict, the easiest beat random ones', () => {
    expect(difference('conflict, hard', 'hardest 50 %', 'random 50 %')).toBeLessThan(-13.5);
    expect(difference('conflict, hard', 'easiest 50 %', 'random 50 %')).toBeGreaterThan(-1);
  });

  it('training on all pairs orders held-out pairs as labelled, as often as it did', () => {
    expect(100 * armIn(cell('conflict, hard'), 'full').heldOutAccuracy).toBeGreaterThan(51.8);
    expect(100 * armIn(cell('neutral'), 'full').heldOutAccuracy).toBeGreaterThan(66.1);
  });

  it('difficulty is as high as it was', () => {
    expect(Math.abs(cell('conflict, hard').profile.aboveLn2 - 0.43)).toBeLessThan(0.056);
    expect(Math.abs(cell('neutral').profile.aboveLn2 - 0.27)).toBeLessThan(0.02);
  });
});
