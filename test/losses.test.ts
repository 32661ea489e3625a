import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dpoLoss, implicitMargin } from '../src/train/preference-loss.ts';
import {
  argumentsOf,
  isDone,
  readRows,
  readScores,
  readText,
  start,
  tinyWorld,
  unitsOf,
  until,
  winnow,
  winnowOk,
} from './tiny-world.ts';

const world = tinyWorld('losses');
const FILES = ['scores.jsonl', 'arms/selected/adapter_model.safetensors', 'arms/selected/steps.jsonl'];
const BETA = 0.5; // of the tiny world

interface Line {
  readonly chosen: number;
  readonly tokens?: { readonly chosen: number[]; readonly rejected: number[] };
}

const SAMPO = ['loss=sampo', 'anchorWeight=0.1', 'epochs=4'];

function argumentsTo(out: string, keys: readonly string[], workers = 2): string[] {
  const more = keys.flatMap((key) => ['--set', `training.${key}`]);
  return argumentsOf('train', world, { out, seeds: 1, arms: 'selected', workers, more });
}

/** Trains one arm with these keys; the files that say how. */
async function run(name: string, keys: readonly string[], workers = 2): Promise<Record<string, string>> {
  const out = join(world.dir, name);
  await winnowOk(argumentsTo(out, keys, workers));
  return Object.fromEntries(FILES.map((file) => [file, readFileSync(join(out, file), 'latin1')]));
}

/** Reference log-probabilities as they lie in the run folder. */
function referenceOf(name: string): Line[] {
  const units = unitsOf(join(world.dir, name), 'reference');
  expect(units).toHaveLength(1);
  const done = JSON.parse(readFileSync(join(units[0] as string, 'DONE.json'), 'utf8')) as { attempt: string };
  return readRows<Line>(units[0] as string, 'attempts', done.attempt, 'log-probs.jsonl');
}

let plain: Record<string, string>;
let sampo: Record<string, string>;
let sampoSteps = 0;
beforeAll(async () => {
  plain = await run('plain', []);
  sampo = await run('sampo', SAMPO);
  sampoSteps = readRows(world.dir, 'sampo', 'arms/selected/steps.jsonl').length;
});

describe('a run with a corrected loss', () => {
  it('LD-DPO with α = 1 gives the bytes of DPO: log-probabilities by token survive their file', async () => {
    expect(await run('ld-1', ['loss=ld-dpo', 'lossAlpha=1'])).toEqual(plain);
    for (const { chosen, tokens } of referenceOf('ld-1')) {
      const sum = Float32Array.from(tokens?.chosen as number[]).reduce((a, b) => a + b, 0);
      expect(sum).toBe(chosen);
    }
    for (const line of referenceOf('plain')) expect(line).not.toHaveProperty('tokens');
  });

  it('SamPO trains otherwise, the same again with one worker, and scores by DPO’s own loss', async () => {
    for (const file of FILES) expect(sampo[file]).not.toBe(plain[file]);
    expect(await run('sampo-again', SAMPO, 1)).toEqual(sampo);
    for (const row of readScores(join(world.dir, 'sampo'))) {
      const margin = implicitMargin(
        {
          chosen: row.chosenLogProb,
          rejected: row.rejectedLogProb,
          refChosen: row.refChosenLogProb,
          refRejected: row.refRejectedLogProb,
        },
        BETA,
      );
      expect(row.loss).toBe(dpoLoss(margin));
    }
  });

  it('SamPO, killed in its second epoch or later: the same bytes in the end', async () => {
    const out = join(world.dir, 'sampo-killed');
    const { process: driver, ended } = start(argumentsTo(out, SAMPO), {
      env: { WINNOW_CHECKPOINT_SECONDS: '0' },
      group: true,
    });
    const unit = await until('a checkpoint of the second epoch', () =>
      unitsOf(out, 'training').find((folder) =>
        (readdirSync(folder, { recursive: true }) as string[]).some((path) => {
          const step = /checkpoints\/step-(\d+)\/CHECKPOINT\.json$/.exec(path)?.[1];
          return step !== undefined && Number(step) > sampoSteps / 4;
        }),
      ),
    );
    process.kill(-(driver.pid as number), 'SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    expect(isDone(unit)).toBe(false);
    expect(await run('sampo-killed', SAMPO)).toEqual(sampo);
    const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
    const { checkpointFrom } = JSON.parse(readText(unit, 'attempts', attempt, 'attempt.json'));
    expect(checkpointFrom).toMatch(/step-\d+$/);
  });

  it('is refused before any work where α means nothing', async () => {
    const more = ['--set', 'training.loss=sampo', '--set', 'training.lossAlpha=0.5'];
    const { code, stderr } = await winnow(argumentsOf('train', world, { out: join(world.dir, 'no'), more }));
    expect(code).toBe(2);
    expect(stderr).toContain('training.lossAlpha means nothing to the loss sampo');
  });
});
