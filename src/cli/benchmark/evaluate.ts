import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WinnowError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files.ts';
import { writeJson, writeJsonLines } from '../../base/json.ts';
import type { AnswerSheet } from '../../evaluate/benchmark/answer.ts';
import type { Benchmark } from '../../evaluate/benchmark/definition.ts';
import type { Estimate } from '../../judge/chat.ts';
import { estimateText } from '../../judge/estimate.ts';
import { VERSION } from '../../pipeline/version.ts';
import type { BenchmarkData } from '../../report/benchmark-data.ts';
import { renderBenchmark } from '../../report/benchmark-page.ts';
import { openRun } from '../../run/folder.ts';
import { configOf } from '../options.ts';
import type { Outside } from '../outside.ts';
import { createProgress } from '../progress.ts';
import { hubTalk, stageContext } from '../way.ts';
import { modelFileName } from './files.ts';
import { type BenchmarkFlags, benchmarkOf } from './flags.ts';
import { judgeDuels, judgeGrades } from './judge-sheets.ts';
import { judgeOf } from './judging.ts';
import { publishedForm } from './published.ts';
import { benchmarkCsv, benchmarkText } from './say.ts';
import {
  answersOf,
  contestantsOf,
  type Opponent,
  opponentOf,
  questionsOf,
  type Surroundings,
  sidesOf,
} from './sources.ts';

/** `winnow evaluate --benchmark`: answers, judgments and what they say, in `benchmarks/NAME/JUDGE/` of the run folder; answers in `benchmarks/NAME/`. */
export async function evaluateBenchmark(flags: BenchmarkFlags, outside: Outside): Promise<void> {
  const benchmark = benchmarkOf(flags);
  const config = configOf(flags);
  const runDir = openRun(config.out, { create: true, version: VERSION, command: outside.commandLine }).dir;
  const progress = createProgress({ quiet: flags.quiet === true });
  const context = stageContext(runDir, progress, outside.signal);
  const around: Surroundings = {
    config,
    flags,
    benchmark,
    context,
    progress,
    hub: { ...hubTalk(progress), signal: outside.signal },
    cache: join(runDir, 'judge-cache'),
    signal: outside.signal,
  };
  try {
    if (benchmark.licence !== null) progress.note(benchmark.licence);
    const { file, questions } = await questionsOf(around);
    // Before any answer is generated: a judge that cannot be asked is told at once.
    const judge = await judgeOf(around);
    try {
      const contestants = await contestantsOf(around, questions);
      const opponent = judge?.way === 'duels' ? await opponentOf(around, questions, contestants) : null;
      const { sheets, notes } = await answersOf(around, questions, contestants);
      const folder = join(runDir, 'benchmarks', nameOf(benchmark, file));
      mkdirSync(folder, { recursive: true });
      writeSheets(folder, sheets);
      if (judge === null) {
        progress.close();
        outside.print(answersSaid(flags, folder, sheets));
        return;
      }
      const begun = performance.now();
      const judged =
        judge.way === 'duels'
          ? await judgeDuels(
              around,
              questions,
              sidesOf(opponent as Opponent, sheets),
              judge,
              contestants.arms,
            )
          : await judgeGrades(around, questions, sheets, judge, contestants.arms);
      if ('estimate' in judged) {
        progress.close();
        outside.print(estimateSaid(flags, judged.estimate));
        return;
      }
      const data: BenchmarkData = {
        version: VERSION,
        command: outside.commandLine,
        seed: config.seed,
        benchmark: { name: benchmark.name, file: basename(file), questions: questions.length },
        licence: benchmark.licence,
        judgingSeconds: (performance.now() - begun) / 1000,
        ...judged.data,
        notes: [...notes, ...judged.data.notes],
      };
      // Another judge's results are other results.
      const by = join(folder, modelFileName(judge.judge.model ?? judge.judge.name));
      mkdirSync(by, { recursive: true });
      judged.write(by);
      const published = await publishedForm(by, around, data);
      const whole: BenchmarkData = { ...data, published };
      writeJson(join(by, 'evaluation.json'), whole);
      writeFileAtomic(join(by, 'evaluation.html'), renderBenchmark(whole, config.language));
      progress.close();
      outside.print(said(flags, whole, by));
      if (judged.stopped?.error) throw judged.stopped.error;
      outside.signal.throwIfAborted();
      if (judged.stopped !== null)
        throw new WinnowError('gate', 'judge-budget', judged.stopped.message, {
          remedy: 'What was judged is kept: raise --budget-usd and run the same command again for the rest',
        });
    } finally {
      await judge?.client?.close();
    }
  } finally {
    progress.close();
  }
}

function said(flags: BenchmarkFlags, data: BenchmarkData, folder: string): string {
  if (flags.json === true) return `${JSON.stringify(data, null, 2)}\n`;
  if (flags.csv === true) return `${benchmarkCsv(data)}\n`;
  return `${benchmarkText(data)}\n\n${join(folder, 'evaluation.html')}\n`;
}

function estimateSaid(flags: BenchmarkFlags, estimate: Estimate | null): string {
  if (flags.json === true) return `${JSON.stringify({ estimate }, null, 2)}\n`;
  return `${estimate === null ? 'This judge costs nothing.' : estimateText(estimate)}\n`;
}

function answersSaid(flags: BenchmarkFlags, folder: string, sheets: readonly AnswerSheet[]): string {
  const files = sheets.map(({ model, answers }) => ({
    model,
    answers: answers.filter((answer) => answer !== null).length,
    file: answersFile(folder, model),
  }));
  if (flags.json === true) return `${JSON.stringify({ models: files }, null, 2)}\n`;
  return `${files.map(({ model, answers, file }) => `${model}: ${answers} answers, ${file}`).join('\n')}\n`;
}

function answersFile(folder: string, model: string): string {
  return join(folder, `answers-${modelFileName(model)}.jsonl`);
}

function nameOf({ hub, name }: Benchmark, file: string): string {
  return hub === null ? basename(file).replace(/(\.jsonl?)?(\.gz)?$/, '') : name;
}

function writeSheets(folder: string, sheets: readonly AnswerSheet[]): void {
  for (const { model, answers } of sheets)
    writeJsonLines(
      answersFile(folder, model),
      answers.flatMap((answer) => (answer === null ? [] : [{ ...answer, model }])),
    );
}
