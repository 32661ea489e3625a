import { readFileSync, writeFileSync } from 'node:fs';

/** A Markdown table; rows are as long as the heading. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->` in a file; the text around it stays. */
export function replacePart(file: string, name: string, content: string): void {
  const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(file, 'utf8');
  const [start, end] = [text.indexOf(from), text.indexOf(to)];
  if (start < 0 || end < start) throw new Error(`${file} has no part ${from} … ${to}`);
  writeFileSync(file, `${text.slice(0, start + from.length)}\n\n${content}\n\n${text.slice(end)}`);
}

/** Three digits that count. */
export function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function gigabytes(bytes: number): string {
  return digits(bytes / 1e9);
}
