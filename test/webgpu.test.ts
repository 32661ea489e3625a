import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { argumentsOf, readScores, tinyWorld, winnowOk } from './tiny-world.ts';

// Equal numbers on a real WebGPU adapter, if only one in software: scripts/software-adapter.mjs makes it.
const script = join(import.meta.dirname, '..', 'scripts', 'software-adapter.mjs');
const found = spawnSync(process.execPath, [script, '--find'], { encoding: 'utf8' });
const folder = found.status === 0 ? found.stdout.trim() : null;
const env: Record<string, string> =
  folder === null
    ? {}
    : { VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder };

it.skipIf(folder !== null)('a software adapter is missing: node scripts/software-adapter.mjs', () => {});

describe.skipIf(folder === null)('device: webgpu on a software adapter', () => {
  const world = tinyWorld('webgpu');
  const outOf = (device: string) => join(world.dir, device);
  const told: Record<string, string> = {};
  // In software each operation takes long to compile.
  beforeAll(async () => {
    for (const device of ['cpu', 'webgpu']) {
      const more = ['--device', device, '--limit', '24', '--quiet'];
      const options = { out: outOf(device), seeds: 1, workers: 1, more };
      told[device] = (await winnowOk(argumentsOf('score', world, options), { env })).stderr;
    }
  }, 600_000);

  it('is used', () => {
    expect(told.webgpu).not.toMatch(/WebGPU is not used/);
    const { stdout } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, '..', 'dist', 'cli.mjs'), 'doctor', '--json'],
      {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      },
    );
    const findings = JSON.parse(stdout).findings as { what: string; data?: object }[];
    expect(findings.find(({ what }) => what === 'device')?.data).toEqual({ webgpu: true });
  });

  it('trains and scores as the CPU does, to float32’s rounding', () => {
    const [cpu, gpu] = ['cpu', 'webgpu'].map((device) => readScores(outOf(device)));
    expect(gpu).toHaveLength(cpu?.length as number);
    let apart = 0;
    cpu?.forEach((row, i) => {
      const other = gpu?.[i];
      expect(other?.id).toBe(row.id);
      for (const key of ['loss', 'chosenLogProb', 'rejectedLogProb', 'refChosenLogProb'] as const)
        apart = Math.max(apart, Math.abs(row[key] - (other?.[key] as number)));
    });
    expect(apart).toBeLessThan(1e-3);
    // Not the same kernels.
    expect(apart).toBeGreaterThan(0);
  });
});
