import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { argumentsOf, type RunOptions, readScores, tinyWorld, winnowOk } from './tiny-world.ts';

const world = tinyWorld('same');
const FILES = ['scores.jsonl', 'difficulty.jsonl', 'selection/selected.jsonl', 'refused.jsonl'];
const ARM_FILES = ['adapter_model.safetensors', 'adapter_config.json', 'order.jsonl', 'steps.jsonl'];
const ARMS = ['selected', 'random'];

/** A run of its own, and the bytes that it must not differ in. */
async function run(name: string, options: Partial<RunOptions> = {}): Promise<Record<string, string>> {
  const out = join(world.dir, name);
  await winnowOk(argumentsOf('train', world, { out, seeds: 1, arms: ARMS.join(), ...options }));
  const files = [...FILES, ...ARMS.flatMap((arm) => ARM_FILES.map((file) => `arms/${arm}/${file}`))];
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(out, file), 'latin1')]));
}

let first: Record<string, string>;
beforeAll(async () => {
  first = await run('first');
});

describe('the same command', () => {
  it.concurrent('gives the same bytes in another run folder, with one worker after the other and more threads', async () => {
    expect(await run('second', { workers: 1, threads: 2 })).toEqual(first);
  });

  it.concurrent('gives other scores with another seed', async () => {
    const out = join(world.dir, 'other');
    await winnowOk(argumentsOf('score', world, { out, seeds: 1, more: ['--seed', '8'] }));
    expect(readScores(out).every(({ seed }) => seed === 8)).toBe(true);
    const losses = (folder: string) => new Set(readScores(folder).map(({ loss }) => loss));
    const before = losses(join(world.dir, 'first'));
    expect([...losses(out)].filter((loss) => before.has(loss))).toEqual([]);
  });
});
