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
 * seeds 1 to 5 and 42 (`winnow lab --quick --study harm --seeds 1 --seed N`) and four of their standard deviations to
 * the worse side, where that tells anything: a difficulty that says nothing gives 0 in the first three rows.
 *
 *                                        conflict, hard        neutral
 *   Spearman between two seeds            0.36 ± 0.10        0.60 ± 0.05
 *   hardest 50 % − random 50 %, points   −25.9 ± 8.5        −18.6 ± 3.9
 *   easiest 50 % − random 50 %, points    +8.0 ± 7.0         −4.7 ± 4.1    (too wide for a bound)
 *   held-out accuracy of all pairs, %     57.3 ± 2.6         74.4 ± 2.1
 *   share of pairs above ln 2            0.455 ± 0.023      0.272 ± 0.007
 */
describe.skipIf(process.env.WINNOW_LAB !== '1')('the quality of the lab (WINNOW_LAB=1)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'winnow-lab-quality-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  let cells: CellSummary[] = [];
  const cell = (world: string) => cells.find((one) => one.world.name === world) as CellSummary;
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
    expect(cell('neutral').reliability.spearman).toBeGreaterThan(0.4);
    expect(cell('conflict, hard').reliability.spearman).toBeGreaterThan(0);
  });

  it('the hardest pairs alone do harm', () => {
    const win = (name: string) => armIn(cell('neutral'), name).winRate;
    expect(100 * (win('hardest 50 %') - win('random 50 %'))).toBeLessThan(-3);
  });

  it('training on all pairs orders held-out pairs as labelled, as often as it did', () => {
    expect(100 * armIn(cell('neutral'), 'full').heldOutAccuracy).toBeGreaterThan(66);
  });

  it('difficulty is as high as it was', () => {
    expect(Math.abs(cell('conflict, hard').profile.aboveLn2 - 0.455)).toBeLessThan(0.092);
    expect(Math.abs(cell('neutral').profile.aboveLn2 - 0.272)).toBeLessThan(0.028);
  });
});
