import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { jsonText } from '../base/fuzz.fixture.ts';

export interface Scratch {
  readonly dir: string;
  /** Writes rows as JSON Lines and gives the path. */
  readonly save: (rows: readonly unknown[], name?: string) => string;
}

/** For tests: a folder that goes when the test file is through. */
export function scratchRows(): Scratch {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'winnow-evaluate-')));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  let files = 0;
  return {
    dir,
    save: (rows, name = `rows-${files++}.jsonl`) => {
      const file = join(dir, name);
      writeFileSync(file, rows.map((row) => `${jsonText(row)}\n`).join(''));
      return file;
    },
  };
}
