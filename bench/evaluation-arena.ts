/**
 * `npm run bench -- evaluation-arena [folder]`: recomputes Arena-Hard and MT-Bench from the public judgments in
 * `folder` (default: ../shared/data) and prints them beside what is published, as Markdown.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ArenaRow } from '../src/evaluate/arena-hard/arena-hard.ts';
import { countMarkdown } from '../src/evaluate/arena-hard/markdown.ts';
import { readArenaHard } from '../src/evaluate/arena-hard/read.ts';
import { readTurnScores } from '../src/evaluate/mt-bench/judgments.ts';
import { mtBench } from '../src/evaluate/mt-bench/mt-bench.ts';
import { table } from './lib/document.ts';
import { ROOT } from './lib/places.ts';

const folder = process.argv[2] ?? join(ROOT, '..', 'shared', 'data');
const arena = (name: string) => join(folder, 'arena_hard', name);

/** Of the official formulas with scikit-learn 1.9.1 at tol = 1e-12, lengths as characters / 4. */
const SCIKIT_LEARN = 37.36729869607939;

const STYLE_HEADING = [
  'version',
  'plain',
  'style-controlled',
  'with scikit-learn',
  'at equal style',
  'length, log-odds a deviation',
];
const HEADING = ['', 'n', 'published', 'recomputed', 'interval recomputed'];
console.log(`Arena-Hard\n\n${table(HEADING, await arenaRows())}\n`);
console.log(`Style control of gpt-4-0613 alone\n\n${table(STYLE_HEADING, await styleRows())}\n`);
console.log(
  `MT-Bench\n\n${table(['', 'n', 'turn 1', 'turn 2', 'mean', 'repeated', 'published'], await mtRows())}\n`,
);
console.log(`Markdown counts of o3-mini’s answers equal to the published ones: ${await equalCounts()}`);

async function arenaRows(): Promise<string[][]> {
  const battles = await readArenaHard({
    kind: 'battles',
    verdicts: [arena('v0.1.battles.gpt-4-0613.jsonl')],
  });
  const weak = await readArenaHard({
    kind: 'judgments',
    verdicts: [arena('v0.1.judgment.by-gpt-3.5-turbo-0125.Athene-V2-Chat.jsonl')],
  });
  const row = ({ model, n, winRate, low, high }: ArenaRow, what: string, published: string) => [
    `${model}, ${what}`,
    String(n),
    published,
    number(winRate, 4),
    `${number(low, 2)} to ${number(high, 2)}`,
  ];
  return [
    row(named(battles.models, 'gpt-4-0613'), 'v0.1', '37.9, 35.6 to 40.36'),
    row(named(battles.models, 'gpt-4-0314'), 'v0.1, the baseline', '50.0'),
    row(named(weak.models, 'Nexusflow__Athene-V2-Chat'), '108 judgments by gpt-3.5-turbo', 'none'),
  ];
}

async function styleRows(): Promise<string[][]> {
  const answers = ['gpt-4-0314', 'gpt-4-0613'].map((model) => arena(`v0.1.answer.${model}.jsonl`));
  const rows: string[][] = [];
  for (const version of ['v0.1', 'v2.0'] as const) {
    const result = await readArenaHard(
      { kind: 'battles', verdicts: [arena('v0.1.battles.gpt-4-0613.jsonl')], answers },
      { version, styleControl: 'style', baseline: 'gpt-4-0314' },
    );
    const { winRate, styleControlled } = named(result.models, 'gpt-4-0613');
    rows.push([
      version,
      number(winRate, 2),
      number(styleControlled?.winRate ?? null, 4),
      version === 'v0.1' ? number(SCIKIT_LEARN, 4) : '',
      number(styleControlled?.atEqualStyle.winRate ?? null, 2),
      number(result.styleCoefficients[0]?.coefficient ?? null, 3),
    ]);
  }
  return rows;
}

async function mtRows(): Promise<string[][]> {
  const english = mtBench(
    await readTurnScores([join(folder, 'mt_bench', 'judgment.don-tpanic.gpt-4_single.jsonl')]),
  );
  const japanese = mtBench(
    await readTurnScores([join(folder, 'ja_mt_bench', 'judgment.gpt-4_single.jsonl')]),
  );
  const published: Record<string, string> = { llama2_7b: '4.76, 3.18', llama2_chat_7b: '6.71, 5.68' };
  return [...english.models, ...japanese.models].map((row) => [
    row.model,
    String(row.n),
    number(row.turn1, 4),
    number(row.turn2, 4),
    number(row.mean, 4),
    String(row.duplicates),
    published[row.model] ?? '',
  ]);
}

async function equalCounts(): Promise<string> {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
  let [equal, all] = [0, 0];
  for await (const line of createInterface({ input: createReadStream(arena('v2.0.answer.o3-mini.jsonl')) })) {
    const { messages, metadata } = JSON.parse(line);
    const { headers, lists, bold } = countMarkdown(messages.at(-1).content.answer);
    all++;
    if (
      headers === sum(metadata.header_count) &&
      lists === sum(metadata.list_count) &&
      bold === sum(metadata.bold_count)
    )
      equal++;
  }
  return `${equal} of ${all}`;
}

function named(rows: readonly ArenaRow[], name: string): ArenaRow {
  const row = rows.find(({ model }) => model === name);
  if (row === undefined) throw new Error(`no row of ${name}`);
  return row;
}

function number(value: number | null, digits: number): string {
  return value === null ? '' : value.toFixed(digits);
}
