import { basename, extname } from 'node:path';
import { z } from 'zod';
import { inputError } from '../base/errors.ts';
import { readJsonLines } from '../base/json.ts';
import { type JudgeTemplate, type TemplateMessage, templateOf } from './template.ts';
import { builtInTemplate } from './template-own.ts';
import { checked, ruleOf, someText } from './template-parts.ts';

/** The benchmarks' own files. */

export const TURN = '<|im_start|>';
const TURN_END = '<|im_end|>';
const ALPACA_NAMES = { instruction: 'prompt', output_1: 'answer_a', output_2: 'answer_b' } as const;

/** ChatML as AlpacaEval splits it (utils.py, prompt_to_chatml): white space around each message is dropped. */
export function alpacaEvalTemplate(file: string, source: string): JudgeTemplate {
  const texts = source
    .split(TURN)
    .slice(1)
    .map((turn) => {
      const at = turn.indexOf('\n');
      const role = turn.slice(0, at).trim();
      if (at === -1 || !isRole(role))
        throw inputError('judge-template', 'a message has an unknown role', {
          file,
          need: 'system, user or assistant',
          got: at === -1 ? turn : role,
          remedy: `Write each message as ${TURN}role, its text, and ${TURN_END}`,
        });
      return { role, text: (turn.slice(at + 1).split(TURN_END, 1)[0] as string).trim() };
    });
  return templateOf({
    name: basename(file, extname(file)),
    file,
    kind: 'preference',
    texts,
    names: ALPACA_NAMES,
    escapes: false,
    verdict: ruleOf([], 'first', false, file),
  });
}

function isRole(role: string): role is TemplateMessage['role'] {
  return role === 'system' || role === 'user' || role === 'assistant';
}

const arenaSchema = z.object({
  prompt_template: z.union([someText, z.array(someText).min(1)]),
  regex_patterns: z.array(someText).min(1).optional(),
  regex_pattern: someText.optional(),
  system_prompt: someText.optional(),
});
/** Of both versions of the configuration. */
const ARENA_NAMES = {
  QUESTION: 'prompt',
  ANSWER_A: 'answer_a',
  ANSWER_B: 'answer_b',
  REFERENCE: 'reference',
  question_1: 'prompt',
  answer_1: 'answer_a',
  answer_2: 'answer_b',
  ref_answer_1: 'reference',
} as const;

/**
 * Arena-Hard's configuration (config/*.yaml). Later versions read labels in upper case and take the last; the first
 * (`regex_pattern`) wants all equal. *Source:* gen_judgment.py, get_score, at 196f6b8 and 9a6791a.
 */
export function arenaHardTemplate(
  file: string,
  value: unknown,
  systemPrompt: string | undefined,
): JudgeTemplate {
  const config = checked(arenaSchema, value, file);
  const turns =
    typeof config.prompt_template === 'string' ? [config.prompt_template] : config.prompt_template;
  if (turns.length > 1)
    throw inputError('judge-template', 'the configuration asks in several turns', {
      file,
      got: turns.length,
      need: 'one prompt_template',
    });
  const patterns =
    config.regex_patterns ?? (config.regex_pattern === undefined ? [] : [config.regex_pattern]);
  if (patterns.length === 0)
    throw inputError('judge-template', 'the configuration lacks regex_patterns', {
      file,
      need: 'regex_patterns: the regular expressions that find the verdict',
    });
  const official = systemPrompt ?? config.system_prompt;
  return templateOf({
    name: basename(file, extname(file)),
    file,
    kind: 'pairwise',
    texts: [
      { role: 'system', text: braced(official ?? ownSystem()) },
      { role: 'user', text: turns[0] as string },
    ],
    names: ARENA_NAMES,
    escapes: true,
    verdict: ruleOf(
      patterns,
      config.regex_patterns === undefined ? 'only' : 'last',
      config.regex_patterns !== undefined,
      file,
    ),
    note:
      official === undefined
        ? 'the system prompt is Winnow’s own: Arena-Hard’s stands in its code (utils/judge_utils.py), not in this file'
        : null,
  });
}

function ownSystem(): string {
  const own = builtInTemplate('pairwise-five').messages.find(({ role }) => role === 'system');
  return (own?.parts ?? []).filter((part) => typeof part === 'string').join('');
}

/** The system prompt is not formatted: braces in it are braces. */
const braced = (system: string) => system.replaceAll(/[{}]/g, '$&$&');

const fastChatSchema = z.object({
  name: z.string(),
  type: z.enum(['pairwise', 'single']),
  system_prompt: z.string(),
  prompt_template: someText,
  output_format: z.string(),
});
const FASTCHAT_PAIR_NAMES = {
  question: 'prompt',
  answer_a: 'answer_a',
  answer_b: 'answer_b',
  ref_answer_1: 'reference',
} as const;
const FASTCHAT_TURN_1_NAMES = { question: 'prompt', answer: 'answer', ref_answer_1: 'reference' } as const;
const FASTCHAT_TURN_2_NAMES = {
  question_1: 'prompt_1',
  answer_1: 'answer_1',
  question_2: 'prompt_2',
  answer_2: 'answer_2',
  ref_answer_1: 'reference_1',
  ref_answer_2: 'reference_2',
} as const;
/** A is looked for first, wherever it stands, as FastChat does (common.py, run_judge_pair, at 0e6d3e4). */
const FASTCHAT_PAIR = ['\\[\\[(A)\\]\\]', '\\[\\[(B)\\]\\]', '\\[\\[(C)\\]\\]'];
const FASTCHAT_RATING = ['\\[\\[(\\d+\\.?\\d*)\\]\\]', '\\[(\\d+\\.?\\d*)\\]'];

/** Names of the templates in a judge_prompts.jsonl. */
export async function templateNames(file: string): Promise<string[]> {
  return (await fastChatPrompts(file)).map(({ name }) => name);
}

async function fastChatPrompts(file: string): Promise<z.infer<typeof fastChatSchema>[]> {
  const prompts: z.infer<typeof fastChatSchema>[] = [];
  for await (const { line, value } of readJsonLines<unknown>(file))
    prompts.push(checked(fastChatSchema, value, file, line));
  return prompts;
}

export async function fastChatTemplate(file: string, name: string | undefined): Promise<JudgeTemplate> {
  const prompts = await fastChatPrompts(file);
  const found = prompts.findLast((prompt) => prompt.name === name);
  if (found === undefined)
    throw inputError(
      'judge-template',
      name === undefined ? 'the file holds several templates' : `there is no template ${name}`,
      {
        file,
        need: prompts.map((prompt) => prompt.name).join(', '),
        ...(name === undefined ? {} : { got: name }),
        remedy: 'Name one of these',
      },
    );
  const { type, system_prompt: system, prompt_template: prompt, output_format: format } = found;
  const isPair = type === 'pairwise';
  if (isPair && (format !== '[[A]]' || prompt.includes('{answer_a_1}')))
    throw inputError('judge-template', `the template ${found.name} compares ratings or dialogues`, {
      file,
      need: 'one prompt, two answers and a verdict [[A]], [[B]] or [[C]]',
      remedy: 'Choose another of the file',
    });
  return templateOf({
    name: found.name,
    file,
    kind: isPair ? 'pairwise' : 'grading',
    texts: [
      ...(system === '' ? [] : [{ role: 'system', text: braced(system) } as const]),
      { role: 'user', text: prompt },
    ],
    names: isPair
      ? FASTCHAT_PAIR_NAMES
      : prompt.includes('{answer_2}')
        ? FASTCHAT_TURN_2_NAMES
        : FASTCHAT_TURN_1_NAMES,
    escapes: true,
    verdict: ruleOf(isPair ? FASTCHAT_PAIR : FASTCHAT_RATING, 'first', false, file),
  });
}
