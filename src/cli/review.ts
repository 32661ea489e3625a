import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import type { PreferencePair } from '../pairs/pair.ts';
import { readUsable } from '../pipeline/prepare.ts';
import { REVIEW_CAUSES, type ReviewItem, type ReviewQueue, reviewQueue } from '../pipeline/review-queue.ts';
import { appendDecision, type DecisionKind } from '../select/decisions.ts';
import { type Answers, openAnswers } from './answers.ts';
import { nameColumn, numberColumn, textTable } from './columns.ts';
import { configOf } from './options.ts';
import type { Outside } from './outside.ts';
import { shortened } from './why.ts';

interface ReviewFlags {
  readonly out?: string;
  readonly list?: boolean;
  readonly json?: boolean;
  readonly again?: boolean;
  readonly only?: string;
  readonly limit?: string;
  readonly reviewer?: string;
}

/** `winnow review`: a person's decisions on the pairs that a look is worth most at. */
export function addReview(program: Command, outside: Outside): void {
  program
    .command('review')
    .description('walk through the pairs that a person should decide; the next select goes by the decisions')
    .option('--out <run>', 'the run folder (default: winnow-run)')
    .option('--only <cause>', 'rule, threshold or label: only the pairs that are there for this')
    .option('--limit <n>', 'at most so many pairs')
    .option('--again', 'also the pairs that were decided or skipped before')
    .option('--reviewer <name>', 'who decides, for the record (default: the user of this machine)')
    .option('--list', 'print the queue and end')
    .option('--json', 'print the queue as JSON and end')
    .action(async (flags: ReviewFlags) => review(flags, outside));
}

async function review(flags: ReviewFlags, outside: Outside): Promise<void> {
  const { out, again, only } = flags;
  const config = configOf(out === undefined ? {} : { out });
  const whole = await reviewQueue(config, again === true);
  const isWanted = wanted(only);
  const queue = { ...whole, items: whole.items.filter(isWanted).slice(0, limitOf(flags)) };
  if (flags.json === true) outside.print(`${JSON.stringify(queue, null, 2)}\n`);
  else if (flags.list === true) outside.print(`${queueText(queue)}\n`);
  else await walk(queue, config.out, flags.reviewer ?? userName(), outside);
}

function wanted(only: string | undefined): (item: ReviewItem) => boolean {
  if (only === undefined) return () => true;
  if ((REVIEW_CAUSES as readonly string[]).includes(only)) return ({ cause }) => cause === only;
  throw inputError('bad-only', '--only names no cause of a review', { got: only, need: REVIEW_CAUSES });
}

function limitOf({ limit }: ReviewFlags): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  const most = Number(limit);
  if (Number.isInteger(most) && most > 0) return most;
  throw inputError('bad-limit', '--limit must be a whole number of at least 1', { got: limit });
}

function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user without a name.
    return null;
  }
}

function summary({
  counts,
  decided,
  skipped,
  cutShort,
  decisionsFile,
  standardError,
}: ReviewQueue): string[] {
  return [
    `To look at: ${counts.rule} that rules ask for, ${counts.threshold} near the threshold, ${counts.label} whose label may be wrong; decided before: ${decided}, skipped: ${skipped}`,
    ...(standardError === null
      ? ['Nothing tells how exact a difficulty is, so no pair counts as near the threshold']
      : []),
    ...(cutShort
      ? [`${decisionsFile}: the last line was cut short and decides nothing; its pair is asked about again`]
      : []),
  ];
}

function queueText(queue: ReviewQueue): string {
  const table = textTable<ReviewItem>(
    [
      nameColumn('id', 'id', ({ id }) => id.slice(0, 12)),
      nameColumn('row', 'row', ({ row }) => String(row)),
      nameColumn('cause', 'cause', ({ cause }) => cause),
      numberColumn('worth', 'worth', ({ worth }) => worth, 3),
      numberColumn('difficulty', 'difficulty', ({ difficulty }) => difficulty, 4),
      nameColumn('so far', 'decision', ({ decision }) => decision),
    ],
    queue.items,
  );
  return [...summary(queue), ...(queue.items.length > 0 ? [table] : [])].join('\n');
}

const KEYS: Readonly<Record<string, DecisionKind | 'quit'>> = {
  k: 'keep',
  d: 'drop',
  w: 'swap',
  s: 'skip',
  n: 'note',
  q: 'quit',
};
const HELP = '[k]eep  [d]rop  s[w]ap: the label is the wrong way round  [s]kip  [n]ote  [q]uit';
const LONGEST = 1500;

async function walk(
  queue: ReviewQueue,
  runDir: string,
  reviewer: string | null,
  outside: Outside,
): Promise<void> {
  outside.print(`${summary(queue).join('\n')}\n`);
  const pairs = readUsable(
    runDir,
    queue.items.map(({ id }) => id),
  );
  const answers = openAnswers(outside.signal);
  const record = ({ id, row }: ReviewItem, decision: DecisionKind, note: string | null) =>
    appendDecision(queue.decisionsFile, {
      id,
      row,
      decision,
      note,
      time: new Date().toISOString(),
      reviewer,
    });
  let written = 0;
  try {
    for (const [at, item] of queue.items.entries()) {
      outside.print(`\n${itemText(item, pairs.get(item.id) as PreferencePair, at, queue.items.length)}\n`);
      const decision = await decide(item, answers, outside, (kind, note) => {
        record(item, kind, note);
        written++;
      });
      if (decision === 'quit') break;
    }
  } finally {
    answers.close();
    outside.print(
      written === 0
        ? 'Nothing was decided\n'
        : `${written} lines were added to ${queue.decisionsFile}; winnow select goes by them\n`,
    );
  }
}

/** Asks until the pair is decided or skipped, or the person quits; a note leaves it open. */
async function decide(
  item: ReviewItem,
  answers: Answers,
  outside: Outside,
  record: (kind: DecisionKind, note: string | null) => void,
): Promise<DecisionKind | 'quit'> {
  for (;;) {
    outside.print(`${HELP}\n`);
    const said = await answers.next();
    if (said === null) return 'quit';
    const { kind, note } = parseAnswer(said, answers.keys);
    if (kind === 'quit') return 'quit';
    if (kind === null) {
      if (said.trim() !== '') outside.print(`${JSON.stringify(said.trim())} is none of these\n`);
      continue;
    }
    const text = kind === 'note' && note === null ? ((await answers.line())?.trim() ?? '') : note;
    if (kind === 'note' && (text === null || text === '')) continue;
    record(kind, text);
    outside.print(`row ${item.row}: ${kind}\n`);
    if (kind !== 'note') return kind;
  }
}

/** A key, a key or a word at the start of a line, and what follows it as a note. */
export function parseAnswer(
  said: string,
  oneKey: boolean,
): { readonly kind: DecisionKind | 'quit' | null; readonly note: string | null } {
  const [, word = '', rest = ''] = /^\s*([a-z]*)[\s:]*(.*)$/is.exec(oneKey ? said.slice(0, 1) : said) ?? [];
  const name = word.toLowerCase();
  const kind = KEYS[name] ?? Object.values(KEYS).find((known) => known === name) ?? null;
  return { kind, note: rest.trim() === '' ? null : rest.trim() };
}

function itemText(item: ReviewItem, pair: PreferencePair, at: number, total: number): string {
  const { id, row, reasons, worth, difficulty, rank, decision } = item;
  return [
    `${at + 1} of ${total}: row ${row} (${id.slice(0, 12)}), difficulty ${difficulty.toFixed(4)}, rank ${rank}; so far: ${decision}; worth a look: ${worth.toFixed(2)}`,
    ...reasons.map((reason) => `  ${reason}`),
    `PROMPT    ${shortened(pair.prompt, LONGEST)}`,
    `CHOSEN    ${shortened(pair.chosen, LONGEST)}`,
    `REJECTED  ${shortened(pair.rejected, LONGEST)}`,
    ...(Object.keys(pair.meta).length > 0
      ? [`META      ${shortened(JSON.stringify(pair.meta), LONGEST)}`]
      : []),
  ].join('\n');
}
