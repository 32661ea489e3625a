/** What every task of a batch does. */
export interface JobScript {
  /** Of the batch. */
  readonly name: string;
  readonly dir: string;
  /** `<run>/units` */
  readonly unitsDir: string;
  /** Shell lines of the user before the worker. */
  readonly setup: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Program and arguments; the unit's folder is added. */
  readonly command: readonly string[];
}

/**
 * `sh job.sh INDEX`: the one thing that a queue has to run. It can be run by hand, too, to see what goes wrong on a
 * node. The last line replaces the shell, so that signals reach the worker.
 */
export function jobScript({ name, dir, unitsDir, setup, env, command }: JobScript): string {
  const exports = Object.entries({ ...env, WINNOW_DETACHED: '1' }).map(
    ([key, value]) => `export ${key}=${shellQuote(value)}`,
  );
  return [
    '#!/bin/sh',
    `# Task $1 of ${name}, written by winnow.`,
    `exec >> ${shellQuote(dir)}/"$1".out 2>&1 < /dev/null`,
    `unit=$(sed -n "$(($1 + 1))p" ${shellQuote(`${dir}/units.txt`)})`,
    `export WINNOW_TASK="${name}/$1"`,
    ...exports,
    ...setup,
    `exec ${command.map(shellQuote).join(' ')} ${shellQuote(unitsDir)}/"$unit"`,
    '',
  ].join('\n');
}

/** A word for sh, whatever it holds. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
