/**
 * `npm run bench -- pairs [--counts 100,1000,…] [--json]`: how time and memory grow with the number of pairs, beside
 * the model: `winnow check`, and everything else that a run does between its models (identity, duplicates, tokens,
 * split, cross-fit, ledger, report). The workers read and write as winnow's own do, but make their numbers up.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Measured } from './lib/bookkeeping.ts';
import { writeManyPairs, writeManyPairsModel } from './lib/many-pairs.ts';
import { ROOT } from './lib/places.ts';

const COUNTS = [100, 1000, 10_000, 100_000];

const counts = (flag('--counts')?.split(',') ?? COUNTS).map(Number);
const dir = mkdtempSync(join(tmpdir(), 'winnow-pairs-'));
try {
  const model = writeManyPairsModel(join(dir, 'model'));
  const rows = counts.map((count) => {
    const data = join(dir, `${count}.jsonl`);
    writeManyPairs(data, count);
    const check = measured('check', model, data, join(dir, `check-${count}`));
    const books = measured('books', model, data, join(dir, `books-${count}`));
    const row = { pairs: count, dataMb: megabytes(statSync(data).size), check, bookkeeping: books };
    if (!process.argv.includes('--json')) process.stderr.write(`${JSON.stringify(row)}\n`);
    return row;
  });
  if (process.argv.includes('--json')) console.log(JSON.stringify(rows, null, 2));
  else {
    console.log('| Pairs | Data, MB | `check`, s | `check`, MB | Bookkeeping, s | MB | of a worker, MB |');
    console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
    for (const { pairs, dataMb, check, bookkeeping } of rows) {
      const cells = [check.seconds, check.megabytes, bookkeeping.seconds, bookkeeping.megabytes];
      const shown = [dataMb, ...cells, bookkeeping.workerMegabytes].map((value) =>
        value?.toFixed(value < 10 ? 1 : 0),
      );
      console.log(`| ${pairs.toLocaleString('en-US')} | ${shown.join(' | ')} |`);
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

/** One step in a process of its own, so that its peak memory is its own. */
function measured(step: 'check' | 'books', model: string, data: string, out: string): Measured {
  const begun = performance.now();
  const script = join(import.meta.dirname, 'bookkeeping.mjs');
  const { status, stdout } = spawnSync(process.execPath, [script, step, model, data, out], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    cwd: ROOT,
  });
  if (status !== 0) throw new Error(`${step} of ${data} failed`);
  const seconds = (performance.now() - begun) / 1000;
  rmSync(out, { recursive: true, force: true });
  return { ...(JSON.parse(stdout.trim().split('\n').at(-1) as string) as Measured), seconds };
}

function megabytes(bytes: number): number {
  return bytes / 1e6;
}

function flag(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
