import type { Claim } from '../lab/study/claims.ts';
import type { LabResult } from '../lab/study/lab.ts';
import { points } from '../lab/study/study.ts';

/** The lab's results for a terminal: each study's verdict, and what it rests on. */
export function labText({ studies, seconds, extent }: LabResult): string {
  const blocks = studies.map(({ title, verdict, claims, tables }) =>
    [
      `## ${title}`,
      '',
      verdict,
      '',
      ...tables.flatMap(({ title, head, rows, meaning }) => [
        title,
        ...aligned([head, ...rows]),
        meaning,
        '',
      ]),
      ...claims.map(
        (claim) =>
          `- ${claim.text}: ${claim.p === undefined ? plain(claim) : `${points(claim)} points, p ${claim.p.toFixed(3)}`} (n ${claim.n})`,
      ),
    ].join('\n'),
  );
  return [...blocks, `${extent} lab, ${Math.round(seconds)} s`].join('\n\n');
}

function plain({ value, low, high }: Pick<Claim, 'value' | 'low' | 'high'>): string {
  const number = (x: number | null) => (x === null ? '?' : x.toFixed(3));
  return `${number(value)} [${number(low)}, ${number(high)}]`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => [...(row[c] ?? '')].length)));
  return rows.map((row) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c] as number) : cell.padStart(widths[c] as number)))
      .join('  '),
  );
}
