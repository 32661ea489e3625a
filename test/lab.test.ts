import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { labJudge } from '../src/lab/gold.ts';
import type { CellSummary } from '../src/lab/study/cells.ts';
import { armIn } from '../src/lab/study/claims.ts';
import { effects } from '../src/lab/study/effects.ts';
import { runLab } from '../src/lab/study/lab.ts';
import { noise } from '../src/lab/study/noise.ts';
import { prediction } from '../src/lab/study/prediction.ts';
import type { Study } from '../src/lab/study/study.ts';
import { CLI } from './tiny-world.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-lab-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const scale = { pairs: 300, evaluationPrompts: 90, tuningPrompts: 60 };

/** The smallest study there is; counts the units that were worked on. */
async function smallLab(folder: string, asked: readonly Study[] = [noise]) {
  const result = await runLab({
    dir: join(dir, folder),
    extent: 'quick',
    seed: 3,
    seeds: 1,
    studies: asked,
    scale,
    context: {
      command: [process.execPath, CLI, 'worker'],
      judge: labJudge,
      onStage: () => ({ event: () => {}, end: () => {} }),
    },
    onStudy: () => ({ cell: () => {}, end: () => {} }),
  });
  // What took how long is no result.
  const { seconds: _, studies, ...rest } = result;
  return { ...rest, studies: studies.map(({ seconds: __, coreSeconds: ___, ...study }) => study) };
}

const cellsOf = (folder: string) =>
  readdirSync(join(dir, folder, 'cells')).map(
    (name) => JSON.parse(readFileSync(join(dir, folder, 'cells', name), 'utf8')) as CellSummary,
  );

const unitsOf = (folder: string) =>
  readdirSync(join(dir, folder, 'worlds')).flatMap((world) =>
    readdirSync(join(dir, folder, 'worlds', world, 'units')).map((unit) => `${world}/${unit}`),
  );

describe('a study of the lab', () => {
  it('gives claims with their intervals, and the same again from its units', async () => {
    const first = await smallLab('one');
    const [study] = first.studies;
    expect(study?.name).toBe('noise');
    expect(study?.verdict).toMatch(/20 % flipped/);
    for (const claim of study?.claims ?? []) {
      expect(Number.isFinite(claim.value)).toBe(true);
      expect(claim.n).toBe(1);
    }
    const precision = study?.claims.find(({ text }) => text.includes('precision'));
    expect(precision?.value).toBeGreaterThanOrEqual(0);
    expect(precision?.value).toBeLessThanOrEqual(1);
    const detected = study?.tables.find(({ title }) => title.startsWith('Are the flipped'));
    expect(detected?.rows).toHaveLength(2);
    const cells = cellsOf('one');
    const [clean, noisy] = [0, 0.2].map((rate) =>
      cells.find(({ world }) => (world.labelNoise ?? 0) === rate),
    ) as [CellSummary, CellSummary];
    const share = (cell: CellSummary) => armIn(cell, 'unflipped only').pairs / armIn(cell, 'full').pairs;
    expect(share(clean)).toBe(1);
    expect(Math.abs(share(noisy) - 0.8)).toBeLessThan(0.1);
    // Style and correctness agree here: a flipped label goes against both.
    expect((noisy.looked as { auc: number }).auc).toBeGreaterThan(0.6);

    // Without the cells' summaries everything is read from the units: none is worked on again.
    const units = unitsOf('one');
    rmSync(join(dir, 'one', 'cells'), { recursive: true });
    expect(await smallLab('one')).toEqual(first);
    expect(unitsOf('one').sort()).toEqual(units.sort());
    // With them, nothing else is needed.
    rmSync(join(dir, 'one', 'worlds'), { recursive: true });
    expect(await smallLab('one')).toEqual(first);
    expect(existsSync(join(dir, 'one', 'lab.json'))).toBe(true);
  }, 240_000);

  it('a cell is an ordinary run: its pairs stand in files, and no pair was scored by a run that saw it', async () => {
    const folder = join(dir, 'two');
    await smallLab('two');
    const [world = ''] = readdirSync(join(folder, 'worlds')).sort();
    const run = join(folder, 'worlds', world);
    const pairs = readFileSync(join(run, 'pilot', 'pairs.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(pairs).toHaveLength(scale.pairs);
    const units = readdirSync(join(run, 'units'));
    const cells = readdirSync(join(folder, 'cells')).map((name) =>
      JSON.parse(readFileSync(join(folder, 'cells', name), 'utf8')),
    );
    const { learningRates } = cells.find((cell) => cell.folder === `worlds/${world}`);
    // Every rate is tried with three orders.
    expect(units.filter((name) => name.startsWith('training'))).toHaveLength(3 * learningRates.tried.length);
    for (const unit of units.filter((name) => name.startsWith('scoring'))) {
      const { places } = JSON.parse(readFileSync(join(run, 'units', unit, 'unit.json'), 'utf8'));
      const ids = (path: string) => new Set(readFileSync(path, 'utf8').trimEnd().split('\n'));
      const [trained, scored] = [ids(places.trainOn), ids(places.score)];
      for (const id of scored) expect(trained.has(id)).toBe(false);
    }
  }, 240_000);
});

describe('studies that train in ways of their own', () => {
  it('side effects: strata, every corrected loss, the anchor', async () => {
    const { studies } = await smallLab('effects', [effects]);
    const labels = ['within length', 'within family', 'LD-DPO 0.5', 'R-DPO 0.05', 'SamPO', 'anchor 0.03'];
    const shown = studies[0]?.tables[0]?.rows.map(([name]) => name);
    const [cell] = cellsOf('effects');
    // No two arms are the same training, small as their difference may be at a small rate.
    const losses = labels.map(
      (label) => armIn(cell as CellSummary, `easiest 80 %, ${label}`).heldOutLossNats,
    );
    losses.push(armIn(cell as CellSummary, 'easiest 80 %').heldOutLossNats);
    expect(new Set(losses).size).toBe(labels.length + 1);
    expect(shown).toEqual(expect.arrayContaining(labels.map((label) => `easiest 80 %, ${label}`)));
  }, 240_000);

  it('prediction: what is said of every world of the quick sweep stands beside what came of it', async () => {
    const { studies } = await smallLab('prediction', [prediction]);
    const [study] = studies;
    // 270 pairs are too few for the rule to speak.
    expect(study?.verdict).toMatch(/^Of 4 data sets the outlook spoke of 0/);
    expect(study?.tables.map(({ rows }) => rows.length)).toEqual([4, 4, 4]);
    for (const row of study?.tables[0]?.rows ?? []) expect(row[2]).toBe('cannot tell');
    for (const claim of study?.claims ?? []) expect(Number.isFinite(claim.value)).toBe(true);
  }, 240_000);
});

describe('keepFraction: auto', () => {
  const pilot = () => {
    const worlds = join(dir, 'two', 'worlds');
    return join(worlds, readdirSync(worlds).sort()[0] ?? '', 'pilot');
  };
  const select = (out: string, ...more: string[]) =>
    spawnSync(
      process.execPath,
      [CLI, 'select', '--model', 'assets/lab/base-s', '--data', join(pilot(), 'pairs.jsonl')].concat(
        ['--out', join(dir, out), '--keep', 'auto', '--method', 'full', '--learning-rate', '3e-4'],
        ['--set', 'evaluation.maxNewTokens=12', '--set', 'evaluation.temperature=1', '--beta', '0.1'],
        ['--training-seeds', '2', '--json', '--quiet', ...more],
      ),
      { encoding: 'utf8', cwd: join(import.meta.dirname, '..') },
    );

  it('tries every share on the tuning prompts, and says in the receipt what it chose by', () => {
    const judged = ['--set', 'evaluation.judge=lab', '--set'].concat(
      `evaluation.tuningPrompts=${join(pilot(), 'tuning-prompts.jsonl')}`,
      ['--set', `evaluation.prompts=${join(pilot(), 'prompts.jsonl')}`],
    );
    const { stdout, stderr, status } = select('auto', ...judged);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const told = JSON.parse(stdout);
    const shares = told.auto.tried.map(({ keepFraction }: { keepFraction: number }) => keepFraction);
    expect(shares).toEqual([0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expect(shares).toContain(told.keepFraction);
    expect(told.keepFraction === 1).toBe(told.auto.gain.low <= 0);
    const receipt = JSON.parse(readFileSync(join(dir, 'auto', 'selection', 'receipt.json'), 'utf8'));
    expect(receipt.selection).toMatchObject({ keepFraction: told.keepFraction, auto: told.auto });
    expect(receipt.kept).toBe(Math.floor(told.keepFraction * (receipt.kept + receipt.dropped)));
    // Six shares with two orders each.
    const units = readdirSync(join(dir, 'auto', 'units')).filter((name) => name.startsWith('trial'));
    // The selected arm keeps its order, whatever the seed of shuffling: its two trainings differ in nothing.
    expect(units.length).toBeGreaterThanOrEqual(7);
    expect(units.length).toBeLessThanOrEqual(12);
  }, 240_000);

  it('strata of a world’s own column are found in its files', () => {
    const { status, stdout, stderr } = select('within', '--keep', '0.5', '--within', 'meta.family');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ within: 'meta.family', keepFraction: 0.5 });
  }, 240_000);

  it('without a judge it is refused before any work', () => {
    const { stderr, status } = select('no-judge');
    expect(status).toBe(2);
    expect(stderr).toMatch(/keepFraction auto needs a judge and prompts to choose on/);
    expect(existsSync(join(dir, 'no-judge', 'units'))).toBe(false);
  });
});

describe('winnow lab', () => {
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'lab', ...args], { encoding: 'utf8' });
    return { status, stderr };
  };
  it.each([
    [['--study', 'magic'], /--study names no study.*magic/s],
    [['--quick', '--full'], /either --quick or --full/],
    [['--seeds', '0'], /--seeds must be a whole number/],
    [['base', '--size', 'xxl'], /--size names no base model.*xxl/s],
    // A flag that the lab has too is the base's own behind its name.
    [['base', '--seed', 'x'], /--seed must be a whole number/],
  ])('%s is refused', (args, message) => {
    const { status, stderr } = run(...args, '--out', join(dir, 'never'));
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
    expect(existsSync(join(dir, 'never', 'units'))).toBe(false);
  });
});
