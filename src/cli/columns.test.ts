import { describe, expect, it } from 'vitest';
import { csvTable, type TextColumn, textTable } from './columns.ts';

const columns: readonly TextColumn<{ name: string; rate: number | null }>[] = [
  { heading: 'Model', name: 'model', show: ({ name }) => name, value: ({ name }) => name },
  {
    heading: 'Win rate %',
    name: 'winRate',
    show: ({ rate }) => (rate === null ? null : rate.toFixed(1)),
    value: ({ rate }) => rate,
  },
];
const rows = [
  { name: 'a, "b"', rate: 12.3456789 },
  { name: 'longer', rate: null },
];

describe('columns', () => {
  it('draws a table for people: names to the left, numbers to the right, a dash for what is not there', () => {
    expect(textTable(columns, rows)).toBe('Model   Win rate %\na, "b"        12.3\nlonger           –');
  });

  it('exports unrounded values and quotes what CSV needs quoted', () => {
    expect(csvTable(columns, rows)).toBe('model,winRate\n"a, ""b""",12.3456789\nlonger,');
  });
});
