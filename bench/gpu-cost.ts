/** What scoring and training take on GPUs, computed, not measured: prints the tables and writes them into docs/cost-model.md. */
import { join } from 'node:path';
import { replacePart } from './lib/document.ts';
import { costTable, memoryTable } from './lib/gpu-cost-table.ts';
import { ROOT } from './lib/places.ts';

const page = join(ROOT, 'docs', 'cost-model.md');
for (const [name, content] of [
  ['gpu-cost', costTable()],
  ['gpu-memory', memoryTable()],
] as const) {
  console.log(`${content}\n`);
  replacePart(page, name, content);
}
