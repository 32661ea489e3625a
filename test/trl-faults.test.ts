import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { argumentsOf, readRows, readText, tinyWorld, unitsOf, winnow, winnowOk } from './tiny-world.ts';
import { farthest, faultyPython, python, trl, trlEnv } from './trl.fixture.ts';

const world = tinyWorld('trl-faults');
const argumentsTo = (out: string, more: readonly string[]) =>
  argumentsOf('score', world, { out, seeds: 1, workers: 1, more });

describe.skipIf(python === null)('faults under the engine trl (needs node scripts/python-env.mjs)', () => {
  // No multiple of what goes into a pass: every step is filled up.
  const five = ['--batch-size', '5'];
  const embedded = join(world.dir, 'embedded');
  beforeAll(() => winnowOk(argumentsTo(embedded, five)));

  it('goes on with half as much in a pass where memory runs out, to the same scores', async () => {
    const out = join(world.dir, 'memory');
    const env = { ...trlEnv, WINNOW_PYTHON: faultyPython(world.dir, 'oom') };
    const { stderr } = await winnowOk(argumentsTo(out, [...five, ...trl()]), { env });
    expect(stderr).toContain('out of memory with 4 pairs in a pass: again with half of them');
    expect(farthest(out, embedded)).toBeLessThan(1e-3);
    expect(stepsOf(out)).toEqual(stepsOf(embedded));
  }, 300_000);

  it('takes equally many passes on two ranks where pairs of a step count differently', async () => {
    const out = join(world.dir, 'two');
    const more = [...five, ...trl('trl.processes=2', 'trl.microBatch=3')];
    await winnowOk(argumentsTo(out, more), { env: trlEnv });
    expect(farthest(out, embedded)).toBeLessThan(1e-3);
  }, 300_000);

  it('names unit, step and pairs where a training diverges', async () => {
    const out = join(world.dir, 'diverged');
    const more = [...trl(), '--learning-rate', '1e30'];
    const { code, stderr } = await winnow(argumentsTo(out, more), { env: trlEnv });
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/training diverged at step 3: loss NaN[\s\S]*in unit scoring-/),
    });
    expect(stderr).toMatch(/\(row \d+\)/);
  }, 300_000);

  it('sees a gradient that is no number in the last step', async () => {
    const out = join(world.dir, 'gradient');
    const env = { ...trlEnv, WINNOW_PYTHON: faultyPython(world.dir, 'gradient') };
    const { code, stderr } = await winnow(argumentsTo(out, trl()), { env });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/gradient norm NaN/) });
    expect(stderr).not.toContain('loss NaN');
  }, 300_000);
});

/** Which pairs each step of the scoring runs was taken on, and the norm of its gradient in rough. */
function stepsOf(out: string): string[] {
  const runs = unitsOf(out, 'scoring').map((unit) => {
    const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
    return readRows<{ rows: number[]; gradNorm: number }>(unit, 'attempts', attempt, 'steps.jsonl')
      .map(({ rows, gradNorm }) => `${rows.join()} ${gradNorm.toFixed(1)}`)
      .join('\n');
  });
  return runs.sort();
}
