import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { inputError } from '../base/errors.ts';
import { compareScores, type ScoreComparison } from '../difficulty/compare-scores.ts';
import { readScoreFile, type ScoreFile } from '../difficulty/score-files.ts';
import { STAND_IN_BASIS, type StandIn, standIn } from '../difficulty/stand-in.ts';
import { nominalShare } from '../pipeline/keep-share.ts';
import { SURROGATE_FILE, surrogate } from '../pipeline/surrogate.ts';
import { fixed, percent } from '../report/numbers.ts';
import { openRun } from '../run/folder.ts';
import type { Interval } from '../stats/interval.ts';
import { configOf, withTalkFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { travel } from './verbs.ts';

interface CompareFlags {
  readonly at: string;
  readonly columnsA?: string;
  readonly columnsB?: string;
  readonly average?: boolean;
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
    .option('--average', 'average the lines of one id, where ids are of prompts and not of pairs')
    .addOption(json())
    .action(async (a: string, b: string, flags: CompareFlags) => {
      const at = sharesOf(flags.at);
      const read = (file: string, columns?: string) =>
        readScoreFile(file, {
          ...(columns === undefined ? {} : { columns }),
          ...(flags.average === undefined ? {} : { average: flags.average }),
        });
      const fileA = await read(a, flags.columnsA);
      const fileB = await read(b, flags.columnsB);
      const compared = compareScores(fileA, fileB, at);
      outside.print(
        flags.json === true
          ? `${JSON.stringify({ ...compared, a: describe(fileA), b: describe(fileB) }, null, 2)}\n`
          : compareText(compared, fileA, fileB),
      );
    });
  addTransfer(scores, outside);
  addSurrogate(scores, outside);
}

interface TransferFlags {
  readonly at: string;
  readonly json?: boolean;
}

function addTransfer(scores: Command, outside: Outside): void {
  scores
    .command('transfer')
    .description(
      'whether a small model’s scores may stand in for a large one’s, by a sample that both have scored',
    )
    .argument('<small>', 'scores by the small model, of all pairs: as of scores compare')
    .argument('<large-sample>', 'scores by the large model, of a random sample of the same pairs')
    .option('--at <share>', 'share of the pairs that is to be kept', '0.5')
    .option('--json', 'data as JSON on stdout')
    .action(async (small: string, large: string, flags: TransferFlags) => {
      const [at] = sharesOf(flags.at);
      const files = [await readScoreFile(small), await readScoreFile(large)] as const;
      const found = standIn(...files, at);
      const data = { ...found, basis: STAND_IN_BASIS, small: describe(files[0]), large: describe(files[1]) };
      outside.print(
        flags.json === true
          ? `${JSON.stringify(data, null, 2)}\n`
          : [
              `Small: ${small} (${files[0].from}, ${files[0].scores.size} scores)`,
              `Large: ${large} (${files[1].from}, ${files[1].scores.size} scores)`,
              ...standInLines(found, 'the small model', 'the large model'),
              found.use === 'yes'
                ? `Then: difficulty.scorer: file, difficulty.scoresFile: ${small}`
                : 'Then: score with the large model itself',
              '',
            ].join('\n'),
      );
    });
}

interface SurrogateFlags {
  readonly out: string;
  readonly share: string;
  readonly at?: string;
  readonly scores?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

function addSurrogate(scores: Command, outside: Outside): void {
  const command = scores
    .command('surrogate')
    .description(
      'learn difficulty from lengths, log-probabilities and tokens, and tell whether that may be used',
    )
    .requiredOption('--out <dir>', 'run folder with the pairs')
    .option('--share <share>', 'share of the scored pairs to learn from; the others test', '0.2')
    .option('--at <share>', 'share of the pairs that is to be kept (default: the run’s)')
    .option('--scores <path>', 'scores of some of the pairs (default: the run’s own)');
  withTalkFlags(command).action(async (flags: SurrogateFlags) => {
    const [share] = sharesOf(flags.share);
    openRun(flags.out, { create: false });
    const config = configOf({ out: flags.out });
    const json = flags.json === true;
    const quiet = flags.quiet === true;
    await travel(config, { json, quiet }, outside, async (way) => {
      const prepared = await way.prepared();
      const at = flags.at === undefined ? nominalShare(prepared) : sharesOf(flags.at)[0];
      const source = flags.scores ?? null;
      const options = { share, at, seed: config.seed, scores: source };
      const { predicted, ...found } = await surrogate(prepared, way.context, options);
      const file = join(config.out, SURROGATE_FILE);
      const text = [
        `Learned from ${found.learned} scored pairs, tested on ${found.tested} others (${found.features} features, penalty ${found.lambda})`,
        ...standInLines(found.test, 'the surrogate', 'the scores'),
        ...(found.ceiling === null
          ? []
          : [
              `The scores are noisy themselves: with their mean over seeds even a perfect order would agree by about ${fixed(found.ceiling, 2)}`,
            ]),
        `${file}: predicted difficulty of ${predicted.length} pairs`,
        found.test.use === 'yes'
          ? `Then: difficulty.scorer: file, difficulty.scoresFile: ${file}`
          : 'Then: score all pairs; the predictions are no selection',
      ].join('\n');
      return { data: { ...found, basis: STAND_IN_BASIS, pairs: predicted.length, file }, text };
    });
  });
}

function ruling({ use, least }: StandIn, other: string): string {
  const rule = `rule: the whole interval of the rank correlation at ${least} or above`;
  const said = {
    yes: `${other[0]?.toUpperCase()}${other.slice(1)} may be used`,
    no: `${other[0]?.toUpperCase()}${other.slice(1)} should not be used`,
    'more-pairs': `Whether ${other} may be used cannot be told: the interval is too wide, so test on more pairs`,
  }[use];
  return `${said} (${rule}). ${STAND_IN_BASIS}`;
}

function standInLines(found: StandIn, other: string, own: string): string[] {
  const { n, at, spearman: rho, overlap, easyFoundHard, easyAboveLn2 } = found;
  const share = (one: Interval | null) =>
    one === null
      ? 'not known'
      : `${percent(one.value)} (95 % interval ${percent(one.low)} to ${percent(one.high)})`;
  return [
    rho === null
      ? `${n} pairs in both; Spearman: not defined, as all scores of one side are equal`
      : `${n} pairs in both; Spearman ${fixed(rho.value, 3)} (95 % interval ${fixed(rho.low, 3)} to ${fixed(rho.high, 3)})`,
    `Easiest ${percent(at)} by ${other}: ${share(overlap)} are among the easiest by ${own}; by chance ${percent(at)}`,
    `of them ${share(easyFoundHard)} are among the hardest fifth by ${own}; by chance 20.0%`,
    `of them ${percent(easyAboveLn2.easiest)} are above ln 2 by ${own}; of all pairs ${percent(easyAboveLn2.all)}`,
    ruling(found, other),
  ];
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
