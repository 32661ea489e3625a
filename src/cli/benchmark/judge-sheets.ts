import { join } from 'node:path';
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
import type { Estimate, Stop } from '../../judge/chat.ts';
import { estimateText } from '../../judge/estimate.ts';
import { needsReference } from '../../judge/grading-judge.ts';
import { builtInTemplates } from '../../judge/template-own.ts';
import type { BenchmarkData } from '../../report/benchmark-data.ts';
import { byModel, byQuestion, onSameQuestions } from './by-question.ts';
import { modelFileName } from './files.ts';
import type { DuelJudge, GradeJudge } from './judging.ts';
import type { Surroundings, sidesOf } from './sources.ts';

/** What a judge said of every model, or what asking it would cost. */
export interface JudgedSheets {
  readonly data: Pick<
    BenchmarkData,
    'judge' | 'opponent' | 'spending' | 'duels' | 'grades' | 'notes' | 'stopped' | 'judgedQuestions'
  >;
  readonly stopped: Stop | null;
  /** Judgments as files. */
  readonly write: (folder: string) => void;
}

/** Asks the judge about every model's duels; where only the price was asked for, tells it. */
export async function judgeDuels(
  { config, flags, progress, signal, benchmark }: Surroundings,
  questions: readonly Question[],
  { opponent, models }: ReturnType<typeof sidesOf>,
  { judge, template }: DuelJudge,
  arms: ReadonlyMap<string, string>,
): Promise<JudgedSheets | { readonly estimate: Estimate | null }> {
  const sides = models.map((sheet) => ({ sheet, ...duelsOf(questions, sheet, opponent) }));
  // All models in one call: equal questions are paid once, and one estimate covers them.
  const asked = byQuestion(
    sides.map(({ duels }) => duels),
    questions,
  );
  const estimate = judge.estimate(asked);
  if (estimate !== null) progress.note(`${judge.name}: ${estimateText(estimate)}`);
  if (flags.estimate === true) return { estimate };
  const stage = progress.stage('Judging', { what: 'questions' });
  const judgment = await judge.compare(asked, {
    signal,
    onProgress: ({ done, total }) => stage.update('judge', done, total),
  });
  stage.end();
  const all = byModel(judgment.verdicts, sides.length);
  const counted = onSameQuestions(judgment.verdicts, ({ games }) => games.map(({ failure }) => failure));
  const judged = byModel(counted, sides.length).map((verdicts, side): JudgedModel => {
    const { sheet, duels, unanswered } = sides[side] as (typeof sides)[number];
    return { ...named(sheet, arms), duels, unanswered, endedShare: endedShare(sheet), verdicts };
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
        official: official(benchmark, judge.model, template),
      },
      opponent: opponent.model,
      spending: judgment.spending,
      duels: duelResults(judged, { seed: config.seed, judgeModel: judge.model }),
      grades: null,
      ...ended(judgment.stopped, counted),
      notes: failureNotes(judgment.failures),
    },
    write(folder) {
      for (const [side, { model, duels }] of judged.entries()) {
        const verdicts = all[side] as (typeof all)[number];
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
export async function judgeGrades(
  { config, flags, progress, signal, benchmark }: Surroundings,
  questions: readonly Question[],
  models: readonly AnswerSheet[],
  { judge, template }: GradeJudge,
  arms: ReadonlyMap<string, string>,
): Promise<JudgedSheets | { readonly estimate: Estimate | null }> {
  const sides = models.map((sheet) => ({
    sheet,
    ...dialoguesOf(questions, sheet, ({ category }) => category === null || needsReference(category)),
  }));
  const asked = byQuestion(
    sides.map(({ dialogues }) => dialogues),
    questions,
  );
  const estimate = judge.estimate(asked);
  progress.note(`${judge.name}: ${estimateText(estimate)}`);
  if (flags.estimate === true) return { estimate };
  const stage = progress.stage('Judging', { what: 'questions' });
  const grading = await judge.grade(asked, {
    signal,
    onProgress: ({ done, total }) => stage.update('judge', done, total),
  });
  stage.end();
  const all = byModel(grading.grades, sides.length);
  const counted = onSameQuestions(grading.grades, ({ failure }) => [failure]);
  const graded = byModel(counted, sides.length).map((grades, side): GradedModel => {
    const { sheet, unanswered } = sides[side] as (typeof sides)[number];
    const lengths = sheet.answers.flatMap((answer) => (answer === null ? [] : [lengthChars(answer)]));
    return {
      ...named(sheet, arms),
      unanswered,
      endedShare: endedShare(sheet),
      meanLengthChars:
        lengths.length === 0 ? null : lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
      grades,
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
        official: official(benchmark, judge.model, template),
      },
      opponent: null,
      spending: grading.spending,
      duels: null,
      grades: gradeResults(graded, { seed: config.seed, judgeModel: judge.model }),
      ...ended(grading.stopped, counted),
      notes: failureNotes(grading.failures),
    },
    write(folder) {
      for (const [side, { model }] of graded.entries())
        writeJsonLines(
          join(folder, `judgments-${modelFileName(model)}.jsonl`),
          mtBenchJudgments(model, judge.model, all[side] as (typeof all)[number]),
        );
    },
  };
}

/** A model under the name of its arm, where that has several. */
function named({ model }: AnswerSheet, arms: ReadonlyMap<string, string>) {
  const arm = arms.get(model);
  return { model, ...(arm === undefined ? {} : { arm }) };
}

/** Why judging ended early, and what the values then are of. */
function ended(
  stopped: Stop | null,
  counted: readonly { readonly id: string }[],
): Pick<BenchmarkData, 'stopped' | 'judgedQuestions'> {
  const questions = new Set(counted.map(({ id }) => id.slice(id.indexOf(':') + 1)));
  return { stopped: stopped?.message ?? null, judgedQuestions: questions.size };
}

/** Whether the published values rest on this judge, asked by a prompt that is not Winnow's; null where nothing is published. */
function official(
  { officialJudge }: Benchmark,
  model: string | null,
  template: string | null,
): boolean | null {
  if (officialJudge === null) return null;
  return officialJudge === model && template !== null && !builtInTemplates().includes(template);
}

function endedShare({ answers }: AnswerSheet): number | null {
  const known = answers.flatMap((answer) => answer?.turns.map(({ ended }) => ended) ?? []);
  if (known.length === 0 || known.includes(null)) return null;
  return known.filter((ended) => ended === true).length / known.length;
}

function failureNotes(failures: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(failures).map(([cause, count]) => `${count} questions without a verdict: ${cause}`);
}
