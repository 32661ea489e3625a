import { type ErrorKind, WinnowError } from '../base/errors.ts';
import { errno } from '../base/files.ts';

/** Exit codes of `winnow`. */
export const EXIT = { done: 0, failed: 1, input: 2, gate: 3, interrupted: 130 } as const;

/** How an error leaves the program. */
export interface Exit {
  readonly code: number;
  readonly kind: ErrorKind;
  /** Stable name for programs. */
  readonly error: string;
  /** For people; empty when all has been said already. */
  readonly message: string;
}

/**
 * What to tell and with which code to end after an error. An error that is not ours shows its stack only where
 * WINNOW_DEBUG=1: a stack helps the maker and hides the message from everyone else.
 */
export function describeExit(error: unknown, env: NodeJS.ProcessEnv = process.env): Exit {
  const debug = env.WINNOW_DEBUG === '1';
  if (error instanceof WinnowError) {
    const { exitCode: code, kind } = error;
    return { code, kind, error: error.code, message: debug ? stackOf(error) : error.message };
  }
  const code = errno(error) ?? '';
  const text = error instanceof Error ? error.message : String(error);
  // commander has printed its own message (or the help, with exit code 0).
  if (code.startsWith('commander.')) {
    const asked = (error as { exitCode?: number }).exitCode === 0;
    return { code: asked ? EXIT.done : EXIT.input, kind: 'input', error: 'usage', message: '' };
  }
  if (error instanceof Error && error.name === 'AbortError')
    return { code: EXIT.interrupted, kind: 'interrupted', error: 'interrupted', message: 'stopped' };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `the disk is full: ${text}. Free some space, then run the same command again`;
    return { code: EXIT.failed, kind: 'machine', error: 'disk-full', message };
  }
  const message = debug
    ? stackOf(error)
    : `unexpected failure: ${text}. This is likely a fault of winnow: WINNOW_DEBUG=1 shows where it happened`;
  return { code: EXIT.failed, kind: 'machine', error: 'unexpected', message };
}

/** Tells of an error on stderr (with `json` as one JSON line) and returns the exit code. */
export function reportError(error: unknown, options: { readonly json?: boolean } = {}): number {
  const exit = describeExit(error);
  if (options.json) {
    const fields = error instanceof WinnowError ? error.fields : {};
    const { kind, error: code, message } = exit;
    process.stderr.write(`${JSON.stringify({ error: { kind, code, message, fields } })}\n`);
  } else if (exit.message !== '') {
    process.stderr.write(`winnow: ${exit.message}\n`);
  }
  return exit.code;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A message that was completed after the throw is not in the stack.
  const stack = error.stack ?? '';
  const frames = stack.slice(Math.max(0, stack.search(/\n\s+at /)));
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.name}: ${error.message}${frames}${cause}`;
}
