import type { ReportData } from './data.ts';
import { keepPercent } from './numbers.ts';
import type { Sentence } from './sentences.ts';
import { armColumns, armLabel, type Column, reasonsIn } from './table.ts';
import { verdict } from './verdict.ts';
import { displayWidth, padEnd, padStart, wrap } from './width.ts';
import { type Language, reasons, words } from './words.ts';

export interface TextOptions {
  /** Default en. */
  readonly lang?: Language;
  /** Columns of the terminal. Default 100; the tables take what they need. */
  readonly width?: number;
}

const MARKS = { good: '+', neutral: '-', warn: '!' } as const;

/** The verdict and the table of arms as plain text, for a terminal. */
export function reportText(data: ReportData, { lang = 'en', width = 100 }: TextOptions = {}): string {
  const { title, findings, reliability, next } = verdict(data);
  const columns = armColumns(data);
  const kept = `${words.keepFraction[lang]} ${keepPercent(data.selection.keepFraction)}`;
  const sections = [
    [`${words.verdict[lang]}: ${title[lang]} (${kept})`, '', ...sentences(findings)],
    table(columns.filter((column) => column.group === 'result')),
    [
      ...table(columns.filter((column) => column.group === 'effect')),
      ...reasonsIn(data.arms, columns).flatMap((reason) => wrap(`– : ${reasons[reason][lang]}`, width)),
    ],
    [words.reliability[lang], '', ...sentences(reliability)],
    [words.whatNext[lang], '', ...sentences(next)],
  ];
  // A terminal's fonts and widths are surer of the hyphen than of the minus sign.
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`.replaceAll('−', '-');

  function sentences(list: readonly Sentence[]): string[] {
    return list.flatMap((sentence) =>
      wrap(sentence[lang], width - 2).map((line, i) =>
        i === 0 ? `${MARKS[sentence.level]} ${line}` : `  ${line}`,
      ),
    );
  }

  function table(shown: readonly Column[]): string[] {
    const heading = [words.arm[lang], ...shown.map((column) => column.short[lang])];
    const rows = data.arms.map((arm) => [
      armLabel(arm)[lang],
      ...shown.map((column) => cellText(column, arm)),
    ]);
    const widths = heading.map((text, k) =>
      Math.max(...[text, ...rows.map((row) => row[k]!)].map(displayWidth)),
    );
    const line = (row: readonly string[]) =>
      row
        .map((text, k) => (k === 0 ? padEnd(text, widths[k]!) : padStart(text, widths[k]!)))
        .join('  ')
        .trimEnd();
    return [line(heading), widths.map((columns) => '-'.repeat(columns)).join('  '), ...rows.map(line)];
  }
}

/** `61.2 (58.1–64.3)`: the unit stands in the heading. */
function cellText(column: Column, arm: ReportData['arms'][number]): string {
  const { text, interval } = column.cell(arm);
  const bare = text.replace(/%$/, '');
  return interval === undefined ? bare : `${bare} (${interval})`;
}
