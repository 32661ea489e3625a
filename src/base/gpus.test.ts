import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { visibleGpus } from './gpus.ts';

const dir = mkdtempSync(join(tmpdir(), 'winnow-gpus-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('are those that are named, else what nvidia-smi finds, else none', () => {
  expect(visibleGpus({ PATH: dir })).toEqual([]);
  writeFileSync(
    join(dir, 'nvidia-smi'),
    '#!/bin/sh\n[ "$1" = --query-gpu=uuid ] && echo GPU-a && echo GPU-b\n',
  );
  chmodSync(join(dir, 'nvidia-smi'), 0o755);
  const PATH = `${dir}:/usr/bin:/bin`;
  expect(visibleGpus({ PATH })).toEqual(['GPU-a', 'GPU-b']);
  expect(visibleGpus({ PATH, CUDA_VISIBLE_DEVICES: '3, GPU-8f' })).toEqual(['3', 'GPU-8f']);
  expect(visibleGpus({ PATH, CUDA_VISIBLE_DEVICES: '' })).toEqual([]);
  expect(visibleGpus({ PATH, CUDA_VISIBLE_DEVICES: '-1' })).toEqual([]);
});
