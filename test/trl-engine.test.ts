import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeIds, writePrompts } from '../src/pipeline/inputs.ts';
import { prepareUnit, readUnit, type UnitSpec } from '../src/run/unit.ts';
import { spearman } from '../src/stats/correlation.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import {
  argumentsOf,
  readRows,
  readScores,
  start,
  tinyWorld,
  unitsOf,
  until,
  winnowOk,
} from './tiny-world.ts';
import { difficultyOf, farthest, python, trl, trlEnv } from './trl.fixture.ts';

const world = tinyWorld('trl-engine');
const argumentsTo = (out: string, more: readonly string[], arms = 'selected,full') =>
  argumentsOf('train', world, { out, seeds: 1, workers: 1, arms, more });
const referenceOf = (out: string) => {
  const [unit = ''] = unitsOf(out, 'reference');
  const { attempt } = JSON.parse(readFileSync(join(unit, 'DONE.json'), 'utf8')) as { attempt: string };
  return readRows<{ id: string; chosen: number; rejected: number; chosenEven: number }>(
    unit,
    'attempts',
    attempt,
    'log-probs.jsonl',
  );
};

describe.skipIf(python === null)('the engine trl (needs node scripts/python-env.mjs)', () => {
  const [embedded, other] = [join(world.dir, 'embedded'), join(world.dir, 'trl')];
  beforeAll(async () => {
    await winnowOk(argumentsTo(embedded, []));
    await winnowOk(argumentsTo(other, trl()), { env: trlEnv });
  }, 300_000);

  it('has the embedded engine’s log-probabilities before training, to 1e-3', () => {
    const [ours, theirs] = [referenceOf(embedded), referenceOf(other)];
    expect(theirs.map(({ id }) => id)).toEqual(ours.map(({ id }) => id));
    ours.forEach((row, i) => {
      for (const key of ['chosen', 'rejected', 'chosenEven'] as const)
        expect(Math.abs((theirs[i]?.[key] ?? Number.NaN) - row[key])).toBeLessThan(1e-3);
    });
  });

  it('orders the pairs by difficulty as the embedded engine does', () => {
    const [ours, theirs] = [difficultyOf(embedded), difficultyOf(other)];
    expect(theirs.map(({ id }) => id)).toEqual(ours.map(({ id }) => id));
    expect(
      spearman(
        ours.map((row) => row.difficulty),
        theirs.map((row) => row.difficulty),
      ),
    ).toBeGreaterThanOrEqual(0.999);
    readScores(other).forEach(({ loss }, i) => {
      expect(Math.abs(loss - (readScores(embedded)[i]?.loss ?? Number.NaN))).toBeLessThan(1e-3);
    });
  });

  it('takes the pairs of an arm in the order asked for, and with two processes too', async () => {
    const two = join(world.dir, 'two');
    await winnowOk(argumentsTo(two, trl('trl.processes=2', 'trl.microBatch=1'), 'selected'), { env: trlEnv });
    const order = (out: string) => readRows<string>(out, 'arms', 'selected', 'order.jsonl');
    expect(order(two)).toEqual(order(other));
    expect(order(other)).toEqual(order(embedded));
    expect(farthest(two, other)).toBeLessThan(1e-3);
  }, 300_000);

  it('tries an arm out (as for keepFraction: auto) to the same losses, log-probabilities and answers', async () => {
    const order = readUnit(unitsOf(embedded, 'training')[0] as string).inputs.order;
    const [ours, theirs] = await Promise.all([embedded, other].map((out) => trialOf(out, order)));
    expect(theirs?.answers).toEqual(ours?.answers);
    expect(ours?.answers).toHaveLength(2);
    for (const key of ['losses', 'logProbs'] as const) {
      expect(theirs?.[key]).toHaveLength(ours?.[key].length as number);
      ours?.[key].forEach((value, i) => {
        expect(Math.abs(value - (theirs?.[key][i] ?? Number.NaN))).toBeLessThan(1e-3);
      });
    }
  }, 300_000);

  it('goes on from its checkpoint after SIGTERM and after kill -9, to the same scores', async () => {
    const out = join(world.dir, 'killed');
    const more = [...trl(), '--epochs', '4'];
    const scoringTo = (folder: string) =>
      argumentsOf('score', world, { out: folder, seeds: 1, workers: 1, more });
    const whole = join(world.dir, 'whole');
    await winnowOk(scoringTo(whole), { env: trlEnv });
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const run = start(scoringTo(out), { env: trlEnv });
      const before = await until('a checkpoint of a scoring run', () => {
        const seen = unitsOf(out, 'scoring').flatMap((unit) => checkpoints(unit));
        return seen.length > 0 && seen;
      });
      expect(before.length).toBeGreaterThan(0);
      run.process.kill(signal);
      await run.ended;
    }
    await winnowOk(scoringTo(out), { env: trlEnv });
    expect(difficultyOf(out)).toEqual(difficultyOf(whole));
  }, 300_000);

  it('trains every weight, and refuses a loss that TRL does not have', async () => {
    const out = join(world.dir, 'full');
    const full = [...trl(), '--method', 'full', '--learning-rate', '0.0001'];
    await winnowOk(argumentsTo(out, full, 'selected'), { env: trlEnv });
    expect(readFileSync(join(out, 'arms', 'selected', 'config.json'), 'utf8')).toContain('vocab_size');
    const refused = await start(
      argumentsTo(join(world.dir, 'no'), [...trl(), '--set', 'training.loss=sampo']),
      { env: trlEnv },
    ).ended;
    expect({ code: refused.code, says: refused.stderr.includes('sampo') }).toEqual({ code: 2, says: true });
  }, 300_000);
});

/** Trains the arm of this order once more as a trial, by a worker, and gives what that comes to. */
async function trialOf(out: string, order: unknown) {
  const arm = unitsOf(out, 'training')
    .map(readUnit)
    .find(({ inputs }) => inputs.order === order) as UnitSpec;
  const { tokens = '' } = arm.places ?? {};
  const rows = readRows<{ id: string; prompt: number[] }>(tokens);
  const held = writeIds(
    out,
    rows.slice(0, 5).map(({ id }) => id),
  );
  const asked = rows.slice(0, 2).map(({ id, prompt }) => ({ id, text: id, tokens: prompt }));
  const prompts = writePrompts(out, asked);
  const { hash: tokenizerHash } = loadTokenizer(world.model);
  const generation = { maxNewTokens: 5, temperature: 0, topP: 1, seed: 7, stopIds: [257], tokenizerHash };
  const dir = prepareUnit(out, {
    kind: 'trial',
    inputs: { ...arm.inputs, heldOut: held.hash, prompts: prompts.hash, generation },
    places: { ...arm.places, heldOut: held.path, prompts: prompts.path, tokenizer: world.model },
  });
  await winnowOk(['worker', dir], { env: trlEnv });
  const { attempt } = JSON.parse(readFileSync(join(dir, 'DONE.json'), 'utf8')) as { attempt: string };
  const read = <T>(file: string) => readRows<T>(dir, 'attempts', attempt, file);
  expect(readdirSync(join(dir, 'attempts', attempt))).not.toContain('adapter');
  return {
    losses: read<number>('losses.jsonl'),
    logProbs: read<{ chosen: number; rejected: number }>('log-probs.jsonl').flatMap((row) => [
      row.chosen,
      row.rejected,
    ]),
    answers: read<{ text: string }>('answers.jsonl').map(({ text }) => text),
  };
}

function checkpoints(unit: string): string[] {
  const attempts = join(unit, 'attempts');
  return (existsSync(attempts) ? readdirSync(attempts) : []).flatMap((id) => {
    const folder = join(attempts, id, 'checkpoints');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return names.filter((name) => existsSync(join(folder, name, 'CHECKPOINT.json')));
  });
}
