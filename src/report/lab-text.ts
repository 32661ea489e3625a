import type { LabResult } from '../lab/study/lab.ts';
import { CLAIM_HEAD, CLAIM_MEANING, claimRow } from './lab-claims.ts';

/** The lab's results for a terminal: each study's verdict, and the tables that it rests on. */
export function labText({ studies, seconds, extent }: LabResult): string {
  const blocks = studies.map(({ title, verdict, tables }) =>
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
    ].join('\n'),
  );
  return [...blocks, `${extent} lab, ${Math.round(seconds)} s${workOf(studies)}`].join('\n\n');
}

/** The same as Markdown, for documents: with every claim. */
export function labMarkdown({ studies, extent, seed, version, engine, seconds }: LabResult): string {
  const blocks = studies.map(({ title, verdict, question, tables, claims }) =>
    [
      `### ${title}`,
      `**${verdict}**`,
      `_Asked, and by which rule:_ ${question}`,
      ...tables.flatMap(({ title, head, rows, meaning }) => [`${title}`, markdownTable(head, rows), meaning]),
      'Claims',
      markdownTable(CLAIM_HEAD, claims.map(claimRow)),
      CLAIM_MEANING,
    ].join('\n\n'),
  );
  const made = `${extent} lab, seed ${seed}, winnow ${version} (${engine}), ${Math.round(seconds)} s${workOf(studies)}.`;
  return `${[made, ...blocks].join('\n\n')}\n`;
}

/** What the cells took, where some of them were there already. */
function workOf(studies: LabResult['studies']): string {
  const seconds = studies.reduce((sum, study) => sum + study.coreSeconds, 0);
  return ` (work: ${(seconds / 60).toFixed(0)} minutes of one core)`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => [...(row[c] ?? '')].length)));
  return rows.map((row) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c] as number) : cell.padStart(widths[c] as number)))
      .join('  '),
  );
}
