import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../../base/files.ts';
import { writeJson, writeJsonLines } from '../../base/json.ts';
import { type AnswerSheet, lengthChars } from '../../evaluate/benchmark/answer.ts';
import type { Benchmark } from '../../evaluate/benchmark/definition.ts';
import { dialoguesOf, duelsOf } from '../../evaluate/benchmark/duels.ts';
import {
  alpacaAnnotations,
  arenaJudgments,
  mtBenchJudgments,
} from '../../evaluate/benchmark/judgment-files.ts';
import type { Question } from '../../evaluate/benchmark/question.ts';
import {
  duelResults,
  type GradedModel,
  gradeResults,
  type JudgedModel,
} from '../../evaluate/benchmark/results.ts';
import type { Stop } from '../../judge/chat.ts';
import { estimateText } from '../../judge/estimate.ts';
import { needsReference } from '../../judge/grading-judge.ts';
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
import { type DuelJudge, type GradeJudge, judgeOf } from './judging.ts';
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

/** `winnow evaluate --benchmark`: answers, judgments and what they say, in `benchmarks/NAME/` of the run folder. */
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
      const opponent = judge.way === 'duels' ? await opponentOf(around, questions, contestants.names) : null;
      const { sheets, notes } = await answersOf(around, questions, contestants);
      const folder = join(runDir, 'benchmarks', nameOf(benchmark, file));
      mkdirSync(folder, { recursive: true });
      writeSheets(folder, sheets);
      const begun = performance.now();
      const judged =
        judge.way === 'duels'
          ? await judgeDuels(around, questions, sidesOf(opponent as Opponent, sheets), judge)
          : await judgeGrades(around, questions, sheets, judge);
      if (judged === null) return;
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
      judged.write(folder);
      const published = await publishedForm(folder, around, data);
      const whole: BenchmarkData = { ...data, published };
      writeJson(join(folder, 'evaluation.json'), whole);
      writeFileAtomic(join(folder, 'evaluation.html'), renderBenchmark(whole));
      progress.close();
      outside.print(said(flags, whole, folder));
      if (judged.stopped?.error) throw judged.stopped.error;
      outside.signal.throwIfAborted();
    } finally {
      await judge.client?.close();
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

function nameOf({ hub, name }: Benchmark, file: string): string {
  return hub === null ? basename(file).replace(/(\.jsonl?)?(\.gz)?$/, '') : name;
}

function writeSheets(folder: string, sheets: readonly AnswerSheet[]): void {
  for (const { model, answers } of sheets)
    writeJsonLines(
      join(folder, `answers-${modelFileName(model)}.jsonl`),
      answers.flatMap((answer) => (answer === null ? [] : [{ ...answer, model }])),
    );
}

interface JudgedSheets {
  readonly data: Pick<
    BenchmarkData,
    'judge' | 'opponent' | 'spending' | 'duels' | 'grades' | 'notes' | 'stopped'
  >;
  readonly stopped: Stop | null;
  /** Judgments as files. */
  readonly write: (folder: string) => void;
}

/** Asks the judge about every model; null where only the price was asked for. */
async function judgeDuels(
  { config, flags, progress, signal, benchmark }: Surroundings,
  questions: readonly Question[],
  { opponent, models }: ReturnType<typeof sidesOf>,
  { judge, template }: DuelJudge,
): Promise<JudgedSheets | null> {
  const sides = models.map((sheet) => ({ sheet, ...duelsOf(questions, sheet, opponent) }));
  // All models in one call: equal questions are paid once, and one estimate covers them.
  const all = sides.flatMap(({ duels }, side) => duels.map((duel) => ({ side, duel })));
  const asked = all.map(({ side, duel }) => ({ ...duel, id: `${side}:${duel.id}` }));
  const estimate = judge.estimate(asked);
  if (estimate !== null) progress.note(`${judge.name}: ${estimateText(estimate)}`);
  if (flags.estimate === true) return null;
  const stage = progress.stage('Judging', { what: 'questions' });
  const judgment = await judge.compare(asked, {
    signal,
    onProgress: ({ done, total }) => stage.update('judge', done, total),
  });
  stage.end();
  const judged = sides.map(({ sheet, duels, unanswered }, side): JudgedModel => {
    const own = `${side}:`;
    return {
      model: sheet.model,
      duels,
      unanswered,
      endedShare: endedShare(sheet),
      verdicts: judgment.verdicts
        .filter(({ id }) => id.startsWith(own))
        .map((verdict) => ({ ...verdict, id: verdict.id.slice(own.length) })),
    };
  });
  const places = new Map(questions.map(({ id }, place) => [id, place]));
  return {
    stopped: judgment.stopped,
    data: {
      judge: {
        name: judge.name,
        model: judge.model,
        repeats: judge.repeats,
        template,
        official: official(benchmark, judge.model),
      },
      opponent: opponent.model,
      spending: judgment.spending,
      duels: duelResults(judged, { seed: config.seed, judgeModel: judge.model }),
      grades: null,
      stopped: judgment.stopped?.message ?? null,
      notes: failureNotes(judgment.failures),
    },
    write(folder) {
      for (const { model, duels, verdicts } of judged) {
        const names = { model, opponent: opponent.model, judge: judge.model ?? judge.name };
        const name = modelFileName(model);
        writeJsonLines(join(folder, `verdicts-${name}.jsonl`), verdicts);
        writeJson(
          join(folder, `annotations-${name}.json`),
          alpacaAnnotations(names, duels, verdicts, (id) => places.get(id) as number),
        );
        if (verdicts.some(({ games }) => games.length > 1))
          writeJsonLines(join(folder, `judgments-${name}.jsonl`), arenaJudgments(names, verdicts));
      }
    },
  };
}

/** The same for grades. */
async function judgeGrades(
  { config, flags, progress, signal, benchmark }: Surroundings,
  questions: readonly Question[],
  models: readonly AnswerSheet[],
  { judge, template }: GradeJudge,
): Promise<JudgedSheets | null> {
  const sides = models.map((sheet) => ({
    sheet,
    ...dialoguesOf(questions, sheet, ({ category }) => category === null || needsReference(category)),
  }));
  const asked = sides.flatMap(({ dialogues }, side) =>
    dialogues.map((dialogue) => ({ ...dialogue, id: `${side}:${dialogue.id}` })),
  );
  progress.note(`${judge.name}: ${estimateText(judge.estimate(asked))}`);
  if (flags.estimate === true) return null;
  const stage = progress.stage('Judging', { what: 'questions' });
  const grading = await judge.grade(asked, {
    signal,
    onProgress: ({ done, total }) => stage.update('judge', done, total),
  });
  stage.end();
  const graded = sides.map(({ sheet, unanswered }, side): GradedModel => {
    const own = `${side}:`;
    const lengths = sheet.answers.flatMap((answer) => (answer === null ? [] : [lengthChars(answer)]));
    return {
      model: sheet.model,
      unanswered,
      endedShare: endedShare(sheet),
      meanLengthChars:
        lengths.length === 0 ? null : lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
      grades: grading.grades
        .filter(({ id }) => id.startsWith(own))
        .map((grade) => ({ ...grade, id: grade.id.slice(own.length) })),
    };
  });
  return {
    stopped: grading.stopped,
    data: {
      judge: {
        name: judge.name,
        model: judge.model,
        repeats: judge.repeats,
        template,
        official: official(benchmark, judge.model),
      },
      opponent: null,
      spending: grading.spending,
      duels: null,
      grades: gradeResults(graded, { seed: config.seed, judgeModel: judge.model }),
      stopped: grading.stopped?.message ?? null,
      notes: failureNotes(grading.failures),
    },
    write(folder) {
      for (const { model, grades } of graded)
        writeJsonLines(
          join(folder, `judgments-${modelFileName(model)}.jsonl`),
          mtBenchJudgments(model, judge.model, grades),
        );
    },
  };
}

/** Whether the published values rest on this judge; null where nothing is published. */
function official({ officialJudge }: Benchmark, model: string | null): boolean | null {
  return officialJudge === null ? null : officialJudge === model;
}

function endedShare({ answers }: AnswerSheet): number | null {
  const known = answers.flatMap((answer) => answer?.turns.map(({ ended }) => ended) ?? []);
  if (known.length === 0 || known.includes(null)) return null;
  return known.filter((ended) => ended === true).length / known.length;
}

function failureNotes(failures: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(failures).map(([cause, count]) => `${count} questions without a verdict: ${cause}`);
}
