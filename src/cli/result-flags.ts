import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { withTalkFlags } from './options.ts';
import type { Outside } from './verbs.ts';

export interface ResultFlags {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly quiet?: boolean;
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
  return withTalkFlags(command.option('--csv', 'the table as CSV on stdout'));
}

/** @throws inputError `bad-usage` where two forms are asked for. To be called before the work. */
export function checkResultFlags({ json, csv }: ResultFlags): void {
  if (json === true && csv === true)
    throw inputError('bad-usage', '--json and --csv exclude each other', { remedy: 'Give one of the two' });
}

export function printResult(outside: Outside, { json, csv }: ResultFlags, forms: ResultForms): void {
  const text =
    json === true ? JSON.stringify(forms.data, null, 2) : csv === true ? forms.csv() : forms.text();
  outside.print(`${text}\n`);
}
