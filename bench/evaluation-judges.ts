/**
 * The statistics of evaluation on published judgments: PandaLM's three annotators and two judges, LLMBar's five files,
 * the length story and the ranking of models of AlpacaEval 2, and how many prompts an effect takes. Prints the tables
 * and writes them into docs/evaluation-statistics.md. Needs ../shared/data. `npm run bench -- evaluation-judges`
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TextColumn } from '../src/cli/columns.ts';
import { judgeReport } from '../src/cli/judge-check.ts';
import {
  countSentence,
  LENGTH_COLUMNS,
  labelSentences,
  positionSentence,
  RATER_COLUMNS,
  raterRows,
  SINGLE_COLUMNS,
} from '../src/cli/judge-tables.ts';
import { compareJudgedArms } from '../src/evaluate/compare-arms.ts';
import { lengthStory } from '../src/evaluate/length-story.ts';
import { SAMPLE_SIZE_DEFAULTS, sampleSizes } from '../src/evaluate/sample-size.ts';
import { count, fixed, MISSING, points } from '../src/report/numbers.ts';
import type { Interval } from '../src/stats/interval.ts';
import { replacePart, table } from './lib/document.ts';
import { ROOT } from './lib/places.ts';

const SHARED = join(ROOT, '..', 'shared', 'data');
const DOCUMENT = join(ROOT, 'docs', 'evaluation-statistics.md');
const SEED = 42;
const LLMBAR = [
  'Natural',
  'Adversarial_Neighbor',
  'Adversarial_GPTInst',
  'Adversarial_GPTOut',
  'Adversarial_Manual',
] as const;
/** Of AlpacaEval 2: three of one family, others far below the baseline, and one that games the judge. */
const MODELS = [
  'FuseChat-Gemma-2-9B-Instruct',
  'FuseChat-Qwen-2.5-7B-Instruct',
  'FuseChat-Llama-3.1-8B-Instruct',
  'claude-instant-1.2',
  'claude-2.1',
  'gpt-3.5-turbo-0301',
  'vicuna-13b-v1.5',
  'vicuna-7b-v1.5',
  'NullModel',
] as const;

function write(name: string, content: string): void {
  console.log(`\n${content}`);
  replacePart(DOCUMENT, name, content);
}

function markdown<T>(columns: readonly TextColumn<T>[], rows: readonly T[]): string {
  return table(
    columns.map(({ heading }) => heading),
    rows.map((row) => columns.map(({ show }) => show?.(row) ?? MISSING)),
  );
}

const between = ({ value, low, high }: Interval) =>
  `${fixed(100 * value, 1)} (${fixed(100 * low, 1)} to ${fixed(100 * high, 1)})`;

async function pandalm(): Promise<void> {
  const file = (name: string) => join(SHARED, 'pandalm', `${name}-testset-v1.json`);
  const { labels, judges, baselines } = await judgeReport(
    join(SHARED, 'pandalm', 'testset-v1.json'),
    [file('gpt-3.5-turbo'), file('pandalm-7b')],
    { seed: SEED },
  );
  const all = [...judges, ...baselines];
  write(
    'pandalm',
    [
      ...[...labelSentences(labels), ...judges.map(countSentence), ...judges.map(positionSentence)].map(
        (sentence) => `- ${sentence}.`,
      ),
      '',
      markdown([...RATER_COLUMNS, ...SINGLE_COLUMNS], raterRows(labels, all)),
      '',
      markdown(LENGTH_COLUMNS, all),
    ].join('\n'),
  );
}

async function llmbar(): Promise<void> {
  const rows = [];
  for (const name of LLMBAR) {
    const report = await judgeReport(join(SHARED, 'llmbar', `${name}.json`), [], { seed: SEED });
    const [longer, first] = report.baselines.map(({ againstMajority }) => againstMajority);
    const shares = [longer?.accuracy, first?.accuracy].map((share) =>
      share == null ? MISSING : between(share),
    );
    rows.push([name, count(report.labels.pairs), ...shares, fixed(longer?.kappa?.value, 2)]);
  }
  write('llmbar', table(['File', 'Pairs', 'The longer answer is right %', 'The first answer is right %', 'κ of the longer answer'], rows)); // biome-ignore format: one line
}

interface Annotation {
  readonly model: string;
  readonly index: number;
  readonly preference: number | null;
  readonly len_1: number;
  readonly len_2: number;
}

function alpacaEval(): void {
  const text = gunzipSync(readFileSync(join(SHARED, 'alpaca_eval', 'annotations_slim.jsonl.gz'))).toString();
  const annotations = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Annotation);
  const of = (model: string) =>
    annotations.filter((row) => row.model === model && row.preference !== null && row.preference >= 1);
  const stories = MODELS.map((model) => {
    const story = lengthStory(
      of(model).map(({ preference, len_1, len_2 }) => ({
        win: (preference as number) - 1,
        lengthModel: len_2,
        lengthOpponent: len_1,
      })),
    );
    return [
      model,
      fixed(100 * story.winRate, 1),
      fixed(100 * story.winRateOfLonger, 1),
      count(story.meanLength.model),
      story.agreement === null ? MISSING : between(story.agreement),
      fixed(100 * (story.agreementByChance ?? Number.NaN), 1),
      fixed(story.kappa, 2),
      story.auc?.low == null
        ? MISSING
        : `${fixed(story.auc.value, 2)} (${fixed(story.auc.low, 2)} to ${fixed(story.auc.high, 2)})`,
    ];
  });
  write('length-story', table(['Model', 'Win rate %', 'If the longer won %', 'Mean length', 'The longer won %', 'By chance %', 'κ', 'AUC of length'], stories)); // biome-ignore format: one line

  const { arms, pairs } = compareJudgedArms(
    MODELS.map((name) => ({
      name,
      verdicts: of(name).map(({ index, preference }) => ({
        prompt: String(index),
        win: (preference as number) - 1,
      })),
    })),
    { seed: SEED },
  );
  const close = pairs.filter(({ difference }) => Math.abs(difference.value) < 0.05);
  write(
    'arms',
    [
      table(
        ['Model', 'Win rate %', 'Rank'],
        arms.map(({ name, winRate, rank }) => [
          name,
          between(winRate),
          rank.best === rank.worst ? String(rank.best) : `${rank.best} to ${rank.worst}`,
        ]),
      ),
      '',
      table(
        [
          'Two models less than 5 points apart',
          'Difference',
          'p',
          'p, of all pairs',
          'Sign test p',
          'r',
          'Told apart',
        ],
        close.map(({ a, b, difference, p, adjustedP, signTest, correlation, separated }) => [
          `${a} − ${b}`,
          `${points(difference.value)} (${points(difference.low)} to ${points(difference.high)})`,
          ...[p, adjustedP, signTest.p].map((value) => (value < 0.0001 ? '< 0.0001' : fixed(value, 4))),
          fixed(correlation, 2),
          separated ? 'yes' : 'no',
        ]),
      ),
    ].join('\n'),
  );
}

function sizes(): void {
  const rows = [0.03, 0.05, 0.09, 0.15].flatMap((effect) =>
    [1, 2].map((orders) => {
      const [alone, arms] = sampleSizes({ ...SAMPLE_SIZE_DEFAULTS, effect, orders: orders as 1 | 2 });
      const [, six] = sampleSizes({ ...SAMPLE_SIZE_DEFAULTS, effect, orders: orders as 1 | 2, arms: 4 });
      return [
        points(effect),
        String(orders),
        ...[alone, arms, six].flatMap((size) => [count(size?.prompts), count(size?.asks)]),
      ];
    }),
  );
  write(
    'sizes',
    table(
      [
        'Points',
        'Orders',
        'A model against 50 %: prompts',
        'asks',
        'Two arms: prompts',
        'asks',
        'All pairs of 4 arms: prompts',
        'asks',
      ],
      rows,
    ),
  );
}

sizes();
if (existsSync(SHARED)) {
  await pandalm();
  await llmbar();
  alpacaEval();
} else {
  console.log('the other tables need ../shared/data');
}
