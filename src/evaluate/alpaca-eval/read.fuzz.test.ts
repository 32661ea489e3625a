import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { WinnowError } from '../../base/errors.ts';
import { jsonText, oddValue, replacedWithin, seeded } from '../../base/fuzz.fixture.ts';
import { alpacaEval } from './alpaca-eval.ts';
import { readAnchors, readDifficulties } from './difficulty.ts';

const folder = mkdtempSync(join(tmpdir(), 'winnow-alpaca-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A value, or null for an input error that names the file. */
async function orRefused<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    expect(error.kind).toBe('input');
    expect(error.message.slice(0, folder.length)).toBe(folder);
    expect(error.message.length).toBeLessThan(2000);
    return null;
  }
}

const rows = Array.from({ length: 8 }, (_, i) => ({
  ...{ instruction: `p${i}`, output_1: 'a'.repeat(1 + (i % 3)), output_2: 'b'.repeat(1 + (i % 4)) },
  ...{ generator_1: 'base', generator_2: i < 7 ? 'x' : 'y', preference: 1 + ((3 * i) % 8) / 7 },
}));

describe('whatever a file holds', () => {
  test('judgments: finite numbers or null with a cause, or an input error', async () => {
    const file = join(folder, 'judgments.json');
    await fc.assert(
      fc.asyncProperty(replacedWithin(rows, oddValue), async (value) => {
        writeFileSync(file, jsonText(value));
        const result = await orRefused(alpacaEval({ annotations: [file] }));
        for (const model of result?.models ?? []) {
          const { lengthControlledWinRate: controlled, lengthControlledError: cause, winRate } = model;
          expect(controlled === null).toBe(cause !== null);
          for (const rate of [controlled, winRate])
            if (rate !== null) expect(rate >= 0 && rate <= 100).toBe(true);
          const numbers = Object.values(model).filter((item) => typeof item === 'number');
          expect(numbers.every(Number.isFinite)).toBe(true);
        }
      }),
      seeded(300),
    );
  });

  test('difficulties and anchors: finite numbers, or an input error', async () => {
    const file = join(folder, 'table.csv');
    const header = fc.constantFrom(
      'index,instruction_difficulty,std_delta_len,preference',
      ',instruction_difficulty',
      'index;instruction_difficulty',
    );
    const cell = fc.constantFrom('0', '1', '0.25', '-1.5', '', 'x', 'NaN', '1e999', '"', '\u0000');
    const line = fc.array(cell, { maxLength: 5 }).map((cells) => cells.join(','));
    await fc.assert(
      fc.asyncProperty(header, fc.array(line, { maxLength: 4 }), async (first, lines) => {
        writeFileSync(file, [first, ...lines].join('\n'));
        const difficulties = await orRefused(readDifficulties(file));
        for (const value of difficulties?.values() ?? []) expect(Number.isFinite(value)).toBe(true);
        const anchors = await orRefused(readAnchors(file));
        for (const share of anchors?.share ?? []) expect(share >= 0 && share <= 1).toBe(true);
      }),
      seeded(300),
    );
  });
});
