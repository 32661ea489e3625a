import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { inputError } from '../base/errors.ts';
import { readBytes, writeError } from '../base/files.ts';
import { sha256 } from '../base/hash.ts';
import { decodeUtf8 } from '../base/json.ts';

const NEWLINE = 0x0a;

/**
 * What a person can say of a pair. `swap`: the label is the wrong way round, so that the pair is dropped and put into
 * `corrections.jsonl` turned round. `note` and `skip` decide nothing.
 */
export const DECISIONS = ['keep', 'drop', 'swap', 'skip', 'note'] as const;
export type DecisionKind = (typeof DECISIONS)[number];

/** A line of `decisions.jsonl`. */
export interface Decision {
  readonly id: string;
  readonly row: number;
  readonly decision: DecisionKind;
  readonly note: string | null;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly reviewer: string | null;
}

/** A file of decisions, as far as its lines are whole. */
export interface DecisionFile {
  readonly file: string;
  /** In the order in which they were made. */
  readonly decisions: readonly Decision[];
  /** Of the whole lines' bytes, which are as many. */
  readonly sha256: string;
  readonly bytes: number;
  /** A last line that was cut short: its writer was killed. It decides nothing. */
  readonly cutShort: boolean;
}

/** No decisions yet. */
export function noDecisions(file: string): DecisionFile {
  return { file, decisions: [], sha256: sha256(''), bytes: 0, cutShort: false };
}

/**
 * Reads decisions, of the first `bytes` of the file alone where they are given. A last line that is no whole JSON
 * was cut short by a kill and is left out.
 *
 * @throws inputError `bad-decision` with the line, for any other line that is no decision.
 */
export function readDecisions(file: string, bytes?: number): DecisionFile {
  const all = readBytes(file);
  const asked = bytes === undefined ? all : all.subarray(0, bytes);
  const end = wholeBytes(asked);
  const whole = asked.subarray(0, end);
  const decisions: Decision[] = [];
  for (const [at, text] of decodeUtf8(whole, { file }).split('\n').entries())
    if (text.trim() !== '') decisions.push(parseDecision(text, file, at + 1));
  return { file, decisions, sha256: sha256(whole), bytes: end, cutShort: end < asked.length };
}

/** Bytes up to the end of the last whole line: a last one without its line break is whole where it is JSON. */
function wholeBytes(bytes: Uint8Array): number {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  try {
    JSON.parse(Buffer.from(bytes.subarray(end)).toString('utf8'));
    return bytes.length;
  } catch {
    return end;
  }
}

function parseDecision(text: string, file: string, line: number): Decision {
  let value: Partial<Decision> | null = null;
  try {
    value = JSON.parse(text) as Partial<Decision> | null;
  } catch {
    // Said below, with the line.
  }
  const { id, row, decision, note = null, time = '', reviewer = null } = value ?? {};
  const fits = typeof id === 'string' && (DECISIONS as readonly unknown[]).includes(decision);
  if (!fits)
    throw inputError('bad-decision', 'this line is no decision', {
      file,
      line,
      got: text,
      need: `{"id": …, "decision": one of ${DECISIONS.join(', ')}}`,
      remedy: 'Mend or remove the line',
    });
  return { id, row: row ?? -1, decision: decision as DecisionKind, note, time, reviewer };
}

/** The decision that holds of each pair: the last keep, drop or swap that was said of it. */
export function standingDecisions(decisions: readonly Decision[]): ReadonlyMap<string, Decision> {
  const standing = new Map<string, Decision>();
  for (const decision of decisions)
    if (decision.decision !== 'skip' && decision.decision !== 'note') standing.set(decision.id, decision);
  return standing;
}

/** Adds a line to the file, flushed to the disk before it returns. A last line that a kill cut short is taken away. */
export function appendDecision(file: string, decision: Decision): void {
  try {
    const fd = openSync(file, 'a+');
    try {
      const bytes = readFileSync(file);
      const end = wholeBytes(bytes);
      if (end < bytes.length) ftruncateSync(fd, end);
      const begun = end > 0 && bytes[end - 1] !== NEWLINE;
      writeSync(fd, `${begun ? '\n' : ''}${JSON.stringify(decision)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw writeError(file, error);
  }
}
