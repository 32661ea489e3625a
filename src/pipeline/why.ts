import { basename } from 'node:path';
import { inputError } from '../base/errors.ts';
import type { ScorerName } from '../difficulty/scorers.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import { marginOf } from '../difficulty/scores.ts';
import { type SuspicionRow, suspicions } from '../difficulty/suspicion.ts';
import type { PreferencePair, RefusedRow } from '../pairs/pair.ts';
import { plainText } from '../pairs/survey/text.ts';
import type { Config } from '../run/config.ts';
import type { Decision } from '../select/decisions.ts';
import type { LedgerRow } from '../select/ledger.ts';
import { parseRules, type RuleAction } from '../select/rules.ts';
import { usablePairs } from './prepare.ts';
import { type RunFiles, readRunFiles } from './run-files.ts';
import { rulesAndDecisions, type TokenCounts, verdictsOf } from './selection.ts';

/** What one scoring run says of a pair. Log-probabilities in nats. */
export interface WhyScore {
  readonly seed: number;
  readonly part: number;
  readonly checkpoint: number;
  readonly chosenLogProb: number;
  readonly rejectedLogProb: number;
  readonly refChosenLogProb: number;
  readonly refRejectedLogProb: number;
  /** β times what the log-ratio of the chosen completion is above that of the rejected one. */
  readonly margin: number;
  readonly loss: number;
}

export interface Neighbour {
  readonly id: string;
  readonly row: number;
  readonly rank: number;
  readonly difficulty: number;
  readonly decision: LedgerRow['decision'] | null;
  readonly prompt: string;
}

/** All that a run knows of one pair. */
export interface Why {
  readonly id: string | null;
  readonly row: number;
  readonly role: 'pool' | 'held-out' | 'refused';
  readonly pair: Pick<PreferencePair, 'prompt' | 'chosen' | 'rejected' | 'meta'> | null;
  readonly refused: Pick<RefusedRow, 'cause' | 'message' | 'remedy'> | null;
  readonly tokens: TokenCounts | null;
  readonly difficulty:
    | (Pick<DifficultyRow, 'difficulty' | 'spread' | 'rank' | 'n'> & {
        readonly of: number;
        /** Share of the scored pairs that are as easy or easier, in percent. */
        readonly percentile: number;
      })
    | null;
  /** What the difficulty is: the name of the scorer. */
  readonly scorer: ScorerName;
  readonly scores: readonly WhyScore[];
  readonly suspicion: Pick<SuspicionRow, 'suspicion' | 'z'> | null;
  /** Rules that match, in their order. */
  readonly rules: readonly {
    readonly name: string;
    readonly line: number;
    readonly action: RuleAction;
    readonly because: string | null;
    readonly decides: boolean;
  }[];
  /** What people said, the last one last. */
  readonly decisions: readonly Decision[];
  /** What the last selection made of it; null before the first. */
  readonly selection:
    | (Pick<LedgerRow, 'decision' | 'by' | 'rule' | 'reason' | 'position'> & {
        readonly threshold: number;
        readonly kept: number;
        readonly keepFraction: number;
      })
    | null;
  /** Those next in rank, the easier ones first. */
  readonly neighbours: readonly Neighbour[];
}

const NEIGHBOURS = 2;

/**
 * The story of one pair, or of the several that were made of one row.
 * @param which a row, or the beginning of an id that no other pair has.
 * @throws inputError `no-such-pair`, `several-pairs` for a beginning that several ids have.
 */
export async function why(config: Config, which: string): Promise<Why[]> {
  const files = readRunFiles(config.out);
  const found = findPairs(files, which);
  const { dir, receipt } = files;
  const own = rulesAndDecisions(config, dir);
  // The rules that the selection was made under; before the first those that are configured.
  const said = receipt?.rules;
  const rules =
    receipt === null ? own.rules : said === undefined ? null : parseRules(said.text, basename(said.file));
  const verdicts = await verdictsOf({ ...files.input, rules, decisions: own.decisions });
  const suspected = new Map((suspicions(files.input.scores, 1) ?? []).map((row) => [row.id, row]));
  return found.map(({ id: named, row, pair, refused }): Why => {
    // A row that was refused as a duplicate has the id of the pair that stands for it.
    const id = refused === null ? named : null;
    const scored = id === null ? undefined : files.input.difficulties.find((item) => item.id === id);
    const told = files.ledger?.find((line) => line.row === row && line.id === named);
    const suspicion = id === null ? undefined : suspected.get(id);
    const verdict = id === null ? undefined : verdicts.byId.get(id);
    const total = files.input.difficulties.length;
    return {
      id: named,
      row,
      role: scored !== undefined ? 'pool' : refused !== null ? 'refused' : 'held-out',
      pair,
      refused,
      tokens: (id === null ? undefined : files.input.tokens.get(id)) ?? null,
      difficulty:
        scored === undefined
          ? null
          : {
              difficulty: scored.difficulty,
              spread: scored.spread,
              rank: scored.rank,
              n: scored.n,
              of: total,
              percentile: (100 * scored.rank) / total,
            },
      scorer: config.difficulty.scorer,
      scores: files.input.scores
        .filter((score) => score.id === id)
        .map((score) => scoreOf(score, receipt?.training.beta ?? config.training.beta)),
      suspicion: suspicion === undefined ? null : { suspicion: suspicion.suspicion, z: suspicion.z },
      rules: ((id === null ? undefined : verdicts.matched.get(id)) ?? []).map((rule) => ({
        name: rule.name,
        line: rule.line,
        action: rule.action,
        because: rule.because,
        decides: verdict?.rule === rule,
      })),
      decisions: (own.decisions?.decisions ?? []).filter((decision) => decision.id === id),
      selection:
        told === undefined || receipt === null
          ? null
          : {
              decision: told.decision,
              by: told.by,
              rule: told.rule,
              reason: told.reason,
              position: told.position,
              threshold: receipt.threshold,
              kept: receipt.kept,
              keepFraction: receipt.selection.keepFraction,
            },
      neighbours: scored === undefined ? [] : neighbours(files, scored),
    };
  });
}

interface Found {
  readonly id: string | null;
  readonly row: number;
  readonly pair: Why['pair'];
  readonly refused: Why['refused'];
}

function findPairs({ dir, input }: RunFiles, which: string): Found[] {
  const asRow = /^\d{1,15}$/.test(which) ? Number(which) : null;
  const isMeant = (id: string | undefined, row: number) =>
    asRow === null ? id?.startsWith(which.toLowerCase()) === true : row === asRow;
  const found: Found[] = [];
  for (const { id, row, prompt, chosen, rejected, meta } of usablePairs(dir))
    if (isMeant(id, row)) found.push({ id, row, pair: { prompt, chosen, rejected, meta }, refused: null });
  const used = new Set(found.map(({ id }) => id));
  for (const { id, row, cause, message, remedy } of input.refused)
    if (isMeant(id, row) && (asRow !== null || !used.has(id ?? null)))
      found.push({ id: id ?? null, row, pair: null, refused: { cause, message, remedy } });
  // Digits alone may be the beginning of an id, where there is no such row.
  const byId = found.length === 0 && asRow !== null && which.length >= 8;
  if (byId)
    for (const { id, row, prompt, chosen, rejected, meta } of usablePairs(dir))
      if (id.startsWith(which))
        found.push({ id, row, pair: { prompt, chosen, rejected, meta }, refused: null });
  if (found.length === 0)
    throw inputError('no-such-pair', 'the run has no such pair', {
      file: dir,
      got: which,
      need: 'a row of the data (the first is 0), or the beginning of an id',
    });
  if (new Set(found.map(({ id }) => id)).size > 1 && (asRow === null || byId))
    throw inputError('several-pairs', 'several ids begin like this', {
      file: dir,
      got: which,
      need: found.slice(0, 5).map(({ id, row }) => `${id} (row ${row})`),
      remedy: 'Give more of the id',
    });
  return found;
}

function scoreOf(score: ScoreRow, beta: number): WhyScore {
  const { seed, part, checkpoint, chosenLogProb, rejectedLogProb, refChosenLogProb, refRejectedLogProb } =
    score;
  return {
    ...{ seed, part, checkpoint, chosenLogProb, rejectedLogProb, refChosenLogProb, refRejectedLogProb },
    margin: marginOf(score, beta),
    loss: score.loss,
  };
}

function neighbours({ dir, input, ledger }: RunFiles, { rank }: DifficultyRow): Neighbour[] {
  const near = input.difficulties
    .filter((other) => other.rank !== rank && Math.abs(other.rank - rank) <= NEIGHBOURS)
    .sort((a, b) => a.rank - b.rank);
  const ids = new Set(near.map(({ id }) => id));
  const prompts = new Map<string, string>();
  for (const { id, prompt } of usablePairs(dir)) if (ids.has(id)) prompts.set(id, plainText(prompt));
  const fates = new Map((ledger ?? []).map(({ id, decision }) => [id, decision]));
  return near.map(({ id, row, rank: own, difficulty }) => ({
    id,
    row,
    rank: own,
    difficulty,
    decision: fates.get(id) ?? null,
    prompt: prompts.get(id) ?? '',
  }));
}
