import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { hashOfList, type Json, sha256 } from '../base/hash.ts';
import { readJson, writeJsonLines } from '../base/json.ts';
import { sha256OfFile } from '../pairs/lines.ts';
import type { Config } from '../run/config.ts';
import { type DecisionFile, readDecisions } from '../select/decisions.ts';
import { parseRules, type RuleSet } from '../select/rules.ts';
import { type RunFiles, readRunFiles, type SelectionReceipt, tokenFile } from './run-files.ts';
import { choose, hashOfLines, type SelectionInput, selectedLines, verdictsOf } from './selection.ts';
import { VERSION } from './version.ts';

/** A file or value that is not what the receipt says. */
export interface Change {
  readonly what: string;
  readonly was: string;
  readonly is: string;
}

export interface Replay {
  readonly receipt: string;
  readonly run: string;
  /** Inputs that are not those of the receipt. */
  readonly changed: readonly Change[];
  /** Outputs, computed anew from what the run folder holds: whether they are those of the receipt, byte for byte. */
  readonly outputs: readonly (Change & { readonly same: boolean })[];
  /** Nothing changed, and the outputs are the same. */
  readonly same: boolean;
  /** What was said but is no change: decisions added since, files that are not there to be looked at. */
  readonly notes: readonly string[];
}

const OUTPUTS = ['selection/selected.jsonl', 'selection/ledger.jsonl'] as const;

/**
 * Computes the selection of a receipt anew from the files of its run, its rules and as many decisions as there were,
 * and holds every input and output against it. Options, rules and seed are the receipt's own; the configuration only
 * says where rules and decisions lie by now.
 *
 * @param to folder to write the outputs to; null: they are compared and not kept.
 * @throws inputError `bad-receipt`, `not-scored`, and those of the files.
 */
export async function replay(
  receiptFile: string,
  runDir: string | null,
  configOf: (dir: string) => Config,
  to: string | null = null,
): Promise<Replay> {
  const file = resolve(receiptFile);
  const receipt = readReceipt(file);
  const run = readRunFiles(runDir ?? dirname(dirname(file)), receipt.selection.within ?? 'none', file);
  const config = configOf(run.dir);
  const notes: string[] = [];
  const changed = await changedInputs(receipt, run, notes);
  const rules = receipt.rules === undefined ? null : parseRules(receipt.rules.text, receipt.rules.file);
  changed.push(...changedRules(receipt, rules, config.selection.rules, notes));
  const decisions = decisionsOf(
    receipt,
    config.selection.decisions ?? join(run.dir, 'decisions.jsonl'),
    notes,
    changed,
  );
  const input: SelectionInput = { ...run.input, rules, decisions };
  const verdicts = await verdictsOf(input);
  const chosen = choose(input, verdicts, receipt.selection);
  const rows = {
    'selection/selected.jsonl': () => selectedLines(run.dir, chosen.kept, verdicts),
    'selection/ledger.jsonl': () => chosen.ledger,
  };
  const outputs = OUTPUTS.map((what) => {
    const was = receipt.files?.[what] as string;
    const is = hashOfLines(rows[what](), what);
    return { what, was, is, same: was === is };
  });
  for (const what of OUTPUTS) {
    const path = join(run.dir, what);
    const is = existsSync(path) ? await sha256OfFile(path) : 'missing';
    if (is !== receipt.files?.[what]) changed.push({ what, was: receipt.files?.[what] as string, is });
  }
  if (to !== null) {
    mkdirSync(to, { recursive: true });
    writeJsonLines(join(to, 'selected.jsonl'), rows['selection/selected.jsonl']());
    writeJsonLines(join(to, 'ledger.jsonl'), rows['selection/ledger.jsonl']());
  }
  if (receipt.version !== VERSION) {
    const told = { what: 'version of winnow', was: receipt.version, is: VERSION };
    if (outputs.every(({ same }) => same))
      notes.push(`made by winnow ${told.was}, and the same by ${told.is}`);
    else changed.push(told);
  }
  const same = changed.length === 0 && outputs.every((output) => output.same);
  return { receipt: file, run: run.dir, changed, outputs, same, notes };
}

function readReceipt(file: string): SelectionReceipt {
  const receipt = readJson(file) as Partial<SelectionReceipt> | null;
  if (typeof receipt?.selection?.keepFraction === 'number' && typeof receipt.files === 'object')
    return receipt as SelectionReceipt;
  throw inputError('bad-receipt', 'this is no receipt of a selection that can be replayed', {
    file,
    need: 'selection/receipt.json of a run, with the hashes of its files',
    remedy: 'Of an older winnow: select once more, which computes nothing else anew',
  });
}

async function changedInputs(receipt: SelectionReceipt, run: RunFiles, notes: string[]): Promise<Change[]> {
  const changes: Change[] = [];
  const held = async (what: string, was: string | undefined, path: string | null) => {
    if (was === undefined) return;
    const is = path !== null && existsSync(path) ? await sha256OfFile(path) : 'missing';
    if (is !== was) changes.push({ what, was, is });
  };
  const { file, sha256: dataHash, files } = receipt.data;
  if (files !== undefined)
    notes.push(`${file} is of several files, which are not looked at; pairs.jsonl stands for them`);
  else if (existsSync(file)) await held(`data ${file}`, dataHash, file);
  else notes.push(`${file} is not there; pairs.jsonl of the run stands for it`);
  for (const name of ['pairs.jsonl', 'refused.jsonl', 'difficulty.jsonl'])
    await held(name, receipt.files?.[name], join(run.dir, name));
  await held('tokens', receipt.tokens, tokenFile(run.dir, receipt.tokens));
  const { scores: measured, difficulties } = run.input;
  const scores = hashOfList((measured.length > 0 ? measured : difficulties) as unknown as Json[]);
  if (scores !== receipt.difficulty.scores)
    changes.push({ what: 'scores.jsonl', was: receipt.difficulty.scores, is: scores });
  return changes;
}

/** The rules that are replayed are the receipt's own; those in the file that is configured now may be others. */
function changedRules(
  { rules: said }: SelectionReceipt,
  rules: RuleSet | null,
  file: string | null,
  notes: string[],
): Change[] {
  if (said !== undefined && rules !== null && rules.sha256 !== said.sha256)
    return [{ what: 'text of the rules in the receipt', was: said.sha256, is: rules.sha256 }];
  if (file === null || !existsSync(file)) {
    if (said !== undefined) notes.push(`rules ${said.file} are replayed as the receipt has them`);
    return [];
  }
  const is = sha256(readBytes(file));
  if (is === said?.sha256) return [];
  return [{ what: `rules ${file}`, was: said?.sha256 ?? 'none', is }];
}

function decisionsOf(
  { decisions: said }: SelectionReceipt,
  file: string,
  notes: string[],
  changed: Change[],
): DecisionFile | null {
  const now = existsSync(file) ? readDecisions(file) : null;
  if (said === undefined) {
    if (now !== null && now.decisions.length > 0)
      notes.push(`${file}: ${now.decisions.length} decisions were made since, and are left out`);
    return null;
  }
  const then = now === null ? null : readDecisions(file, said.bytes);
  if (then === null || then.sha256 !== said.sha256) {
    changed.push({ what: `decisions ${file}`, was: said.sha256, is: then?.sha256 ?? 'missing' });
    return then;
  }
  const since = (now?.decisions.length ?? 0) - said.lines;
  if (since > 0) notes.push(`${file}: ${since} decisions were made since, and are left out`);
  return then;
}
