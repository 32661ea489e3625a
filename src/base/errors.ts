/**
 * Errors that a user can act on. `kind` decides the exit code; `code` is stable for programs; the message
 * says where (file, line or row), what was found, and what to do.
 */
export type ErrorKind = 'input' | 'machine' | 'gate' | 'interrupted';

const EXIT_CODES: Record<ErrorKind, number> = { input: 2, machine: 1, gate: 3, interrupted: 130 };

/** Where and what: every field that is given is shown in the message, in this order. */
export interface ErrorFields {
  readonly file?: string;
  /** 1-based line of a text file. */
  readonly line?: number;
  /** 0-based row of the input. */
  readonly row?: number;
  /** The offending value, as found. */
  readonly got?: unknown;
  /** What was needed instead. */
  readonly need?: unknown;
  /** What the user can do about it. */
  readonly remedy?: string;
  readonly [key: string]: unknown;
}

export class WinnowError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly fields: ErrorFields;

  constructor(kind: ErrorKind, code: string, what: string, fields: ErrorFields = {}, cause?: unknown) {
    super(describe(what, fields), cause === undefined ? undefined : { cause });
    this.name = 'WinnowError';
    this.kind = kind;
    this.code = code;
    this.fields = fields;
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

/** The user's input, usage or configuration is at fault: exit code 2. */
export function inputError(
  code: string,
  what: string,
  fields: ErrorFields = {},
  cause?: unknown,
): WinnowError {
  return new WinnowError('input', code, what, fields, cause);
}

/** The machine is at fault (disk full, child killed, …): exit code 1. */
export function machineError(
  code: string,
  what: string,
  fields: ErrorFields = {},
  cause?: unknown,
): WinnowError {
  return new WinnowError('machine', code, what, fields, cause);
}

function describe(what: string, fields: ErrorFields): string {
  const place = [
    fields.file,
    fields.line === undefined ? undefined : `line ${fields.line}`,
    fields.row === undefined ? undefined : `row ${fields.row}`,
  ].filter((part) => part !== undefined);
  const details = [
    fields.need === undefined ? undefined : `need ${show(fields.need)}`,
    fields.got === undefined ? undefined : `got ${show(fields.got)}`,
  ].filter((part) => part !== undefined);
  return (
    (place.length > 0 ? `${place.join(', ')}: ` : '') +
    cut(what, 1000) +
    (details.length > 0 ? ` (${details.join(', ')})` : '') +
    (fields.remedy === undefined ? '' : `. ${fields.remedy}`)
  );
}

function show(value: unknown): string {
  // JSON would turn NaN and the infinities into null, and a number that a file holds as 1e999 is an infinity.
  const text =
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
    ) ?? String(value);
  return cut(text, 160);
}

/** A name in a file can be as long as the file. */
function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}
