import type { DifficultyRow } from '../difficulty/scores.ts';
import type { RefusedRow } from '../pairs/pair.ts';
import type { Budget } from './budget.ts';
import type { KeepOptions } from './keep.ts';
import { type Strata, stratumOf } from './strata.ts';
import type { Verdict } from './verdicts.ts';

/** A line of `ledger.jsonl`: for every row of the input what became of it and why. */
export interface LedgerRow {
  readonly row: number;
  readonly id: string | null;
  readonly decision: 'keep' | 'drop' | 'held-out' | 'refused';
  /** Who decided; null of a row that was not for selection. */
  readonly by: 'threshold' | 'rule' | 'person' | null;
  /** The rule that decided, or that asks for a person's look. */
  readonly rule: string | null;
  readonly reason: string;
  readonly difficulty: number | null;
  readonly spread: number | null;
  readonly rank: number | null;
  /** 0-based place in the training order. */
  readonly position: number | null;
  /** What the loss of a kept pair counts, where rules say another number than 1. */
  readonly weight?: number;
}

export interface LedgerInput {
  readonly difficulties: readonly DifficultyRow[];
  /** In training order. */
  readonly kept: readonly DifficultyRow[];
  readonly heldOut: readonly { readonly id: string; readonly row: number }[];
  readonly refused: readonly RefusedRow[];
  readonly options: KeepOptions;
  /** Within what the keep fraction was applied; left out: within all. */
  readonly strata?: Strata | null;
  /** What rules and people said; left out: nothing. */
  readonly verdicts?: ReadonlyMap<string, Verdict>;
  /** Of pairs whose loss counts another number than 1. */
  readonly weights?: ReadonlyMap<string, number>;
}

/**
 * The ledger, in the order of the input. A reason holds the pair's rank and what it was one of; with strata also its
 * rank within its stratum, and how many were kept there. Of a pair that a rule or a person decided it says who and why.
 */
export function ledger(input: LedgerInput): LedgerRow[] {
  const { difficulties, kept, heldOut, refused } = input;
  const position = new Map(kept.map(({ id }, place) => [id, place]));
  const why = thresholdReasons(input, position);
  const rows: LedgerRow[] = [];
  for (const { id, row, difficulty, spread, rank } of difficulties) {
    const place = position.get(id);
    const verdict = input.verdicts?.get(id);
    const told =
      verdict === undefined
        ? { by: 'threshold' as const, rule: null, reason: why(id, rank) }
        : saidOf(
            verdict,
            verdict.action === 'review' ? why(id, rank) : `rank ${rank} of ${difficulties.length}`,
          );
    const decision = place === undefined ? 'drop' : 'keep';
    const weight = place === undefined ? undefined : input.weights?.get(id);
    const weighed = weight === undefined ? {} : { weight };
    rows.push({ row, id, decision, ...told, difficulty, spread, rank, position: place ?? null, ...weighed });
  }
  const bare = { by: null, rule: null, difficulty: null, spread: null, rank: null, position: null };
  for (const { id, row } of heldOut)
    rows.push({ row, id, decision: 'held-out', reason: 'kept apart for evaluation', ...bare });
  for (const { id, row, message } of refused)
    rows.push({ row, id: id ?? null, decision: 'refused', reason: message, ...bare });
  return rows.sort((a, b) => a.row - b.row);
}

/** What the threshold says of a pair that is its to decide. */
function thresholdReasons(
  { difficulties, options, strata, verdicts }: LedgerInput,
  position: ReadonlyMap<string, number>,
): (id: string, rank: number) => string {
  const decided = ({ id }: DifficultyRow) => (verdicts?.get(id)?.action ?? 'review') !== 'review';
  const free = difficulties.filter((row) => !decided(row));
  const kept = free.filter(({ id }) => position.has(id)).length;
  const what = (count: number) =>
    ({
      easiest: `of the easiest ${count}`,
      hardest: `of the hardest ${count}`,
      middle: `of the middle ${count}`,
      random: `of ${count} drawn at random`,
    })[options.direction];
  const by = selectedBy(options);
  const within = strata == null ? null : standings(free, position, strata);
  const left = free.length < difficulties.length ? ` of the ${free.length} left to the threshold` : '';
  return (id, rank) => {
    const own = within?.get(id);
    const standing = `rank ${rank} of ${difficulties.length}${own === undefined ? '' : `, rank ${own.rank} of ${own.stratum.pairs} within ${own.stratum.name}`}`;
    const group = own === undefined ? `${what(kept)}${left}` : `${what(own.stratum.kept)} there`;
    return `${standing}: ${position.has(id) ? 'one' : 'not one'} ${group} (${by})`;
  };
}

function saidOf(
  { action, person, rule }: Verdict,
  standing: string,
): Pick<LedgerRow, 'by' | 'rule' | 'reason'> {
  if (person !== null) {
    const did = { keep: 'kept it', drop: 'dropped it', swap: 'found its label the wrong way round' };
    const what = did[person.decision as keyof typeof did];
    const note = person.note === null ? '' : `: ${person.note}`;
    return {
      by: 'person',
      rule: null,
      reason: `${person.reviewer ?? 'a person'} ${what}${note}; ${standing}`,
    };
  }
  if (rule === null) throw new RangeError('saidOf: need a person or a rule, got neither');
  const because = rule.because === null ? '' : `: ${rule.because.replace(/[.。]$/, '')}`;
  const named = `rule ${rule.name} (line ${rule.line})`;
  return action === 'review'
    ? { by: 'threshold', rule: rule.name, reason: `${standing}; ${named} asks for a look${because}` }
    : { by: 'rule', rule: rule.name, reason: `${named} ${action}s it${because}; ${standing}` };
}

/** What decided the number: a share, a band of quantiles, a budget. */
export function selectedBy({ keepFraction, band, budget }: KeepOptions): string {
  const parts = [
    ...(band === undefined ? [] : [`band ${band[0]} to ${band[1]}`]),
    ...(budget === undefined ? [] : [`budget of ${budgetText(budget)}`]),
  ];
  return parts.length === 0 ? `keep fraction ${keepFraction}` : parts.join(', ');
}

function budgetText({ unit, most }: Budget): string {
  return unit === 'money' ? `${most} in money` : `${most} ${unit}`;
}

interface Standing {
  readonly rank: number;
  readonly stratum: { readonly name: string; readonly pairs: number; readonly kept: number };
}

/** Of every pair its place in its stratum, 1 the easiest, and what the stratum has. */
function standings(
  difficulties: readonly DifficultyRow[],
  kept: ReadonlyMap<string, number>,
  strata: Strata,
): ReadonlyMap<string, Standing> {
  const found = new Map<string, { name: string; pairs: number; kept: number }>();
  const ascending = [...difficulties].sort((a, b) => a.rank - b.rank);
  return new Map(
    ascending.map(({ id }) => {
      const name = stratumOf(strata, id);
      const stratum = found.get(name) ?? { name, pairs: 0, kept: 0 };
      found.set(name, stratum);
      stratum.pairs++;
      if (kept.has(id)) stratum.kept++;
      return [id, { rank: stratum.pairs, stratum }];
    }),
  );
}
