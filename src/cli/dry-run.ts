import { type DryRun, dryRun, type GroupChange } from '../pipeline/dry-run.ts';
import { selectedBy } from '../select/ledger.ts';
import { type CommonFlags, configOf } from './options.ts';
import type { Outside } from './outside.ts';

export interface DryRunFlags extends CommonFlags {
  readonly dryRun?: boolean;
  readonly by?: string;
}

/** `winnow select --dry-run`: what would change, from the files of the run. */
export async function selectDryRun(flags: DryRunFlags, outside: Outside): Promise<void> {
  const config = configOf(flags);
  const { within } = config.selection;
  const by = flags.by ?? (within.startsWith('meta.') ? within : null);
  const run = await dryRun(config, by);
  outside.print(flags.json === true ? `${JSON.stringify(run, null, 2)}\n` : `${dryRunText(run)}\n`);
}

const SHOWN = 10;

function dryRunText(run: DryRun): string {
  const { options, kept, dropped, keptBefore, places, changed } = run;
  const total = kept + dropped;
  const short = changed.slice(0, SHOWN).map(({ id, row, change, by, rule, difficulty }) => {
    const who = rule === null ? by : `rule ${rule}`;
    return `  row ${row} (${id.slice(0, 12)}): ${change}, by ${who}; difficulty ${difficulty.toFixed(4)}`;
  });
  return [
    `Dry run, nothing is written: ${kept} of ${total} pairs would be kept (${selectedBy(options)}${options.band === undefined && options.budget === undefined ? `: ${places} places` : ''}; threshold ${run.threshold.toFixed(4)})`,
    keptBefore === null
      ? 'No selection yet to hold this against'
      : `Against the last selection, which kept ${keptBefore}: ${run.keptToDropped} kept → dropped, ${run.droppedToKept} dropped → kept`,
    ...short,
    ...(changed.length > SHOWN ? [`  … and ${changed.length - SHOWN} more (--json has all)`] : []),
    ...(run.rules.length > 0 ? ['By rule:', ...table(ruleRows(run))] : []),
    ...(run.categories === null
      ? []
      : [`By ${run.categories.by}:`, ...table(groupRows(run.categories.groups))]),
    'By tokens of the chosen completion:',
    ...table(groupRows(run.lengths)),
    ...(run.conflicts.length > 0 ? ['Conflicts:', ...run.conflicts.map((line) => `  ${line}`)] : []),
    ...run.warnings.map((warning) => `note: ${warning}`),
  ].join('\n');
}

function ruleRows({ rules, otherChanges }: DryRun): string[][] {
  const head = [
    'rule',
    'action',
    'line',
    'matched',
    'decided',
    'shadowed',
    'by people',
    'kept→dropped',
    'dropped→kept',
  ];
  return [
    head,
    ...rules.map(
      ({ name, action, line, matched, decided, shadowed, byPeople, keptToDropped, droppedToKept }) =>
        [name, action, line, matched, decided, shadowed, byPeople, keptToDropped, droppedToKept].map(String),
    ),
    ...(['threshold', 'person'] as const).map((who) => {
      const change = otherChanges[who];
      const counts = [change['kept to dropped'], change['dropped to kept']].map(String);
      return [`(${who === 'person' ? 'people' : who})`, '', '', '', '', '', '', ...counts];
    }),
  ];
}

function groupRows(groups: readonly GroupChange[]): string[][] {
  const share = (kept: number | null, pairs: number) =>
    kept === null ? '' : `${kept} (${((100 * kept) / pairs).toFixed(1)} %)`;
  return [
    ['', 'pairs', 'kept before', 'would be kept'],
    ...groups.map(({ name, pairs, keptBefore, kept }) => [
      name,
      String(pairs),
      share(keptBefore, pairs),
      share(kept, pairs),
    ]),
  ];
}

/** Columns under one another, the first to the left and the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map(
    (row) =>
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`,
  );
}
