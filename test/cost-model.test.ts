import { join } from 'node:path';
import { expect, it } from 'vitest';
import { costTable, memoryTable } from '../bench/lib/gpu-cost-table.ts';
import { readText } from './tiny-world.ts';

const page = readText(import.meta.dirname, '..', join('docs', 'cost-model.md'));

it.each([
  ['gpu-cost', costTable()],
  ['gpu-memory', memoryTable()],
])('docs/cost-model.md has the table %s of npm run bench -- gpu-cost', (name, table) => {
  const part = page.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0];
  expect(part?.trim()).toBe(table);
});
