import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import { parseLines } from '../base/own-lines.ts';
import type { DifficultyRow, ScoreRow } from '../difficulty/scores.ts';
import type { PreferencePair, RefusedRow } from '../pairs/pair.ts';
import type { Config } from '../run/config.ts';
import { openRun } from '../run/folder.ts';
import type { KeepOptions } from '../select/keep.ts';
import type { LedgerRow } from '../select/ledger.ts';
import { strataWithin, type Within } from '../select/strata.ts';
import type { Forced } from '../select/verdicts.ts';
import { selectionOptions, settledShare } from './keep-share.ts';
import { usablePairs } from './prepare.ts';
import { pairTokens, type SelectionInput, type TokenCounts } from './selection.ts';

/** What a receipt says of a selection, as far as it decides it. */
export interface SelectionReceipt {
  readonly version: string;
  readonly data: {
    readonly file: string;
    readonly sha256: string;
    readonly files?: readonly { readonly file: string }[];
  };
  readonly tokens: string;
  readonly difficulty: { readonly scores: string };
  readonly training: { readonly beta: number };
  readonly selection: KeepOptions & { readonly within?: Within };
  readonly rules?: { readonly file: string; readonly sha256: string; readonly text: string };
  readonly decisions?: {
    readonly file: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly lines: number;
  };
  readonly kept: number;
  readonly threshold: number;
  readonly keptIds: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** A run after scoring, from its files alone: no model is opened and nothing is computed that takes long. */
export interface RunFiles {
  readonly dir: string;
  /** Of the last selection; null before the first. */
  readonly receipt: SelectionReceipt | null;
  readonly ledger: readonly LedgerRow[] | null;
  /** What decides a selection but rules and decisions. */
  readonly input: Omit<SelectionInput, 'rules' | 'decisions'>;
}

/**
 * Reads what a run has scored and selected.
 * @param within strata of the selection; null: those of the receipt.
 * @throws inputError `run-missing`, `not-scored`, and those of the strata.
 */
export function readRunFiles(
  runDir: string,
  within: Within | null = null,
  receiptFile = join(runDir, 'selection', 'receipt.json'),
): RunFiles {
  const { dir } = openRun(runDir, { create: false });
  const scored = join(dir, 'difficulty.jsonl');
  if (!existsSync(scored) || !existsSync(join(dir, 'pairs.jsonl')))
    throw inputError('not-scored', 'the run has not measured its pairs yet', {
      file: dir,
      remedy: `Score first: winnow score --out ${runDir}`,
    });
  const difficulties = [...parseLines<DifficultyRow>(scored)];
  const receipt = existsSync(receiptFile) ? (readJson(receiptFile) as SelectionReceipt) : null;
  const ledgerFile = join(dir, 'selection', 'ledger.jsonl');
  const isScored = new Set(difficulties.map(({ id }) => id));
  const heldOut: { id: string; row: number }[] = [];
  const pool: Pick<PreferencePair, 'id' | 'row' | 'meta'>[] = [];
  for (const { id, row, meta } of usablePairs(dir)) {
    if (isScored.has(id)) pool.push({ id, row, meta });
    else heldOut.push({ id, row });
  }
  const tokens = readTokenCounts(dir, receipt?.tokens ?? null, isScored);
  const kind = within ?? receipt?.selection.within ?? 'none';
  return {
    dir,
    receipt,
    ledger: existsSync(ledgerFile) ? [...parseLines<LedgerRow>(ledgerFile)] : null,
    input: {
      runDir: dir,
      difficulties,
      scores: readLines<ScoreRow>(join(dir, 'scores.jsonl')),
      strata: strataWithin(kind, { pairs: pool, lengths: tokens }),
      tokens,
      heldOut,
      refused: readLines<RefusedRow>(join(dir, 'refused.jsonl')),
    },
  };
}

/** The options of a selection that a configuration asks for; `auto` is what was chosen last. */
export function keepOptionsOf(
  config: Config,
  { receipt, input }: Pick<RunFiles, 'receipt' | 'input'>,
  forced: Forced,
): KeepOptions {
  if (config.selection.keepFraction === 'auto' && receipt === null)
    throw inputError('auto-not-chosen', 'keepFraction auto has not been chosen yet, which takes trainings', {
      key: 'selection.keepFraction',
      remedy: 'Give a fraction (--keep 0.5), or run winnow select once',
    });
  const options = selectionOptions(config, receipt?.selection.keepFraction);
  return settledShare(input.difficulties, options, input.strata, forced, pairTokens(input));
}

/** The token file of a hash, or the newest. */
export function tokenFile(dir: string, hash: string | null): string | null {
  const folder = join(dir, 'inputs');
  if (!existsSync(folder)) return null;
  const files = readdirSync(folder).filter((name) => /^tokens-[0-9a-f]{16}\.jsonl$/.test(name));
  const named =
    hash === null ? undefined : files.find((name) => name === `tokens-${hash.slice(0, 16)}.jsonl`);
  const age = (name: string) => statSync(join(folder, name)).mtimeMs;
  const found = named ?? files.sort((a, b) => age(b) - age(a))[0];
  return found === undefined ? null : join(folder, found);
}

function readTokenCounts(
  dir: string,
  hash: string | null,
  wanted: ReadonlySet<string>,
): Map<string, TokenCounts> {
  const file = tokenFile(dir, hash);
  const counts = new Map<string, TokenCounts>();
  if (file === null) return counts;
  interface Line extends Record<keyof TokenCounts, readonly number[]> {
    readonly id: string;
  }
  for (const { id, prompt, chosen, rejected } of parseLines<Line>(file))
    if (wanted.has(id))
      counts.set(id, { prompt: prompt.length, chosen: chosen.length, rejected: rejected.length });
  return counts;
}

function readLines<T>(file: string): T[] {
  return existsSync(file) ? [...parseLines<T>(file)] : [];
}
