import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { putJsonLines } from '../base/json.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import { suspicions } from '../difficulty/suspicion.ts';
import { pairId } from '../pairs/id.ts';
import type { PreferencePair, RefusedRow } from '../pairs/pair.ts';
import type { Config } from '../run/config.ts';
import { costOf } from '../select/budget.ts';
import { type Decision, type DecisionFile, readDecisions, standingDecisions } from '../select/decisions.ts';
import { type KeepOptions, keptCount } from '../select/keep.ts';
import { keepForced } from '../select/keep-forced.ts';
import { type LedgerRow, ledger } from '../select/ledger.ts';
import type { RulePair } from '../select/rule-columns.ts';
import { ruleMatches } from '../select/rule-matches.ts';
import { type RuleSet, readRules } from '../select/rules.ts';
import type { Strata } from '../select/strata.ts';
import {
  coverageWarnings,
  forcedBy,
  makeVerdicts,
  type RuleCoverage,
  type Verdicts,
} from '../select/verdicts.ts';
import { readUsable } from './prepare.ts';

/** Everything that decides a selection but the share. */
export interface SelectionInput {
  readonly runDir: string;
  readonly difficulties: readonly DifficultyRow[];
  readonly scores: readonly ScoreRow[];
  readonly strata: Strata | null;
  /** Tokens of each scored pair, by id. */
  readonly tokens: ReadonlyMap<string, TokenCounts>;
  readonly heldOut: readonly { readonly id: string; readonly row: number }[];
  readonly refused: readonly RefusedRow[];
  readonly rules: RuleSet | null;
  readonly decisions: DecisionFile | null;
}

export interface TokenCounts {
  readonly prompt: number;
  readonly chosen: number;
  readonly rejected: number;
}

/** What was kept, and every row's fate. */
export interface Chosen {
  /** In training order. */
  readonly kept: readonly DifficultyRow[];
  /** Largest difficulty that the threshold kept; of all kept where rules and people kept them all. */
  readonly threshold: number;
  /** What the kept pairs cost, in the unit of the budget; null without one. */
  readonly spent: number | null;
  readonly ledger: readonly LedgerRow[];
}

/** The rules and decisions that a configuration names. A run folder's own decisions count where none are named. */
export function rulesAndDecisions(
  { selection }: Pick<Config, 'selection'>,
  runDir: string,
): Pick<SelectionInput, 'rules' | 'decisions'> {
  const file = decisionsFile({ selection }, runDir);
  const isNamed = selection.decisions !== null;
  return {
    rules: selection.rules === null ? null : readRules(selection.rules),
    decisions: isNamed || existsSync(file) ? readDecisions(file) : null,
  };
}

/** Where decisions lie, or would. */
export function decisionsFile({ selection }: Pick<Config, 'selection'>, runDir: string): string {
  return selection.decisions ?? join(runDir, 'decisions.jsonl');
}

/** What rules and people say of every scored pair. */
export async function verdictsOf(input: SelectionInput): Promise<Verdicts> {
  const { difficulties, rules, decisions } = input;
  const matches = rules === null ? [] : await ruleMatches(rules, rulePairs(input));
  return makeVerdicts(
    difficulties,
    rules?.rules ?? [],
    matches,
    standingDecisions(decisions?.decisions ?? []),
  );
}

/** The scored pairs as rules see them, in the order of the difficulties. */
export function rulePairs({ runDir, difficulties, scores, tokens }: SelectionInput): RulePair[] {
  const pairs = readUsable(
    runDir,
    difficulties.map(({ id }) => id),
  );
  const suspected = new Map((suspicions(scores, 1) ?? []).map(({ id, suspicion }) => [id, suspicion]));
  return difficulties.map(({ id, difficulty, spread, rank }) => {
    const { row, prompt, chosen, rejected, meta } = pairs.get(id) as PreferencePair;
    const suspicion = suspected.get(id) ?? null;
    return {
      id,
      row,
      prompt,
      chosen,
      rejected,
      meta,
      tokens: tokens.get(id) ?? null,
      difficulty,
      spread,
      rank,
      suspicion,
    };
  });
}

/** The selection of a share, under what rules and people say. */
export function choose(input: SelectionInput, verdicts: Verdicts, options: KeepOptions): Chosen {
  const { difficulties, strata, heldOut, refused } = input;
  const forced = forcedBy(verdicts);
  const tokens = pairTokens(input);
  const kept = keepForced(difficulties, options, strata, forced, tokens);
  const keptIds = kept.map(({ id }) => id);
  const spent = options.budget === undefined ? null : costOf(options.budget, keptIds, tokens);
  const byThreshold = kept.filter(({ id }) => !forced.keep.has(id));
  const threshold = (byThreshold.length > 0 ? byThreshold : kept).reduce(
    (most, { difficulty }) => Math.max(most, difficulty),
    Number.NEGATIVE_INFINITY,
  );
  const { byId, weights } = verdicts;
  const rows = ledger({ difficulties, kept, heldOut, refused, options, strata, verdicts: byId, weights });
  return { kept, threshold, spent, ledger: rows };
}

/** Tokens of each scored pair together: what a budget counts. */
export function pairTokens({ tokens }: Pick<SelectionInput, 'tokens'>): ReadonlyMap<string, number> {
  return new Map([...tokens].map(([id, { prompt, chosen, rejected }]) => [id, prompt + chosen + rejected]));
}

/** Lines of `selected.jsonl`. */
export function* selectedLines(
  runDir: string,
  kept: readonly DifficultyRow[],
  { weights }: Pick<Verdicts, 'weights'>,
): Generator<unknown> {
  const pairs = readUsable(
    runDir,
    kept.map(({ id }) => id),
  );
  for (const { id, difficulty, rank } of kept) {
    const { prompt, chosen, rejected, meta, row } = pairs.get(id) as PreferencePair;
    const weight = weights.get(id);
    const weighed = weight === undefined ? {} : { weight };
    yield { id, row, difficulty, rank, ...weighed, prompt, chosen, rejected, meta };
  }
}

/** Lines of `corrections.jsonl`: the pairs whose labels people found the wrong way round, turned round. */
export function* correctionLines(runDir: string, { byId }: Verdicts): Generator<unknown> {
  const swapped = [...byId].filter(([, { person }]) => person?.decision === 'swap');
  const pairs = readUsable(
    runDir,
    swapped.map(([id]) => id),
  );
  for (const [was, { person }] of swapped) {
    const { row, prompt, chosen, rejected, meta } = pairs.get(was) as PreferencePair;
    const { note, time, reviewer } = person as Decision;
    const turned = { prompt, chosen: rejected, rejected: chosen };
    yield { id: pairId(prompt, rejected, chosen), row, ...turned, meta, was, note, time, reviewer };
  }
}

/** SHA-256 of rows as JSON Lines, which are never held as a whole. */
export function hashOfLines(rows: Iterable<unknown>, file: string): string {
  const hash = createHash('sha256');
  putJsonLines(rows, (piece) => hash.update(piece), file);
  return hash.digest('hex');
}

/** What a receipt says of rules and decisions; nothing of those that there were not. */
export function saidInReceipt(
  { rules, decisions }: Pick<SelectionInput, 'rules' | 'decisions'>,
  { coverage }: Verdicts,
): Readonly<Record<string, unknown>> {
  const told = ({ rule, matched, decided, byPeople }: RuleCoverage) => {
    const { name, action, weight, line } = rule;
    return { name, action, ...(weight === null ? {} : { weight }), line, matched, decided, byPeople };
  };
  return {
    ...(rules === null
      ? {}
      : {
          rules: {
            file: basename(rules.file),
            sha256: rules.sha256,
            coverage: coverage.map(told),
            text: rules.text,
          },
        }),
    ...(decisions === null
      ? {}
      : {
          decisions: {
            file: basename(decisions.file),
            sha256: decisions.sha256,
            bytes: decisions.bytes,
            lines: decisions.decisions.length,
          },
        }),
  };
}

/** What should be known of rules and decisions before the selection is relied on, in sentences. */
export function selectionWarnings(
  { rules, decisions, difficulties }: Pick<SelectionInput, 'rules' | 'decisions' | 'difficulties'>,
  { coverage, strayDecisions, byId }: Verdicts,
  { keepFraction, band, budget }: KeepOptions,
): string[] {
  const of = (wanted: string) => [...byId.values()].filter(({ action }) => action === wanted).length;
  const [keeping, left] = [of('keep'), difficulties.length - of('drop')];
  // A band and a budget have no number of places.
  const places =
    band === undefined && budget === undefined ? keptCount(difficulties.length, keepFraction) : null;
  return [
    ...(rules === null ? [] : coverageWarnings(coverage, rules.file)),
    ...(places !== null && keeping > places
      ? [
          `rules and people keep ${keeping} pairs, more than the ${places} of the keep fraction: all of them are kept, and no other pair`,
        ]
      : []),
    ...(places !== null && left < places
      ? [
          `rules and people drop so many that ${left} pairs are left for the ${places} places of the keep fraction: all of them are kept`,
        ]
      : []),
    ...(decisions?.cutShort === true
      ? [`${decisions.file}: the last line was cut short and decides nothing`]
      : []),
    ...(strayDecisions.length > 0
      ? [
          `${decisions?.file ?? 'decisions'}: ${strayDecisions.length} decisions are about pairs that were not scored (held out, refused, or of other data) and decide nothing here`,
        ]
      : []),
  ];
}
