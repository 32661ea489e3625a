import { type Command, Option } from 'commander';
import { inputError } from '../base/errors.ts';
import { compareScores, type ScoreComparison } from '../difficulty/compare-scores.ts';
import { readScoreFile, type ScoreFile } from '../difficulty/score-files.ts';
import { fixed, percent } from '../report/numbers.ts';
import type { Outside } from './outside.ts';

interface CompareFlags {
  readonly at: string;
  readonly columnsA?: string;
  readonly columnsB?: string;
  readonly json?: boolean;
}

/** `winnow scores`: what scores of pairs say of one another. */
export function addScores(program: Command, outside: Outside): void {
  const scores = program
    .command('scores')
    .description('compare scores of pairs, and tell when some may stand in for others');
  const json = () => new Option('--json', 'data as JSON on stdout');
  scores
    .command('compare')
    .description('how far two measurements of difficulty agree, joined by id')
    .argument(
      '<a>',
      'difficulty.jsonl, scores.jsonl, a run folder, or CSV with prompt_id and learning_order or loss columns; .gz too',
    )
    .argument('<b>', 'likewise')
    .option('--at <share>', 'share that counts as easy; two for A,B', '0.5')
    .option('--columns-a <names>', 'columns of the CSV file A to average, * for any characters')
    .option('--columns-b <names>', 'likewise of B')
    .addOption(json())
    .action(async (a: string, b: string, flags: CompareFlags) => {
      const at = sharesOf(flags.at);
      const fileA = await readScoreFile(a, flags.columnsA === undefined ? {} : { columns: flags.columnsA });
      const fileB = await readScoreFile(b, flags.columnsB === undefined ? {} : { columns: flags.columnsB });
      const compared = compareScores(fileA, fileB, at);
      outside.print(
        flags.json === true
          ? `${JSON.stringify({ ...compared, a: describe(fileA), b: describe(fileB) }, null, 2)}\n`
          : compareText(compared, fileA, fileB),
      );
    });
}

/** One share for both, or two with a comma. */
export function sharesOf(text: string): readonly [number, number] {
  const shares = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [a, b = a] = shares;
  if (
    a !== undefined &&
    b !== undefined &&
    shares.length <= 2 &&
    shares.every((share) => share > 0 && share <= 1)
  )
    return [a, b];
  throw inputError('bad-at', '--at takes a share, or two with a comma between them', {
    got: text,
    need: 'above 0, up to 1: 0.5 or 0.637,0.712',
  });
}

function describe({ file, from, scores }: ScoreFile) {
  return { file, from, scores: scores.size };
}

function compareText(found: ScoreComparison, a: ScoreFile, b: ScoreFile): string {
  const { n, onlyInA, onlyInB, at, spearmanInterval: rho, ofB, shareBelowLn2 } = found;
  const share = (value: number | null) => (value === null ? 'not known' : percent(value));
  const range = (one: { readonly low: number; readonly high: number } | null) =>
    one === null ? '' : ` (95 % interval ${percent(one.low)} to ${percent(one.high)})`;
  return [
    `A: ${a.file} (${a.from}, ${a.scores.size} scores)`,
    `B: ${b.file} (${b.from}, ${b.scores.size} scores)`,
    `${n} pairs in both; ${onlyInA} only in A, ${onlyInB} only in B`,
    rho === null
      ? 'Spearman: not defined, as all scores of one file are equal'
      : `Spearman ${fixed(rho.value, 3)} (95 % interval ${fixed(rho.low, 3)} to ${fixed(rho.high, 3)})`,
    `Easiest ${percent(at[0])} of A, ${percent(at[1])} of B: Jaccard ${fixed(found.jaccardEasiest, 3)}`,
    `Easy in A, easy in B too: ${share(found.easyAgreement)}${range(found.easyAgreementInterval)}; by chance ${percent(at[1])}`,
    `Difficult in A, difficult in B too: ${share(found.difficultAgreement)}${range(found.difficultAgreementInterval)}; by chance ${percent(1 - at[1])}`,
    `Easy in B, easy in A too: ${share(ofB.easyAgreement)}; difficult likewise: ${share(ofB.difficultAgreement)}`,
    `Below ln 2: ${percent(shareBelowLn2.a)} of A, ${percent(shareBelowLn2.b)} of B`,
    '',
  ].join('\n');
}
