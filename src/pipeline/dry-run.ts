import type { DifficultyRow } from '../difficulty/scores.ts';
import { suspicions } from '../difficulty/suspicion.ts';
import type { Config } from '../run/config.ts';
import { type KeepOptions, keep, keptCount } from '../select/keep.ts';
import type { Rule } from '../select/rules.ts';
import { metaStrata } from '../select/strata.ts';
import { forcedBy, type Verdicts } from '../select/verdicts.ts';
import { usablePairs } from './prepare.ts';
import { keepOptionsOf, type RunFiles, readRunFiles } from './run-files.ts';
import {
  choose,
  pairTokens,
  rulesAndDecisions,
  type SelectionInput,
  selectionWarnings,
  verdictsOf,
} from './selection.ts';

/** Pairs of a group, and how many of them are kept now and would be. */
export interface GroupChange {
  readonly name: string;
  readonly pairs: number;
  readonly keptBefore: number | null;
  readonly kept: number;
}

export interface RuleChange {
  readonly name: string;
  readonly line: number;
  readonly action: Rule['action'];
  readonly matched: number;
  readonly decided: number;
  readonly byPeople: number;
  readonly shadowed: number;
  /** Of the pairs that it decided. */
  readonly keptToDropped: number;
  readonly droppedToKept: number;
}

export interface ChangedPair {
  readonly id: string;
  readonly row: number;
  readonly change: 'kept to dropped' | 'dropped to kept';
  readonly by: 'threshold' | 'rule' | 'person';
  readonly rule: string | null;
  readonly difficulty: number;
  readonly rank: number;
}

/** What a selection would be, held against the last one of the run. */
export interface DryRun {
  readonly options: KeepOptions;
  readonly places: number;
  readonly kept: number;
  readonly dropped: number;
  readonly threshold: number;
  /** Pairs kept by the last selection; null where there was none. */
  readonly keptBefore: number | null;
  readonly keptToDropped: number;
  readonly droppedToKept: number;
  readonly changed: readonly ChangedPair[];
  /** Changes that no rule made. */
  readonly otherChanges: Readonly<
    Record<'threshold' | 'person', Readonly<Record<ChangedPair['change'], number>>>
  >;
  readonly rules: readonly RuleChange[];
  /** By the values of the meta field asked for; null where none was. */
  readonly categories: { readonly by: string; readonly groups: readonly GroupChange[] } | null;
  /** By quarters of the chosen completion's length in tokens. */
  readonly lengths: readonly GroupChange[];
  /** What rules ask for that the measurements speak against, in sentences. */
  readonly conflicts: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * What `winnow select` would choose under a configuration, from the files of a run that is scored. Writes nothing.
 * @param by a meta field whose values are categories, `meta.FIELD`, or null.
 */
export async function dryRun(config: Config, by: string | null): Promise<DryRun> {
  const files = readRunFiles(config.out, config.selection.within);
  const input: SelectionInput = { ...files.input, ...rulesAndDecisions(config, files.dir) };
  const verdicts = await verdictsOf(input);
  const options = keepOptionsOf(config, files, forcedBy(verdicts));
  const { kept, threshold } = choose(input, verdicts, options);
  const now = new Set(kept.map(({ id }) => id));
  const before = keptBefore(files);
  const changed = changedPairs(input.difficulties, verdicts, before, now);
  const places = keptCount(input.difficulties.length, options.keepFraction);
  const count = (change: ChangedPair['change']) => changed.filter((pair) => pair.change === change).length;
  const groups = (names: ReadonlyMap<string, string>) => groupChanges(names, before, now);
  return {
    options,
    places,
    kept: kept.length,
    dropped: input.difficulties.length - kept.length,
    threshold,
    keptBefore: before === null ? null : before.size,
    keptToDropped: count('kept to dropped'),
    droppedToKept: count('dropped to kept'),
    changed,
    otherChanges: { threshold: changesBy(changed, 'threshold'), person: changesBy(changed, 'person') },
    rules: ruleChanges(verdicts, changed),
    categories: by === null ? null : { by, groups: groups(categories(input, by)) },
    lengths: groups(lengthQuarters(input)),
    conflicts: conflicts(input, verdicts, options, config.difficulty.scorer === 'validation-loss'),
    warnings: selectionWarnings(input, verdicts, options),
  };
}

/** What the last selection kept; null where the run has none, or its pairs are others by now. */
function keptBefore({ ledger }: RunFiles): ReadonlySet<string> | null {
  if (ledger === null) return null;
  return new Set(ledger.flatMap(({ id, decision }) => (decision === 'keep' && id !== null ? [id] : [])));
}

function changedPairs(
  difficulties: readonly DifficultyRow[],
  { byId }: Verdicts,
  before: ReadonlySet<string> | null,
  now: ReadonlySet<string>,
): ChangedPair[] {
  if (before === null) return [];
  return difficulties.flatMap(({ id, row, difficulty, rank }): ChangedPair[] => {
    if (before.has(id) === now.has(id)) return [];
    const verdict = byId.get(id);
    const by =
      verdict === undefined || verdict.action === 'review'
        ? 'threshold'
        : verdict.rule === null
          ? 'person'
          : 'rule';
    const change = now.has(id) ? 'dropped to kept' : 'kept to dropped';
    return [
      { id, row, change, by, rule: by === 'rule' ? (verdict?.rule?.name ?? null) : null, difficulty, rank },
    ];
  });
}

function changesBy(
  changed: readonly ChangedPair[],
  who: ChangedPair['by'],
): Record<ChangedPair['change'], number> {
  const count = (change: ChangedPair['change']) =>
    changed.filter((pair) => pair.by === who && pair.change === change).length;
  return { 'kept to dropped': count('kept to dropped'), 'dropped to kept': count('dropped to kept') };
}

function ruleChanges({ coverage }: Verdicts, changed: readonly ChangedPair[]): RuleChange[] {
  return coverage.map(({ rule, matched, decided, byPeople, shadowedBy }) => {
    const own = changed.filter((pair) => pair.rule === rule.name);
    const { name, line, action } = rule;
    return {
      ...{ name, line, action, matched, decided, byPeople },
      shadowed: shadowedBy.reduce((sum, { pairs }) => sum + pairs, 0),
      keptToDropped: own.filter(({ change }) => change === 'kept to dropped').length,
      droppedToKept: own.filter(({ change }) => change === 'dropped to kept').length,
    };
  });
}

function groupChanges(
  names: ReadonlyMap<string, string>,
  before: ReadonlySet<string> | null,
  now: ReadonlySet<string>,
): GroupChange[] {
  const groups = new Map<string, { name: string; pairs: number; keptBefore: number | null; kept: number }>();
  for (const [id, name] of names) {
    const own = groups.get(name) ?? { name, pairs: 0, keptBefore: before === null ? null : 0, kept: 0 };
    groups.set(name, own);
    own.pairs++;
    if (now.has(id)) own.kept++;
    if (own.keptBefore !== null && before?.has(id)) own.keptBefore++;
  }
  return [...groups.values()];
}

function categories({ runDir, difficulties }: SelectionInput, by: string): ReadonlyMap<string, string> {
  const scored = new Set(difficulties.map(({ id }) => id));
  const pairs = [...usablePairs(runDir)].filter(({ id }) => scored.has(id));
  const names = metaStrata(pairs, by.replace(/^meta\./, ''), '--by');
  return new Map([...names].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Quarters of the pairs by the chosen completion's tokens; equal lengths lie in one. */
function lengthQuarters({ difficulties, tokens }: SelectionInput): ReadonlyMap<string, string> {
  const known = difficulties.flatMap(({ id }) => {
    const counts = tokens.get(id);
    return counts === undefined ? [] : [{ id, length: counts.chosen }];
  });
  known.sort((a, b) => a.length - b.length);
  const ends = [0.25, 0.5, 0.75, 1].map((share) => known[Math.ceil(share * known.length) - 1]?.length ?? 0);
  const bounds = [...new Set(ends)];
  return new Map(
    known.map(({ id, length }) => {
      const at = bounds.findIndex((end) => length <= end);
      const low = at === 0 ? (known[0]?.length ?? 0) : (bounds[at - 1] as number) + 1;
      const high = bounds[at] as number;
      return [id, low === high ? `${low}` : `${low} to ${high}`];
    }),
  );
}

/** Sentences on what rules decide against the measurements. */
function conflicts(
  input: SelectionInput,
  { byId, matched }: Verdicts,
  options: KeepOptions,
  isLoss: boolean,
): string[] {
  const { difficulties, scores, strata, rules } = input;
  if (rules === null) return [];
  // What the threshold would keep, had it all places to itself.
  const alone = new Set(keep(difficulties, options, strata, pairTokens(input)).map(({ id }) => id));
  const against = new Set(
    (suspicions(scores, 1) ?? []).flatMap(({ id, suspicion }) => (suspicion === 'against' ? [id] : [])),
  );
  const said: string[] = [];
  for (const rule of rules.rules) {
    const own = difficulties.filter(({ id }) => byId.get(id)?.rule === rule);
    const number = (test: (row: DifficultyRow) => boolean) => own.filter(test).length;
    // ln 2 is the loss of a coin; other measurements have no such point.
    const hard = isLoss ? number(({ difficulty }) => difficulty > Math.LN2) : 0;
    const suspected = number(({ id }) => against.has(id));
    const beyond = number(({ id }) => !alone.has(id));
    const at = `rule ${rule.name} (line ${rule.line})`;
    if (rule.action === 'keep' && hard > 0)
      said.push(
        `${at} keeps ${pairs(hard)} that held-out models do not order as labelled (loss above ln 2 = 0.693)${suspected > 0 ? `, ${suspected} of them beyond what seeds differ by` : ''}`,
      );
    if (rule.action === 'keep' && beyond > 0)
      said.push(`${at} keeps ${pairs(beyond)} that the threshold alone would not keep`);
    const easy = own.length - beyond;
    if (rule.action === 'drop' && easy > 0)
      said.push(`${at} drops ${pairs(easy)} that the threshold alone would keep`);
    const overruled = difficulties.filter(({ id }) => {
      const person = byId.get(id)?.person?.decision;
      if (person === undefined || matched.get(id)?.[0] !== rule) return false;
      return rule.action === 'keep' ? person !== 'keep' : rule.action === 'drop' && person === 'keep';
    }).length;
    if (overruled > 0)
      said.push(`people decided ${pairs(overruled)} otherwise than ${at} would (${rule.action})`);
  }
  return said;
}

function pairs(count: number): string {
  return count === 1 ? '1 pair' : `${count} pairs`;
}
