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
import type { Progress } from '../progress.ts';
import { type BenchmarkFlags, numberFlag, priceOf } from './flags.ts';

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
export async function questionsOf({ flags, benchmark, hub }: Surroundings): Promise<{
  readonly file: string;
  readonly questions: readonly Question[];
}> {
  const given = benchmark.hub === null ? flags.benchmark : flags.questions;
  const file = given ?? (await hubDataFile((benchmark.hub as NonNullable<Benchmark['hub']>).questions, hub));
  const questions = await readQuestions(file);
  const most = numberFlag('max-questions', flags.maxQuestions, 1);
  return { file, questions: most === undefined ? questions : questions.slice(0, most) };
}

/** Answers of every model under test: from files, of the embedded engine, of a server. */
export async function sheetsOf(
  around: Surroundings,
  questions: readonly Question[],
): Promise<{ readonly sheets: readonly AnswerSheet[]; readonly notes: readonly string[] }> {
  const { flags, config, benchmark, context } = around;
  const sheets: AnswerSheet[] = [];
  const notes: string[] = [];
  for (const file of flags.answers ?? []) sheets.push(...(await readAnswers(file, questions)));
  const temperature = numberFlag('temperature', flags.temperature, 0);
  const sampling = {
    maxNewTokens: numberFlag('max-new-tokens', flags.maxNewTokens, 1) ?? benchmark.maxNewTokens,
    topP: config.evaluation.topP,
    seed: config.seed,
    temperature: temperature === undefined ? benchmark.temperature : () => temperature,
  };
  const others = flags.answers !== undefined || flags.serverModels !== undefined;
  const models = await embeddedModels(around, others);
  if (models.length > 0) {
    const { workers, threads, memoryGB, device } = config;
    const answered = await answerQuestions(
      models,
      questions,
      { ...sampling, workers, threads, memoryGB, device },
      context,
    );
    sheets.push(...answered.sheets);
    notes.push(...answered.notes);
  }
  if (flags.serverModels !== undefined) {
    const served = await serverSheets(around, questions, sampling, flags.serverModels);
    sheets.push(...served.sheets);
    notes.push(...served.notes);
  }
  const names = sheets.map(({ model }) => model);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw inputError('same-model', 'two models have one name', {
      got: twice,
      remedy: 'Leave one of them out, or rename it in its file of answers',
    });
  if (sheets.length === 0)
    throw inputError('no-models', 'there is no model to judge', {
      need: '--model, --answers, --server-models, or a run folder (--out) with trained arms',
      remedy: 'Name at least one',
    });
  return { sheets, notes };
}

/** The start model and the trained arms of the run folder; with answers from elsewhere only what is named. */
async function embeddedModels(
  { config, flags, hub, context }: Surroundings,
  others: boolean,
): Promise<EmbeddedModel[]> {
  const named = flags.model !== undefined || flags.adapter !== undefined;
  const arms = armFolders(context.runDir, config.model === null ? [] : wantedArms(flags));
  if (config.model === null || (others && !named && arms.length === 0)) return [];
  const modelDir = await modelFolder(requireKey(config, 'model'), { revision: config.revision, ...hub });
  const { adapter } = config.training;
  const start: EmbeddedModel = {
    name: arms.length > 0 ? 'start' : nameOf(modelDir, adapter),
    modelDir,
    adapter,
  };
  return [
    start,
    ...arms.map(({ name, dir }) =>
      existsSync(join(dir, 'adapter_config.json'))
        ? { name, modelDir, adapter: dir }
        : { name, modelDir: dir, adapter: null },
    ),
  ];
}

function nameOf(modelDir: string, adapter: string | null): string {
  return adapter === null ? modelName(modelDir) : `${modelName(modelDir)}+${basename(adapter)}`;
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

/** The answers that every model is set against, and what the models under test then are. */
export async function opponentOf(
  { flags, benchmark, hub }: Surroundings,
  questions: readonly Question[],
  sheets: readonly AnswerSheet[],
): Promise<{ readonly opponent: AnswerSheet; readonly models: readonly AnswerSheet[] }> {
  const { baseline } = flags;
  if (baseline !== undefined) {
    const named = sheets.find(({ model }) => model === baseline);
    if (named !== undefined) return against(named, sheets);
    if (!existsSync(baseline))
      throw inputError('no-baseline', 'the baseline is neither one of the models nor a file', {
        got: baseline,
        need: sheets.map(({ model }) => model).join(', '),
        remedy: 'Give one of these names, or a file of answers',
      });
    return against(oneSheet(baseline, await readAnswers(baseline, questions), null), sheets);
  }
  if (questions.every((question) => question.baseline !== null))
    return against(broughtAlong(questions), sheets);
  if (benchmark.hub?.answers !== undefined) {
    const file = await hubDataFile(benchmark.hub.answers, hub);
    return against(oneSheet(file, await readAnswers(file, questions), benchmark.baseline), sheets);
  }
  const start = sheets.find(({ model }) => model === 'start');
  if (start !== undefined && sheets.length > 1) return against(start, sheets);
  throw inputError('no-baseline', 'there is nothing to compare the answers with', {
    need: '--baseline NAME or FILE',
    got: sheets.map(({ model }) => model).join(', '),
    remedy:
      'Name one of several models, or a file of answers; your own prompts may also bring {"baseline": "an answer"}',
  });
}

function against(opponent: AnswerSheet, sheets: readonly AnswerSheet[]) {
  const models = sheets.filter((sheet) => sheet !== opponent);
  if (models.length === 0)
    throw inputError('no-models', 'the baseline is the only model', {
      got: opponent.model,
      remedy: 'Name another model beside it',
    });
  return { opponent, models };
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
