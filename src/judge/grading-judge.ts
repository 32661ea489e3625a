import { inputError } from '../base/errors.ts';
import type { ChatClient, ChatReply, Estimate, Spending, Stop } from './chat.ts';
import type { CompareOptions, GameFailure } from './duel.ts';
import { failuresOf } from './games.ts';
import { checkKind, whyWithout } from './pairwise-judge.ts';
import { askQuestions, firstAsks, type Question } from './question.ts';
import { chosenSampling, type SamplingChoice } from './sampling.ts';
import { fillTemplate, type JudgeTemplate } from './template.ts';
import { findLabel, ratingOf } from './verdict.ts';

/** A model's answers to one or two questions, each asked after the answer to the one before. */
export interface Dialogue {
  readonly id: string;
  readonly questions: readonly string[];
  readonly answers: readonly string[];
  /** Right answers, one a question; where they are given the judge sees them. */
  readonly references?: readonly string[];
}

export interface TurnGrade {
  readonly id: string;
  readonly turn: 1 | 2;
  readonly repeat: number;
  /** 1 … 10; null without one, which MT-Bench's files write as −1. */
  readonly rating: number | null;
  readonly said: string | null;
  readonly key: string;
  /** Name of the template that asked. */
  readonly template: string;
  readonly failure?: GameFailure;
}

export interface Grading {
  /** Dialogue by dialogue, of each its repeats, of each its turns. */
  readonly grades: readonly TurnGrade[];
  readonly stopped: Stop | null;
  readonly failures: Readonly<Partial<Record<GameFailure, number>>>;
  readonly spending: Spending;
}

export interface SingleJudge {
  readonly name: string;
  readonly model: string;
  readonly repeats: number;
  grade(dialogues: readonly Dialogue[], options?: CompareOptions): Promise<Grading>;
  estimate(dialogues: readonly Dialogue[]): Estimate;
}

export interface GradingTemplates {
  readonly turn1: JudgeTemplate;
  readonly turn2?: JudgeTemplate;
  readonly turn1WithReference?: JudgeTemplate;
  readonly turn2WithReference?: JudgeTemplate;
}

export interface GradingOptions {
  readonly client: ChatClient;
  readonly model: string;
  readonly templates: GradingTemplates;
  readonly repeats?: number;
  readonly asksAgain?: number;
  readonly sampling?: SamplingChoice;
}

/** fastchat/llm_judge/common.py, chat_completion_openai, at 0e6d3e4. */
const SAMPLING = { temperature: 0, maxTokens: 2_048 };

/** Categories of MT-Bench whose answers are judged beside a reference answer (common.py, NEED_REF_CATS, at 0e6d3e4). */
const REFERENCE_CATEGORIES: readonly string[] = ['math', 'reasoning', 'coding'];

export function needsReference(category: string): boolean {
  return REFERENCE_CATEGORIES.includes(category);
}

/**
 * A language model that rates answers from 1 to 10, each turn of a dialogue by itself.
 *
 * *Reference:* Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena".
 *
 * @throws inputError `judge-template` when a template is of another kind or turn, or one that is needed is not given;
 * `judge-dialogue` for a dialogue whose turns do not fit.
 */
export function gradingJudge(options: GradingOptions): SingleJudge {
  const { client, model, templates, repeats = 1, asksAgain = 2 } = options;
  const sampling = chosenSampling(SAMPLING, options.sampling);
  for (const [name, template] of Object.entries(templates) as [keyof GradingTemplates, JudgeTemplate][])
    checkTemplate(name, template);
  const placesOf = (dialogues: readonly Dialogue[]) =>
    dialogues.flatMap((dialogue) => {
      checkDialogue(dialogue);
      return Array.from({ length: repeats }, (_, repeat) =>
        dialogue.questions.map((_, index) => {
          const turn = index === 0 ? (1 as const) : (2 as const);
          return { dialogue, repeat, turn, template: templateFor(templates, turn, dialogue) };
        }),
      ).flat();
    });
  const questionsOf = (places: ReturnType<typeof placesOf>): Question[] =>
    places.map(({ dialogue, repeat, template }) => ({
      repeat,
      messages: fillTemplate(template, valuesOf(dialogue)),
    }));
  return {
    name: `${model}, grading ${templates.turn1.name}`,
    model,
    repeats,
    async grade(dialogues, gradeOptions = {}) {
      const places = placesOf(dialogues);
      const { answers, stopped } = await askQuestions<number, GameFailure>(questionsOf(places), {
        client,
        model,
        sampling,
        read: (reply, index) => readRating(reply, (places[index] as (typeof places)[number]).template),
        asksAgain,
        again: templates.turn1.again,
        ...gradeOptions,
      });
      const grades = places.map(({ dialogue, repeat, turn, template }, index): TurnGrade => {
        const { value, failure, said, key } = answers[index] as (typeof answers)[number];
        return {
          id: dialogue.id,
          turn,
          repeat,
          rating: value,
          said,
          key,
          template: template.name,
          ...(failure === undefined ? {} : { failure }),
        };
      });
      return { grades, stopped, failures: failuresOf(grades), spending: client.spending() };
    },
    estimate: (dialogues) =>
      client.estimate(firstAsks(questionsOf(placesOf(dialogues)), { model, sampling })),
  };
}

function readRating(
  reply: ChatReply,
  { verdict }: JudgeTemplate,
): { readonly value: number } | { readonly failure: GameFailure } {
  const label = findLabel(reply.text, verdict);
  const rating = label === null ? null : ratingOf(label);
  return rating === null ? { failure: whyWithout(reply) } : { value: rating };
}

function checkTemplate(name: keyof GradingTemplates, template: JudgeTemplate): void {
  checkKind(template, 'grading');
  const turn = name.startsWith('turn2') ? 2 : 1;
  const withReference = name.endsWith('WithReference');
  if (template.turn === turn && template.usesReference === withReference) return;
  const words = (ofTurn: number, reference: boolean) =>
    `turn ${ofTurn} with${reference ? '' : 'out'} a reference answer`;
  throw inputError('judge-template', `the template ${template.name} judges something else`, {
    file: template.file,
    need: words(turn, withReference),
    got: words(template.turn, template.usesReference),
  });
}

function checkDialogue({ id, questions, answers, references }: Dialogue): void {
  const turns = questions.length;
  if ((turns === 1 || turns === 2) && answers.length === turns && (references?.length ?? turns) === turns)
    return;
  throw inputError('judge-dialogue', `the turns of ${id} do not fit together`, {
    need: 'one or two questions, and as many answers (and references, where there are any)',
    got: { questions: turns, answers: answers.length, references: references?.length },
  });
}

function templateFor(templates: GradingTemplates, turn: 1 | 2, { id, references }: Dialogue): JudgeTemplate {
  const name = `turn${turn}${references === undefined ? '' : 'WithReference'}` as keyof GradingTemplates;
  const template = templates[name];
  if (template !== undefined) return template;
  throw inputError('judge-template', `no template judges ${id}`, {
    need: `a template for turn ${turn} with${references === undefined ? 'out' : ''} a reference answer (${name})`,
    remedy: 'Give one, or leave such questions out',
  });
}

function valuesOf({ questions, answers, references = [] }: Dialogue) {
  const [prompt = '', prompt2 = ''] = questions;
  const [answer = '', answer2 = ''] = answers;
  const [reference = '', reference2 = ''] = references;
  return {
    prompt,
    answer,
    reference,
    prompt_1: prompt,
    answer_1: answer,
    reference_1: reference,
    prompt_2: prompt2,
    answer_2: answer2,
    reference_2: reference2,
  };
}
