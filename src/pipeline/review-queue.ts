import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../base/json.ts';
import type { DifficultyRow } from '../difficulty/scores.ts';
import { type SuspicionRow, suspicions } from '../difficulty/suspicion.ts';
import type { Config } from '../run/config.ts';
import type { Decision } from '../select/decisions.ts';
import type { KeepOptions } from '../select/keep.ts';
import { forcedBy } from '../select/verdicts.ts';
import { normalCdf } from '../stats/normal.ts';
import { keepOptionsOf, readRunFiles } from './run-files.ts';
import { choose, decisionsFile, rulesAndDecisions, type SelectionInput, verdictsOf } from './selection.ts';

/** Why a pair is in the queue: a rule asks for it, the threshold is near, or its label may be wrong. */
export const REVIEW_CAUSES = ['rule', 'threshold', 'label'] as const;
export type ReviewCause = (typeof REVIEW_CAUSES)[number];

export interface ReviewItem {
  readonly id: string;
  readonly row: number;
  readonly cause: ReviewCause;
  /** For people: each cause that there is. */
  readonly reasons: readonly string[];
  /** How much a look is worth, 0 to 1: see `reviewQueue`. */
  readonly worth: number;
  readonly difficulty: number;
  readonly rank: number;
  /** What the selection makes of it so far. */
  readonly decision: 'keep' | 'drop';
}

export interface ReviewQueue {
  readonly items: readonly ReviewItem[];
  readonly counts: Readonly<Record<ReviewCause, number>>;
  readonly threshold: number;
  /** Standard error of a difficulty, nats; null where nothing tells it, and no pair is then near the threshold. */
  readonly standardError: number | null;
  readonly decisionsFile: string;
  /** Pairs that people have decided, or skipped: no longer in the queue. */
  readonly decided: number;
  readonly skipped: number;
  /** A last line of the decisions that a kill cut short. */
  readonly cutShort: boolean;
}

/** Least chance that the threshold falls on the wrong side of a pair for it to be near: 0.67 standard errors. Ours. */
const NEAR = 0.25;

/**
 * The pairs that a person should look at: those that rules ask for, then those near the threshold, then those whose
 * label may be wrong (kept ones first); within each by what a look is worth, the most first.
 *
 * worth = the chance that a look changes what becomes of the pair, as far as the measurements tell:
 *   threshold: Φ(−|d − c| / s), that the pair's true difficulty lies on the other side of the cut;
 *   label:     Φ(−z), that the pair's true margin is against its label (`suspicions`);
 *   rule:      the larger of the two.
 *
 * d is the difficulty, c the cut between kept and dropped pairs that the threshold decides (with strata that of the
 * pair's own; none where it keeps or drops all of them, or draws at random, and none of a band or the middle), and s the standard error of d: √(Σ spread² / N) / √n over all pairs, for n
 * seeds or checkpoints are too few to tell one pair's own; with one loss a pair SD(d) · √(1 − ρ), the standard error
 * of measurement of classical test theory (Lord and Novick 1968, §3.8) from the reliability ρ of the run.
 *
 * @param again also asks about pairs that people decided or skipped before.
 */
export async function reviewQueue(config: Config, again = false): Promise<ReviewQueue> {
  const files = readRunFiles(config.out, config.selection.within);
  const input: SelectionInput = { ...files.input, ...rulesAndDecisions(config, files.dir) };
  const verdicts = await verdictsOf(input);
  const options = keepOptionsOf(config, files, forcedBy(verdicts));
  const { kept, threshold } = choose(input, verdicts, options);
  const isKept = new Set(kept.map(({ id }) => id));
  const isFree = (id: string) => (verdicts.byId.get(id)?.action ?? 'review') === 'review';
  const cuts = cutsOf(input, options, isFree, isKept);
  const error = standardError(files.dir, input.difficulties);
  const suspected = new Map((suspicions(input.scores, 1) ?? []).map((row) => [row.id, row]));
  const last = lastWords(input.decisions?.decisions ?? []);
  const [decided, skipped] = [new Set<string>(), new Set<string>()];
  const items = input.difficulties.flatMap((row): ReviewItem[] => {
    const said = last.get(row.id);
    if (said !== undefined) (said.decision === 'skip' ? skipped : decided).add(row.id);
    if (said !== undefined && !again) return [];
    const verdict = verdicts.byId.get(row.id);
    // What a rule drops is nobody's to look at; what it keeps may still have a wrong label.
    if (verdict?.rule != null && verdict.action === 'drop') return [];
    const rule = verdict?.action === 'review' ? verdict.rule : null;
    const cut = cuts.get(input.strata?.get(row.id) ?? '') ?? null;
    const near =
      (isFree(row.id) || said !== undefined) && error !== null && cut !== null
        ? normalCdf(-Math.abs(row.difficulty - cut) / error)
        : 0;
    const suspicion = suspected.get(row.id);
    const against = suspicion?.suspicion === 'against' ? normalCdf(-suspicion.z) : 0;
    if (rule === null && near < NEAR && against === 0) return [];
    const cause = rule !== null ? 'rule' : near >= NEAR ? 'threshold' : 'label';
    const reasons = [
      ...(rule === null
        ? []
        : [`rule ${rule.name} (line ${rule.line}) asks${rule.because === null ? '' : `: ${rule.because}`}`]),
      ...(near < NEAR ? [] : [nearSaid(row, cut as number, near)]),
      ...(against === 0 ? [] : [againstSaid(suspicion as SuspicionRow)]),
    ];
    const worth = cause === 'threshold' ? near : cause === 'label' ? against : Math.max(near, against);
    const { id, row: at, difficulty, rank } = row;
    return [
      { id, row: at, cause, reasons, worth, difficulty, rank, decision: isKept.has(id) ? 'keep' : 'drop' },
    ];
  });
  items.sort(
    (a, b) =>
      REVIEW_CAUSES.indexOf(a.cause) - REVIEW_CAUSES.indexOf(b.cause) ||
      (a.cause === 'label' ? Number(b.decision === 'keep') - Number(a.decision === 'keep') : 0) ||
      b.worth - a.worth ||
      a.row - b.row,
  );
  const count = (cause: ReviewCause) => items.filter((item) => item.cause === cause).length;
  return {
    items,
    counts: { rule: count('rule'), threshold: count('threshold'), label: count('label') },
    threshold,
    standardError: error,
    decisionsFile: decisionsFile(config, files.dir),
    decided: decided.size,
    skipped: skipped.size,
    cutShort: input.decisions?.cutShort ?? false,
  };
}

/** By stratum ('' without) the difficulty midway between the pairs that the threshold keeps and drops. */
function cutsOf(
  { difficulties, strata }: SelectionInput,
  { direction, band }: KeepOptions,
  isFree: (id: string) => boolean,
  isKept: ReadonlySet<string>,
): ReadonlyMap<string, number> {
  // Other selections have no one cut.
  if (direction === 'random' || direction === 'middle' || band !== undefined) return new Map();
  const groups = new Map<string, { kept: number; dropped: number }>();
  // The hardest of the kept and the easiest of the dropped; the other way round where the hardest are kept.
  const sign = direction === 'easiest' ? 1 : -1;
  for (const { id, difficulty } of difficulties) {
    if (!isFree(id)) continue;
    const name = strata?.get(id) ?? '';
    const own = groups.get(name) ?? { kept: Number.NEGATIVE_INFINITY, dropped: Number.POSITIVE_INFINITY };
    groups.set(name, own);
    if (isKept.has(id)) own.kept = Math.max(own.kept, sign * difficulty);
    else own.dropped = Math.min(own.dropped, sign * difficulty);
  }
  return new Map(
    [...groups].flatMap(([name, { kept, dropped }]) =>
      Number.isFinite(kept) && Number.isFinite(dropped)
        ? [[name, (sign * (kept + dropped)) / 2] as const]
        : [],
    ),
  );
}

/** The last that people said of each pair; a note says nothing of its fate, and a skip takes back no decision. */
function lastWords(decisions: readonly Decision[]): ReadonlyMap<string, Decision> {
  const last = new Map<string, Decision>();
  for (const decision of decisions) {
    if (decision.decision === 'note') continue;
    if (decision.decision === 'skip' && last.has(decision.id)) continue;
    last.set(decision.id, decision);
  }
  return last;
}

function standardError(dir: string, difficulties: readonly DifficultyRow[]): number | null {
  const spread = difficulties.filter((row) => row.spread !== null);
  const losses = Math.max(...difficulties.map(({ n }) => n), 1);
  if (spread.length > 0) {
    const squares = spread.reduce((sum, row) => sum + (row.spread as number) ** 2, 0);
    const error = Math.sqrt(squares / spread.length / losses);
    return error > 0 ? error : null;
  }
  const file = join(dir, 'reliability.json');
  const found = existsSync(file) ? (readJson(file) as { spearman?: number | null } | null)?.spearman : null;
  if (typeof found !== 'number' || difficulties.length < 2) return null;
  const mean = difficulties.reduce((sum, { difficulty }) => sum + difficulty, 0) / difficulties.length;
  const squares = difficulties.reduce((sum, { difficulty }) => sum + (difficulty - mean) ** 2, 0);
  const error = Math.sqrt((squares / (difficulties.length - 1)) * Math.max(0, 1 - found));
  return error > 0 ? error : null;
}

function nearSaid({ difficulty }: DifficultyRow, cut: number, chance: number): string {
  const side = difficulty > cut ? 'above' : 'below';
  return `${Math.abs(difficulty - cut).toFixed(4)} nats ${side} the cut at ${cut.toFixed(4)}: ${(100 * chance).toFixed(0)} % that it belongs on the other side`;
}

function againstSaid({ z }: SuspicionRow): string {
  return `held-out models order it against its label (z ${z.toFixed(2)}): the label may be wrong`;
}
