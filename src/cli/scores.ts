import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { compareScores, type ScoreComparison } from '../difficulty/compare-scores.ts';
import { readScoreFile, type ScoreColumns } from '../difficulty/score-files.ts';
import { count, fixed, MISSING, percent } from '../report/numbers.ts';
import type { Interval } from '../stats/interval.ts';
import type { Outside } from './outside.ts';

interface CompareFlags {
  readonly at: string;
  readonly id?: string;
  readonly column?: readonly string[];
  readonly average?: boolean;
  readonly json?: boolean;
}

/** `winnow scores`: scores as files, whoever made them. */
export function addScores(program: Command, outside: Outside): void {
  const scores = program.command('scores').description('difficulties from files: compare two');
  scores
    .command('compare')
    .description('how far two scorings of the same pairs agree: ranks, and who calls which pairs easy')
    .argument('<a>', 'a run folder, difficulty.jsonl, scores.jsonl, CSV or JSON Lines of ids and scores')
    .argument('<b>', 'another')
    .option('--at <share>', 'share called easy; two, with a comma, where the files differ', '0.5')
    .option('--id <name>', 'column of ids (default: id, prompt_id, pair_id or row)')
    .option(
      '--column <names...>',
      'columns of scores, averaged (default: difficulty, learning_order, …, or all loss_…)',
    )
    .option('--average', 'average the rows of one id, where ids are of prompts and not of pairs')
    .option('--json', 'data as JSON on stdout')
    .action(async (a: string, b: string, flags: CompareFlags) => {
      const at = sharesOf(flags.at);
      const columns: ScoreColumns = {
        ...(flags.id === undefined ? {} : { id: flags.id }),
        ...(flags.column === undefined ? {} : { scores: flags.column }),
        ...(flags.average === undefined ? {} : { average: flags.average }),
      };
      const [one, other] = [await readScoreFile(a, columns), await readScoreFile(b, columns)];
      const found = compareScores(one, other, at);
      const files = [one, other].map(({ file, columns: own }) => ({ file, columns: own }));
      outside.print(
        flags.json === true
          ? `${JSON.stringify({ ...found, files }, null, 2)}\n`
          : `${textOf(found, a, b)}\n`,
      );
    });
}

function sharesOf(text: string): readonly [number, number] {
  const shares = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [first = Number.NaN, second = first] = shares;
  if (shares.length <= 2 && shares.every((share) => share > 0 && share < 1)) return [first, second];
  throw inputError('bad-fraction', '--at takes a share between 0 and 1, or two with a comma', {
    got: text,
    remedy: 'For example --at 0.5, or --at 0.637,0.712',
  });
}

function textOf(found: ScoreComparison, a: string, b: string): string {
  const { n, onlyInA, onlyInB, at, shareBelowLn2 } = found;
  const left = onlyInA + onlyInB === 0 ? '' : ` (${count(onlyInA)} only in A, ${count(onlyInB)} only in B)`;
  return [
    `A: ${a}`,
    `B: ${b}`,
    `${count(n)} pairs in both${left}`,
    '',
    `Spearman correlation of the ranks              ${number(found.spearman, found.spearmanInterval)}`,
    `Jaccard of the easiest ${percent(at[0])} / ${percent(at[1])}          ${fixed(found.jaccardEasiest, 3)} (by chance ${fixed(found.jaccardByChance, 3)})`,
    `of what A calls easy, easy by B too            ${share(found.easyInterval)} (by chance ${percent(at[1])})`,
    `of what A calls difficult, difficult by B too  ${share(found.difficultInterval)} (by chance ${percent(1 - at[1])})`,
    `below ln 2                                     A ${percent(shareBelowLn2[0])}, B ${percent(shareBelowLn2[1])}`,
  ].join('\n');
}

function number(value: number | null, interval: Interval | null): string {
  if (interval === null) return value === null ? MISSING : fixed(value, 3);
  return `${fixed(value, 3)} (95% ${fixed(interval.low, 3)} to ${fixed(interval.high, 3)})`;
}

function share(interval: Interval | null): string {
  if (interval === null) return MISSING;
  return `${percent(interval.value)} (95% ${percent(interval.low)} to ${percent(interval.high)})`;
}
