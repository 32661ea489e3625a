/**
 * The float32 peak of this machine, with one thread and with all: `npm run bench -- peak [--json]`.
 * GFLOP/s, a multiply-add being two.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { table } from './lib/document.ts';
import { machineLine } from './lib/machine.ts';
import { measurePeak, type Peak, type ProductRate } from './lib/peak.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

const peaks: Peak[] = [];
for (const threads of new Set([1, availableParallelism()])) peaks.push(await measurePeak(threads));
if (values.json) console.log(JSON.stringify(peaks, null, 2));
else {
  const [first] = peaks as [Peak];
  const rows = first.products.map(({ shape }, i) => [
    `product ${shape[0]} × ${shape[1]} · ${shape[1]} × ${shape[2]}`,
    ...peaks.map(({ products }) => (products[i] as ProductRate).gflops.toFixed(0)),
  ]);
  rows.push([
    'multiply-adds in registers',
    ...peaks.map(({ fma }) => (fma === null ? 'no C compiler' : fma.toFixed(0))),
  ]);
  console.log(machineLine());
  console.log(
    table(['GFLOP/s', ...peaks.map(({ threads }) => `${threads} thread${threads > 1 ? 's' : ''}`)], rows),
  );
}
