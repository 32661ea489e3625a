import type { DifficultyRow } from '../difficulty/scores.ts';
import type { Decision } from './decisions.ts';
import type { Rule } from './rules.ts';

/** Who decides of a pair beside the threshold. */
export interface Verdict {
  readonly action: 'keep' | 'drop' | 'review';
  /** The decision of a person, or the rule. */
  readonly person: Decision | null;
  readonly rule: Rule | null;
}

/** What rules and people say of the scored pairs. Pairs of which nothing is said are left to the threshold. */
export interface Verdicts {
  readonly byId: ReadonlyMap<string, Verdict>;
  /** Names of all rules that match a pair, in their order. */
  readonly matched: ReadonlyMap<string, readonly Rule[]>;
  readonly coverage: readonly RuleCoverage[];
  /** What the loss of a pair counts in every arm, the product of the rules that weigh it; pairs that count 1 are not in it. */
  readonly weights: ReadonlyMap<string, number>;
  /** Decisions of people about pairs that were not scored: held out, refused, or no longer in the data. */
  readonly strayDecisions: readonly Decision[];
}

/** What became of a rule's matches. */
export interface RuleCoverage {
  readonly rule: Rule;
  readonly matched: number;
  /** Of them those that this rule decided. */
  readonly decided: number;
  /** Of them those that a person decided, and those that each rule above decided, which says something else or the same. */
  readonly byPeople: number;
  readonly shadowedBy: readonly { readonly rule: Rule; readonly pairs: number }[];
}

/**
 * A person's decision goes before every rule; of the rules the first that matches decides; of the rest the threshold.
 * Rules that weigh decide nothing: the weights of all that match are multiplied.
 * @param matches of each rule the places in `pairs` that it matches.
 */
export function makeVerdicts(
  pairs: readonly Pick<DifficultyRow, 'id'>[],
  rules: readonly Rule[],
  matches: readonly (readonly number[])[],
  decisions: ReadonlyMap<string, Decision>,
): Verdicts {
  const matched = new Map<string, Rule[]>();
  for (const [r, rule] of rules.entries())
    for (const place of matches[r] ?? []) {
      const { id } = pairs[place] as { id: string };
      const known = matched.get(id);
      if (known === undefined) matched.set(id, [rule]);
      else known.push(rule);
    }
  const byId = new Map<string, Verdict>();
  const weights = new Map<string, number>();
  const tally = new Map(
    rules.map((rule) => [rule, { matched: 0, decided: 0, byPeople: 0, shadows: new Map<Rule, number>() }]),
  );
  for (const { id } of pairs) {
    const all = matched.get(id) ?? [];
    const weighing = all.filter(({ action }) => action === 'weight');
    for (const rule of weighing) {
      const own = tally.get(rule) as NonNullable<ReturnType<typeof tally.get>>;
      own.matched++;
      own.decided++;
    }
    const weight = weighing.reduce((product, rule) => product * (rule.weight as number), 1);
    if (weight !== 1) weights.set(id, weight);
    const [first, ...others] = all.filter(isDeciding);
    const person = decisions.get(id) ?? null;
    if (person !== null)
      byId.set(id, { action: person.decision === 'keep' ? 'keep' : 'drop', person, rule: null });
    else if (first !== undefined) byId.set(id, { action: first.action, person: null, rule: first });
    if (first === undefined) continue;
    for (const rule of [first, ...others]) {
      const own = tally.get(rule) as NonNullable<ReturnType<typeof tally.get>>;
      own.matched++;
      if (person !== null) own.byPeople++;
      else if (rule === first) own.decided++;
      else own.shadows.set(first, 1 + (own.shadows.get(first) ?? 0));
    }
  }
  const ids = new Set(pairs.map(({ id }) => id));
  return {
    byId,
    matched,
    weights,
    coverage: [...tally].map(([rule, { shadows, ...own }]) => ({
      rule,
      ...own,
      shadowedBy: [...shadows].map(([above, count]) => ({ rule: above, pairs: count })),
    })),
    strayDecisions: [...decisions.values()].filter(({ id }) => !ids.has(id)),
  };
}

function isDeciding(rule: Rule): rule is Rule & { readonly action: Verdict['action'] } {
  return rule.action !== 'weight';
}

/** The pairs that rules and people take out of the threshold's hands. */
export interface Forced {
  /** Kept whatever their difficulty. */
  readonly keep: ReadonlySet<string>;
  /** Trained on by no arm. */
  readonly drop: ReadonlySet<string>;
}

export const NOTHING_FORCED: Forced = { keep: new Set(), drop: new Set() };

/** Those that are kept and dropped; `review` leaves a pair to the threshold until a person has decided. */
export function forcedBy({ byId }: Pick<Verdicts, 'byId'>): Forced {
  const of = (action: Verdict['action']) =>
    new Set([...byId].flatMap(([id, verdict]) => (verdict.action === action ? [id] : [])));
  return { keep: of('keep'), drop: of('drop') };
}

/** What a person should know of a rule before relying on it, in sentences; the rule's line leads. */
export function coverageWarnings(coverage: readonly RuleCoverage[], file: string): string[] {
  return coverage.flatMap(({ rule, matched, decided, byPeople, shadowedBy }) => {
    const at = `${file}, line ${rule.line}: rule ${rule.name}`;
    if (matched === 0) return [`${at} matches no pair`];
    const whole =
      decided === 0
        ? [
            `${at} decides none of its ${count(matched)}: ${[
              ...shadowedBy.map(
                ({ rule: above, pairs }) => `${above.name} (line ${above.line}) decides ${pairs}`,
              ),
              ...(byPeople > 0 ? [`people decided ${byPeople}`] : []),
            ].join(', ')}`,
          ]
        : [];
    const against = shadowedBy
      .filter(({ rule: above }) => above.action !== rule.action)
      .map(
        ({ rule: above, pairs }) =>
          `${at} would ${rule.action} ${count(pairs)} that ${above.name} (line ${above.line}) decides first: ${above.action}`,
      );
    return [...whole, ...against];
  });
}

function count(pairs: number): string {
  return pairs === 1 ? '1 pair' : `${pairs} pairs`;
}
