import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import type { Outside } from './verbs.ts';

export interface ResultFlags {
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** One result in the forms that a verb gives. */
export interface ResultForms {
  readonly data: unknown;
  /** For people. */
  readonly text: () => string;
  readonly csv: () => string;
}

/** Flags of a verb whose result is a table. */
export function withResultFlags(command: Command): Command {
  return command.option('--json', 'data as JSON on stdout').option('--csv', 'the table as CSV on stdout');
}

/** @throws inputError `two-forms`: both are asked for. To be called before the work. */
export function checkResultFlags({ json, csv }: ResultFlags): void {
  if (json === true && csv === true)
    throw inputError('two-forms', '--json and --csv are two forms of one output', {
      remedy: 'Give one of them',
    });
}

export function printResult(outside: Outside, { json, csv }: ResultFlags, forms: ResultForms): void {
  const text =
    json === true ? JSON.stringify(forms.data, null, 2) : csv === true ? forms.csv() : forms.text();
  outside.print(`${text}\n`);
}
