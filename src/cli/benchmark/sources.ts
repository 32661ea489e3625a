import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inputError } from '../../base/errors.ts';
import { type AnswerSheet, readAnswers } from '../../evaluate/benchmark/answer.ts';
import { askAnswers } from '../../evaluate/benchmark/ask-answers.ts';
import type { Benchmark } from '../../evaluate/benchmark/definition.ts';
import { type Question, readQuestions } from '../../evaluate/benchmark/question.ts';
import { openChatClient } from '../../judge/chat-client.ts';
import { type HubOptions, modelFolder, modelName } from '../../model/hub.ts';
import { hubDataFile } from '../../model/hub-data.ts';
import { answerQuestions, type EmbeddedModel } from '../../pipeline/answering.ts';
import type { StageContext } from '../../pipeline/execute.ts';
import { type Config, requireKey } from '../../run/config.ts';
import { numberFlag, priceOf } from '../judge-connection.ts';
import type { Progress } from '../progress.ts';
import type { BenchmarkFlags } from './flags.ts';

/** What the flow needs of its surroundings. */
export interface Surroundings {
  readonly config: Config;
  readonly flags: BenchmarkFlags;
  readonly benchmark: Benchmark;
  readonly context: StageContext;
  readonly progress: Progress;
  readonly hub: HubOptions;
  /** Folder of replies that were paid for. */
  readonly cache: string;
  readonly signal: AbortSignal;
}

/** The questions, the first so many where that is asked. */
export async function questionsOf(
  around: Surroundings,
): Promise<{ readonly file: string; readonly questions: readonly Question[] }> {
  const { flags, benchmark, hub } = around;
  const given = benchmark.hub === null ? flags.benchmark : flags.questions;
  const file = given ?? (await hubDataFile((benchmark.hub as NonNullable<Benchmark['hub']>).questions, hub));
  const questions = await readQuestions(file);
  const most = numberFlag('max-questions', flags.maxQuestions, 1);
  const asked = most === undefined ? questions : questions.slice(0, most);
  return { file, questions: await withReferences(around, asked) };
}

/** MT-Bench's reference answers lie in a file of their own, and go before those that stand with the questions. */
async function withReferences(
  { flags, benchmark, hub }: Surroundings,
  questions: readonly Question[],
): Promise<readonly Question[]> {
  const fromHub = benchmark.judging === 'grading' && flags.questions === undefined;
  const source = fromHub ? benchmark.hub?.answers : undefined;
  const file = flags.references ?? (source === undefined ? undefined : await hubDataFile(source, hub));
  if (file === undefined) return questions;
  const { answers } = oneSheet(file, await readAnswers(file, questions), null);
  return questions.map((question, place) => {
    const references = answers[place]?.turns.map(({ text }) => text);
    return references === undefined ? question : { ...question, references };
  });
}

/** The models under test, before any of them has answered. */
export interface Contestants {
  /** Answers that are there already. */
  readonly given: readonly AnswerSheet[];
  readonly embedded: readonly EmbeddedModel[];
  /** Names on the server. */
  readonly served: readonly string[];
  readonly names: readonly string[];
  /** The arm of a model that is one of its training seeds; of models that stand alone there is none. */
  readonly arms: ReadonlyMap<string, string>;
}

/** @throws inputError `same-model`, `no-models`, and those of the files of answers. */
export async function contestantsOf(
  around: Surroundings,
  questions: readonly Question[],
): Promise<Contestants> {
  const { flags } = around;
  const given: AnswerSheet[] = [];
  for (const file of flags.answers ?? []) given.push(...(await readAnswers(file, questions)));
  const embedded = await embeddedModels(around);
  const served = flags.serverModels ?? [];
  const names = [...given.map(({ model }) => model), ...embedded.map(({ name }) => name), ...served];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw inputError('same-model', 'two models have one name', {
      got: twice,
      remedy: 'Leave one of them out, or rename it in its file of answers',
    });
  if (names.length === 0)
    throw inputError('no-models', 'there is no model to judge', {
      need: '--model, --answers, --server-models, or a run folder (--out) with trained arms',
      remedy: 'Name at least one',
    });
  return { given, embedded, served, names, arms: armsOf(embedded) };
}

/** Answers of every model under test; what is there already is not asked again. */
export async function answersOf(
  around: Surroundings,
  questions: readonly Question[],
  { given, embedded, served }: Contestants,
): Promise<{ readonly sheets: readonly AnswerSheet[]; readonly notes: readonly string[] }> {
  const { flags, config, benchmark, context } = around;
  const sheets = [...given];
  const notes: string[] = [];
  const temperature = numberFlag('temperature', flags.temperature, 0);
  const sampling = {
    maxNewTokens: numberFlag('max-new-tokens', flags.maxNewTokens, 1) ?? benchmark.maxNewTokens,
    topP: config.evaluation.topP,
    seed: config.seed,
    temperature: temperature === undefined ? benchmark.temperature : () => temperature,
  };
  if (embedded.length > 0) {
    const { workers, threads, memoryGB, device } = config;
    const machine = { workers, threads, memoryGB, device };
    const answered = await answerQuestions(embedded, questions, { ...sampling, ...machine }, context);
    sheets.push(...answered.sheets);
    notes.push(...answered.notes);
  }
  if (served.length > 0) {
    const answered = await serverSheets(around, questions, sampling, served);
    sheets.push(...answered.sheets);
    notes.push(...answered.notes);
  }
  return { sheets, notes };
}

/**
 * A model that is named, beside itself without its adapter where it has one; else the start model and the trained arms
 * of the run folder.
 */
async function embeddedModels({ config, flags, hub, context }: Surroundings): Promise<EmbeddedModel[]> {
  const named = flags.model !== undefined || flags.adapter !== undefined;
  const arms = named || config.model === null ? [] : armFolders(context.runDir, wantedArms(flags));
  const others = flags.answers !== undefined || flags.serverModels !== undefined;
  if (config.model === null || (others && !named && arms.length === 0)) return [];
  const modelDir = await modelFolder(requireKey(config, 'model'), { revision: config.revision, ...hub });
  const { adapter } = config.training;
  if (arms.length === 0) {
    const bare = { name: modelName(modelDir), modelDir, adapter: null };
    return adapter === null
      ? [bare]
      : [bare, { name: `${bare.name}+${basename(adapter)}`, modelDir, adapter }];
  }
  return [
    { name: START, modelDir, adapter },
    ...arms.map(({ name, dir }) =>
      existsSync(join(dir, 'adapter_config.json'))
        ? { name, modelDir, adapter: dir }
        : { name, modelDir: dir, adapter: null },
    ),
  ];
}

/** `name-seed` of a run with several training seeds: one arm. */
function armsOf(embedded: readonly EmbeddedModel[]): ReadonlyMap<string, string> {
  const arms = embedded.map(({ name }) => [name, name.replace(/-\d+$/, '')] as const);
  const seeds = (arm: string) => arms.filter(([name, own]) => own === arm && name !== arm).length;
  return new Map(arms.filter(([, arm]) => seeds(arm) > 1));
}

function wantedArms({ arms }: BenchmarkFlags): readonly string[] | null {
  return typeof arms === 'string' ? arms.split(',').map((name) => name.trim()) : null;
}

/** Folders of trained arms, in the order of the alphabet; those of `wanted` only, where it names some. */
function armFolders(
  runDir: string,
  wanted: readonly string[] | null,
): { readonly name: string; readonly dir: string }[] {
  const folder = join(runDir, 'arms');
  if (!existsSync(folder)) return [];
  const there = readdirSync(folder)
    .filter((name) => statSync(join(folder, name)).isDirectory())
    .sort();
  const chosen =
    wanted === null
      ? there
      : there.filter((name) => wanted.includes(name.replace(/-\d+$/, '')) || wanted.includes(name));
  return chosen.map((name) => ({ name, dir: join(folder, name) }));
}

type ServedSampling = Pick<
  Parameters<typeof askAnswers>[2],
  'maxNewTokens' | 'topP' | 'seed' | 'temperature'
>;

async function serverSheets(
  { flags, progress, cache, signal }: Surroundings,
  questions: readonly Question[],
  sampling: ServedSampling,
  models: readonly string[],
) {
  const price = priceOf('server-', flags.serverPriceIn, flags.serverPriceOut);
  const budgetUsd = price === null ? undefined : numberFlag('budget-usd', flags.budgetUsd, 0);
  const concurrency = numberFlag('concurrency', flags.concurrency, 1);
  const baseUrl = flags.serverUrl ?? process.env.WINNOW_SERVER_URL;
  if (baseUrl === undefined || baseUrl === '')
    throw inputError('server-url', 'no address of the server that answers is given', {
      need: '--server-url or WINNOW_SERVER_URL',
      remedy: 'Give the address under which it has /chat/completions, such as http://127.0.0.1:8000/v1',
    });
  const key = process.env.WINNOW_SERVER_KEY;
  const client = openChatClient({
    cache,
    baseUrl,
    ...(key === undefined ? {} : { key }),
    ...(price === null ? {} : { price }),
    ...(budgetUsd === undefined ? {} : { budgetUsd }),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  const sheets: AnswerSheet[] = [];
  const notes: string[] = [];
  try {
    const stage = progress.stage('Answers of the server', { what: 'questions' });
    for (const model of models) {
      const answered = await askAnswers(client, questions, {
        ...sampling,
        model,
        signal,
        onProgress: (done, total) => stage.update(model, done, total),
      });
      if (answered.stopped?.error) throw answered.stopped.error;
      signal.throwIfAborted();
      if (answered.stopped !== null) notes.push(`${model}: ${answered.stopped.message}`);
      sheets.push(answered.sheet);
      notes.push(...answered.notes);
    }
    stage.end();
  } finally {
    await client.close();
  }
  return { sheets, notes };
}

/** Whose answers every model is set against: one of the models, by its name, or answers that are there. */
export type Opponent = { readonly name: string } | { readonly sheet: AnswerSheet };

/** Before any answer is generated, so that a mistyped baseline costs nothing. */
export async function opponentOf(
  { flags, benchmark, hub }: Surroundings,
  questions: readonly Question[],
  { names, embedded }: Contestants,
): Promise<Opponent> {
  const { baseline } = flags;
  const only = (name: string): Opponent => {
    if (names.length > 1) return { name };
    throw inputError('no-models', 'the baseline is the only model', {
      got: name,
      remedy: 'Name another model beside it',
    });
  };
  if (baseline !== undefined) {
    if (names.includes(baseline)) return only(baseline);
    if (!existsSync(baseline))
      throw inputError('no-baseline', 'the baseline is neither one of the models nor a file', {
        got: baseline,
        need: names.join(', '),
        remedy: 'Give one of these names, or a file of answers',
      });
    return { sheet: oneSheet(baseline, await readAnswers(baseline, questions), null) };
  }
  if (questions.every((question) => question.baseline !== null)) return { sheet: broughtAlong(questions) };
  if (benchmark.hub?.answers !== undefined) {
    const file = await hubDataFile(benchmark.hub.answers, hub);
    return { sheet: oneSheet(file, await readAnswers(file, questions), benchmark.baseline) };
  }
  const [start] = embedded;
  if (start !== undefined && embedded.length > 1) return { name: start.name };
  throw inputError('no-baseline', 'there is nothing to compare the answers with', {
    need: '--baseline NAME or FILE',
    got: names.join(', '),
    remedy:
      'Name one of several models, or a file of answers; your own prompts may also bring {"baseline": "an answer"}',
  });
}

/** The model before training, beside arms that were trained from it. */
const START = 'start';

/** The opponent's answers, and the models under test. */
export function sidesOf(
  opponent: Opponent,
  sheets: readonly AnswerSheet[],
): { readonly opponent: AnswerSheet; readonly models: readonly AnswerSheet[] } {
  if ('sheet' in opponent) return { opponent: opponent.sheet, models: sheets };
  return {
    opponent: sheets.find(({ model }) => model === opponent.name) as AnswerSheet,
    models: sheets.filter(({ model }) => model !== opponent.name),
  };
}

function oneSheet(file: string, sheets: readonly AnswerSheet[], model: string | null): AnswerSheet {
  const named = sheets.find((sheet) => sheet.model === model);
  const [only] = sheets;
  if (named !== undefined) return named;
  if (only !== undefined && sheets.length === 1) return only;
  throw inputError('no-baseline', 'the file has answers of several models', {
    file,
    got: sheets.map((sheet) => sheet.model).join(', '),
    remedy: 'Give a file with the answers of one',
  });
}

function broughtAlong(questions: readonly Question[]): AnswerSheet {
  const names = new Set(questions.map(({ baseline }) => baseline?.model ?? ''));
  return {
    model: names.size === 1 ? ([...names][0] as string) : 'baseline',
    answers: questions.map(({ id, baseline }) => ({
      id,
      turns: [{ text: baseline?.text ?? '', tokens: null, ended: null }],
    })),
  };
}
