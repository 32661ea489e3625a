import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { tailOf } from '../run/attempts.ts';
import { askRetry, jobOf, noteVerdict, readBatches } from '../run/batches.ts';
import type { Executor } from '../run/executor.ts';
import { openExecutor } from '../run/executors/open.ts';
import { openRun } from '../run/folder.ts';
import { findUnit, type UnitView, viewUnits } from '../run/unit-view.ts';
import { configOf } from './options.ts';
import type { Outside } from './outside.ts';
import { duration } from './progress.ts';

interface UnitFlags {
  readonly out?: string;
  readonly json?: boolean;
  readonly follow?: boolean;
  readonly lines?: string;
}

const FOLLOW_MS = 2_000;
const LOG_LINES = 50;
const LOG_BYTES = 200_000;

/** `winnow status`, `logs`, `retry`, `cancel`: the units of a run, wherever they run. */
export function addUnits(program: Command, outside: Outside): void {
  const verb = (name: string, text: string) =>
    program.command(name).description(text).option('--out <run>', 'the run folder (default: winnow-run)');

  verb('status', 'where each unit of a run is: done, running, queued, failed')
    .option('--follow', 'again and again, until nothing runs or waits in a queue')
    .option('--json', 'data as JSON on stdout')
    .action((flags: UnitFlags) => status(flags, outside));

  verb('logs', 'the end of what a unit printed')
    .argument('<unit>', 'the beginning of a unit’s id')
    .option('--lines <n>', 'so many lines (default: 50)')
    .action(async (which: string, flags: UnitFlags) => {
      const { runDir } = opened(flags);
      const view = await viewOf(runDir, which, null);
      const logs = view.tries.filter(({ log }) => log !== null);
      const last = logs.at(-1);
      if (last?.log == null)
        throw inputError('no-log', 'this unit has printed nothing that is left', { got: view.id });
      const lines = tailOf(last.log, LOG_BYTES)
        .trimEnd()
        .split('\n')
        .slice(-(Number(flags.lines) || LOG_LINES));
      outside.print(
        `${view.id}, try ${view.tries.indexOf(last) + 1} of ${view.tries.length}: ${last.log}\n${lines.join('\n')}\n`,
      );
    });

  verb('retry', 'try a unit again that was given up')
    .argument('<unit>', 'the beginning of a unit’s id')
    .action(async (which: string, flags: UnitFlags) => {
      const { runDir } = opened(flags);
      const view = await viewOf(runDir, which, null);
      if (view.state === 'done')
        throw inputError('unit-done', 'this unit is done', {
          got: view.id,
          remedy: `To compute it anew, delete ${runDir}/units/${view.id} and run again`,
        });
      askRetry(runDir, view.id);
      outside.print(
        `${view.id}: the winnow at work on this run tries it again; where none is, the same \`winnow run --out ${runDir}\` does\n`,
      );
    });

  verb('cancel', 'take back from the queue what it has of a run; what is done stays')
    .argument('[unit]', 'one unit alone')
    .action(async (which: string | undefined, flags: UnitFlags) => cancel(which, flags, outside));
}

/** The story of a unit, for `winnow why`. */
export async function whyUnit(which: string, flags: UnitFlags, outside: Outside): Promise<void> {
  const { runDir, executor } = opened(flags);
  const view = await viewOf(runDir, which, executor);
  if (flags.json === true) {
    outside.print(`${JSON.stringify(view, null, 2)}\n`);
    return;
  }
  const { id, state, durationMs, says, progress } = view;
  const took = durationMs === null ? '' : ` in ${duration(durationMs)}`;
  const lines = [
    `${id}: ${state}${took}${says === null ? '' : ` (the queue says: ${says})`}`,
    ...(progress === null ? [] : [`  ${progress.done} of ${progress.total} ${progress.what}`]),
    ...view.tries.flatMap(({ how, why, node, startedAtMs, log }, i) => [
      `  try ${i + 1}: ${how}${why === '' ? '' : ` (${why.split('\n', 1)[0]})`}${node === null ? '' : `, on ${node}`}${startedAtMs === null ? '' : `, ${new Date(startedAtMs).toISOString()}`}`,
      ...why
        .split('\n')
        .slice(1)
        .map((line) => `    ${line}`),
      ...(log === null ? [] : [`    ${log}`]),
    ]),
    ...(view.tries.length === 0 ? ['  not tried yet'] : []),
  ];
  outside.print(`${lines.join('\n')}\n`);
}

async function status(flags: UnitFlags, outside: Outside): Promise<void> {
  const { runDir, executor } = opened(flags);
  let shown = '';
  for (;;) {
    const units = await viewUnits(runDir, executor);
    const counts: Record<string, number> = {};
    for (const { state } of units) counts[state] = (counts[state] ?? 0) + 1;
    if (flags.json === true && flags.follow !== true) {
      outside.print(`${JSON.stringify({ out: runDir, counts, units }, null, 2)}\n`);
      return;
    }
    const text = `${table(units)}\n${Object.entries(counts)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ')}\n`;
    if (flags.follow !== true) {
      outside.print(text);
      return;
    }
    // One screen that renews itself; where the output is no terminal, what has changed.
    if (process.stdout.isTTY) outside.print(`\u001b[2J\u001b[H${text}`);
    else if (text !== shown) outside.print(text);
    shown = text;
    const goesOn = units.some(
      ({ state }) => state === 'running' || state === 'queued' || state === 'unknown',
    );
    if (!goesOn || outside.signal.aborted) return;
    await sleep(FOLLOW_MS, undefined, { signal: outside.signal }).catch(() => {});
  }
}

function table(units: readonly UnitView[]): string {
  const rows = units.map(({ id, state, progress, node, durationMs, tries, says }) => [
    id,
    state,
    durationMs !== null
      ? duration(durationMs)
      : progress === null
        ? ''
        : `${progress.done}/${progress.total} ${progress.what}`,
    progress?.loss === undefined ? '' : `loss ${progress.loss.toFixed(4)}`,
    tries.length > 1 ? `${tries.length} tries` : '',
    node ?? '',
    state === 'failed' ? (tries.at(-1)?.why.split('\n', 1)[0] ?? '') : (says ?? ''),
  ]);
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .filter((_, i) => (widths[i] ?? 0) > 0)
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function cancel(which: string | undefined, flags: UnitFlags, outside: Outside): Promise<void> {
  const { runDir, executor } = opened(flags);
  if (executor === null)
    throw inputError('no-queue', 'this run is not in a queue’s hands', {
      remedy: 'Workers of this machine end with their winnow (Ctrl-C)',
    });
  const only = which === undefined ? null : findUnit(runDir, which);
  let count = 0;
  for (const batch of readBatches(runDir)) {
    const live = batch.tasks.flatMap(({ unit }, i) =>
      batch.verdicts[i] === null && (only === null || unit === only) ? [i] : [],
    );
    if (batch.handle === null || live.length === 0 || batch.executor !== executor.kind) continue;
    const views = new Map((await viewUnits(runDir, null)).map((view) => [view.id, view]));
    const open = live.filter((i) => views.get(batch.tasks[i]?.unit ?? '')?.state !== 'done');
    if (open.length === 0) continue;
    // The word first: a driver at work must not take the end of the task for a failure.
    for (const i of open)
      noteVerdict(batch.dir, i, {
        ending: 'cancelled',
        why: 'by winnow cancel',
        atMs: Date.now(),
        step: 0,
      });
    await executor.cancel(jobOf(batch), open);
    count += open.length;
  }
  outside.print(
    `${count} ${count === 1 ? 'task' : 'tasks'} taken back; the same winnow run goes on from where they are\n`,
  );
}

function opened(flags: UnitFlags): { readonly runDir: string; readonly executor: Executor | null } {
  const runDir = openRun(resolve(flags.out ?? 'winnow-run'), { create: false }).dir;
  return { runDir, executor: openExecutor(configOf({ ...flags, out: runDir }).executor) };
}

async function viewOf(runDir: string, which: string, executor: Executor | null): Promise<UnitView> {
  const id = findUnit(runDir, which);
  const view = (await viewUnits(runDir, executor)).find((unit) => unit.id === id);
  if (view === undefined) throw new Error(`unit ${id} has no description`);
  return view;
}
