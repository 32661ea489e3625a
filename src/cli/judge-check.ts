import type { Command } from 'commander';
import { type CheckOptions, checkLabels, type LabelCheck } from '../evaluate/check-labels.ts';
import { checkJudge, type JudgeCheck } from '../evaluate/judge-check.ts';
import { type LabelFormat, readLabels, readVerdicts } from '../evaluate/label-files.ts';
import { firstAnswer, longerAnswer } from '../evaluate/labelled.ts';
import { estimateText } from '../judge/estimate.ts';
import { textTable } from './columns.ts';
import { withJudgeConnection } from './judge-connection.ts';
import { askJudge, type LiveFlags } from './judge-live.ts';
import {
  countSentence,
  LENGTH_COLUMNS,
  labelSentences,
  positionSentence,
  RATER_COLUMNS,
  raterRows,
  SINGLE_COLUMNS,
} from './judge-tables.ts';
import { wholeNumber } from './options.ts';
import type { Outside } from './outside.ts';

interface JudgeCheckFlags extends LiveFlags {
  readonly labels: string;
  readonly judgeLabels?: readonly string[];
  readonly seed: string;
  readonly json?: boolean;
}

/** What `winnow judge-check --json` prints. */
export interface JudgeCheckReport {
  readonly file: string;
  readonly format: LabelFormat;
  readonly labels: LabelCheck;
  /** Judges whose verdicts were read. */
  readonly judges: readonly JudgeCheck[];
  /** Two judges that need no model: what they reach, the labels reward. */
  readonly baselines: readonly JudgeCheck[];
}

/** `winnow judge-check`: how far a judge agrees with people, and what it prefers beside quality. */
export function addJudgeCheck(program: Command, outside: Outside): void {
  const command = program
    .command('judge-check')
    .description('hold a judge’s verdicts against human labels: agreement, position bias, length bias')
    .requiredOption(
      '--labels <file>',
      'labelled pairs: PandaLM’s or LLMBar’s JSON, or JSONL of {id, prompt, answer_a, answer_b, label, judge?, judge_swapped?} with "a", "b" or "tie"',
    )
    .option(
      '--judge-labels <files...>',
      'verdicts of judges on these pairs: PandaLM’s JSON, or JSONL of {id, judge, judge_swapped?}',
    )
    .option('--judge <name>', 'ask this language model about every pair, in both orders')
    .option('--judging <way>', 'both-orders (in words) or log-prob (default: both-orders)')
    .option('--out <dir>', 'where the judge’s replies and verdicts are kept', 'winnow-judge')
    .option('--budget-usd <usd>', 'spend no more than this on the judge')
    .option('--quiet', 'no progress, no talk')
    .option('--seed <n>', 'seed of the bootstrap', '42')
    .option('--json', 'data as JSON on stdout');
  withJudgeConnection(command).action(async (flags: JudgeCheckFlags) => {
    const seed = wholeNumber('seed', flags.seed, 0);
    const { judge, labels } = flags;
    const asked =
      judge === undefined ? null : await askJudge(await readLabels(labels), judge, flags, outside);
    if (asked !== null && 'estimate' in asked) {
      const { estimate } = asked;
      outside.print(
        flags.json === true ? `${JSON.stringify({ estimate }, null, 2)}\n` : `${estimateText(estimate)}\n`,
      );
      return;
    }
    const files = [...(flags.judgeLabels ?? []), ...(asked === null ? [] : [asked.file])];
    const report = await judgeReport(labels, files, { seed });
    outside.print(
      flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : `${judgeReportText(report)}\n`,
    );
  });
}

/** Reads the files and checks all judges in them, and the two baselines. */
export async function judgeReport(
  file: string,
  judgeFiles: readonly string[],
  options: CheckOptions,
): Promise<JudgeCheckReport> {
  const read = await readLabels(file);
  const others = [];
  for (const judgeFile of judgeFiles) others.push(await readVerdicts(judgeFile));
  const judges = read.judge === null ? others : [read.judge, ...others];
  return {
    file,
    format: read.format,
    labels: checkLabels(read, options),
    judges: judges.map((judge) => checkJudge(read, judge, options)),
    baselines: [longerAnswer(read), firstAnswer(read)].map((judge) => checkJudge(read, judge, options)),
  };
}

function judgeReportText({ file, labels, judges, baselines }: JudgeCheckReport): string {
  const all = [...judges, ...baselines];
  const columns = labels.ceiling === null ? RATER_COLUMNS : [...RATER_COLUMNS, ...SINGLE_COLUMNS];
  const note =
    labels.ceiling === null
      ? 'Agreement with the label, a tie being a label (95 % intervals, by prompt):'
      : 'Agreement with the label that most annotators give, for an annotator most of the others, and with one annotator (95 % intervals, by prompt):';
  return [
    file,
    ...labelSentences(labels),
    ...judges.map(countSentence),
    ...(judges.length === 0 ? ['No judge’s verdicts were given: two simple rules stand for one'] : []),
    '',
    note,
    textTable(columns, raterRows(labels, all)),
    '',
    ...(judges.length === 0
      ? []
      : ['Position bias:', ...judges.map((judge) => `  ${positionSentence(judge)}`), '']),
    'Length bias, where judge and label both prefer an answer (partial r: of verdict and length, given the label):',
    textTable(LENGTH_COLUMNS, all),
  ].join('\n');
}
