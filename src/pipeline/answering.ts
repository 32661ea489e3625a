import { parseLines } from '../base/own-lines.ts';
import type { Answer } from '../evaluate/answers.ts';
import type { AnswerSheet, BenchmarkAnswer, Turn } from '../evaluate/benchmark/answer.ts';
import { conversationAt, type Question } from '../evaluate/benchmark/question.ts';
import { type Checkpoint, openCheckpoint } from '../model/checkpoint.ts';
import type { Config } from '../run/config.ts';
import { resultFile, type UnitResult } from '../run/done.ts';
import type { UnitSpec } from '../run/unit.ts';
import { tokenizePrompts } from '../text/tokenize.ts';
import { loadTokenizer, type TextTokenizer } from '../text/tokenizer.ts';
import { runStage, type StageContext, type StageCost } from './execute.ts';
import { type EvaluationPrompt, writePrompts } from './inputs.ts';
import { memoryNeeds, type Needs, needMemory } from './resources.ts';
import { fittingAdapter } from './start.ts';
import { answersUnit, type GenerationInputs } from './units.ts';

/** A model that answers in the embedded engine. */
export interface EmbeddedModel {
  readonly name: string;
  /** Checkpoint folder. */
  readonly modelDir: string;
  readonly adapter: string | null;
}

export interface AnsweringOptions
  extends Pick<Config, 'workers' | 'threads' | 'memoryGB' | 'device' | 'seed'> {
  readonly maxNewTokens: number;
  readonly topP: number;
  /** Sampling temperature of a question. */
  readonly temperature: (question: Question) => number;
}

export interface Answered {
  readonly sheets: readonly AnswerSheet[];
  /** What a reader of the answers must know: prompts that were cut or could not be asked. */
  readonly notes: readonly string[];
}

/**
 * Answers of embedded models to questions of one or several turns: a stage of `answers` units a turn, one unit for each
 * model and temperature. What is done already is reused.
 */
export async function answerQuestions(
  models: readonly EmbeddedModel[],
  questions: readonly Question[],
  options: AnsweringOptions,
  context: StageContext,
): Promise<Answered> {
  const opened = models.map(open);
  const temperatures = [...new Set(questions.map(options.temperature))].sort((a, b) => a - b);
  const turns = models.map(() => questions.map((): Turn[] => []));
  const notes = new Set<string>();
  const costs: StageCost[] = [];
  const most = Math.max(...questions.map(({ followUps }) => followUps.length));
  for (let turn = 0; turn <= most; turn++) {
    const jobs: { model: number; places: readonly number[]; spec: UnitSpec; promptTokens: number }[] = [];
    for (const [model, own] of opened.entries())
      for (const temperature of temperatures) {
        const sheet = turns[model] as Turn[][];
        const asked = questions.flatMap((question, place) =>
          options.temperature(question) === temperature &&
          question.followUps.length >= turn &&
          (sheet[place] as Turn[]).length === turn
            ? [place]
            : [],
        );
        const { prompts, places, said } = promptsFor(own, questions, sheet, asked, turn, options);
        for (const note of said) notes.add(note);
        if (prompts.length === 0) continue;
        const spec = answersUnit(
          own.base,
          null,
          writePrompts(context.runDir, prompts),
          generationOf(own, temperature, options),
        );
        const promptTokens = Math.max(...prompts.map(({ tokens }) => tokens.length));
        jobs.push({ model, places, spec, promptTokens });
      }
    if (jobs.length === 0) break;
    const needs = fullest(
      jobs.map(({ model, promptTokens }) => needsOf(opened[model] as Opened, promptTokens, options)),
    );
    needMemory(options, needs);
    const results = await runStage(
      context,
      most === 0 ? 'Answering' : `Answering, turn ${turn + 1}`,
      jobs.map(({ spec }) => spec),
      { ...options, needs },
      costs,
    );
    for (const [j, { model, places }] of jobs.entries()) {
      const answers = [...parseLines<Answer>(resultFile(results[j] as UnitResult, 'answers.jsonl'))];
      for (const [i, { text, tokens, ended }] of answers.entries())
        turns[model]?.[places[i] as number]?.push({ text, tokens, ended });
    }
  }
  const sheets = models.map(({ name }, model) => ({
    model: name,
    answers: questions.map(({ id, followUps }, place): BenchmarkAnswer | null => {
      const own = turns[model]?.[place] as Turn[];
      return own.length === 1 + followUps.length ? { id, turns: own } : null;
    }),
  }));
  return { sheets, notes: [...notes] };
}

interface Opened {
  readonly model: EmbeddedModel;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: TextTokenizer;
  readonly base: Parameters<typeof answersUnit>[0];
}

function open(model: EmbeddedModel): Opened {
  const { modelDir, adapter } = model;
  const checkpoint = openCheckpoint(modelDir);
  const tokenizer = loadTokenizer(modelDir);
  const start = adapter === null ? null : fittingAdapter(adapter, checkpoint);
  const base = {
    modelDir,
    modelHash: checkpoint.hash,
    modelStamp: checkpoint.stamp,
    ...(start === null ? {} : { adapter: { dir: start.dir, hash: start.hash } }),
    // Answers do not depend on pairs: the unit puts its prompts here.
    tokens: { hash: '', path: '' },
  };
  return { model, checkpoint, tokenizer, base };
}

/** The prompts of a turn as tokens, with room left for the answer; a prompt that cannot be asked is told. */
function promptsFor(
  { model, checkpoint, tokenizer }: Opened,
  questions: readonly Question[],
  sheet: readonly (readonly Turn[])[],
  asked: readonly number[],
  turn: number,
  { maxNewTokens }: AnsweringOptions,
): { prompts: EvaluationPrompt[]; places: number[]; said: string[] } {
  const { maxPositions, vocabSize } = checkpoint.config;
  const room = Math.max(2, maxPositions - Math.min(maxNewTokens, Math.floor(maxPositions / 2)));
  const policy = { maxLength: room, maxPromptLength: room - 1, onLong: 'cut-prompt-start' } as const;
  const texts = asked.map((place) => {
    const answers = (sheet[place] as Turn[]).map(({ text }) => text);
    return {
      id: (questions[place] as Question).id,
      prompt: conversationAt(questions[place] as Question, answers, turn),
    };
  });
  const { rows, refused, promptsCut } = tokenizePrompts(texts, tokenizer, policy, { vocabSize });
  const placeOf = new Map(
    texts.map(({ id }, i) => [id, { place: asked[i] as number, text: texts[i]?.prompt }]),
  );
  const said: string[] = [];
  if (promptsCut > 0)
    said.push(
      `${model.name}: ${promptsCut} prompts were longer than the model's context of ${maxPositions} tokens leaves room for, and lost their start`,
    );
  const [first] = refused;
  if (first !== undefined)
    said.push(
      `${model.name}: ${refused.length} of ${texts.length} questions could not be asked (the first, ${first.id}: ${first.message})`,
    );
  return {
    prompts: rows.map(({ id, prompt }) => {
      const text = placeOf.get(id)?.text;
      return { id, text: typeof text === 'string' ? text : JSON.stringify(text), tokens: [...prompt] };
    }),
    places: rows.map(({ id }) => placeOf.get(id)?.place as number),
    said,
  };
}

function generationOf(
  { checkpoint, tokenizer }: Opened,
  temperature: number,
  { maxNewTokens, topP, seed }: AnsweringOptions,
): GenerationInputs {
  const stopIds = [...new Set([...checkpoint.config.eosTokenIds, tokenizer.eosId])];
  return { maxNewTokens, temperature, topP, seed, stopIds, tokenizerHash: tokenizer.hash };
}

function needsOf({ checkpoint }: Opened, promptTokens: number, { maxNewTokens }: AnsweringOptions): Needs {
  return memoryNeeds(checkpoint, { method: 'none' }, [], { promptTokens, newTokens: maxNewTokens });
}

function fullest(needs: readonly Needs[]): Needs {
  const most = (of: (one: Needs) => number) => Math.max(...needs.map(of));
  return {
    mapped: most(({ mapped }) => mapped),
    saving: most(({ saving }) => saving),
    again: most(({ again }) => again),
  };
}
