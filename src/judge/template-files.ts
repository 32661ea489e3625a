import { readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { decodeUtf8, readJsonLines } from '../base/json.ts';
import { PACKAGE_DIR } from '../base/package-dir.ts';
import { type JudgeTemplate, SLOTS, type Slot, type TemplateMessage, templateOf } from './template.ts';
import type { VerdictRule } from './verdict.ts';

export interface TemplateFileOptions {
  /** Which template of a file that holds several (FastChat's judge_prompts.jsonl). */
  readonly name?: string;
  /** System prompt for a file that has none: Arena-Hard's stand in its code. Default: Winnow's own. */
  readonly system?: string;
}

const BUILT_IN = join(PACKAGE_DIR, 'assets', 'judge');

/** Names of Winnow's own templates. */
export function builtInTemplates(): string[] {
  return readdirSync(BUILT_IN)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'))
    .sort();
}

/** One of Winnow's own templates (assets/judge). */
export function builtInTemplate(name: string): JudgeTemplate {
  if (!builtInTemplates().includes(name))
    throw inputError('judge-template', `there is no template ${name}`, {
      need: builtInTemplates().join(', '),
      got: name,
      remedy: 'Give one of these names, or a file',
    });
  const file = join(BUILT_IN, `${name}.yaml`);
  return ownTemplate(file, yamlOf(textOf(file), file));
}

/**
 * A judge's template from a file, whose form is known by its content: Winnow's own YAML, AlpacaEval's text with
 * `<|im_start|>role`, Arena-Hard's YAML with `prompt_template`, or a line of FastChat's judge_prompts.jsonl.
 *
 * @throws inputError `judge-template` with the file and what is missing; `file-missing`, `bad-utf8`, `bad-json-line`.
 */
export async function readJudgeTemplate(
  file: string,
  options: TemplateFileOptions = {},
): Promise<JudgeTemplate> {
  if (extname(file) === '.jsonl') return fastChatTemplate(file, options);
  const text = textOf(file);
  if (text.trimStart().startsWith(TURN)) return alpacaEvalTemplate(file, text);
  const value = yamlOf(text, file);
  return Object.hasOwn(value, 'prompt_template')
    ? arenaHardTemplate(file, value, options)
    : ownTemplate(file, value);
}

function textOf(file: string): string {
  return decodeUtf8(readBytes(file), { file })
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
}

function yamlOf(text: string, file: string): Record<string, unknown> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fault = document.errors[0];
  if (fault !== undefined)
    throw inputError('judge-template', `this is not valid YAML: ${fault.message}`, {
      file,
      line: lines.linePos(fault.pos[0]).line,
      remedy: FORMS,
    });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw inputError('judge-template', 'the YAML cannot be read', {
      file,
      got: String(error),
      remedy: FORMS,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw inputError('judge-template', 'the file holds no template', { file, remedy: FORMS });
  return value as Record<string, unknown>;
}

const FORMS =
  'A template is YAML as in assets/judge, AlpacaEval’s text with <|im_start|>, Arena-Hard’s YAML, or FastChat’s judge_prompts.jsonl';

const text = z.string().min(1);
const ownSchema = z.strictObject({
  kind: z.enum(['pairwise', 'preference', 'grading']),
  system: text.optional(),
  prompt: text,
  patterns: z.array(text).min(1).optional(),
  take: z.enum(['first', 'last', 'only']).default('last'),
  labels: z.strictObject({ a: text, b: text }).optional(),
  again: text.optional(),
});
const OWN_NAMES = Object.fromEntries(SLOTS.map((slot) => [slot, slot])) as Record<string, Slot>;

function ownTemplate(file: string, value: unknown): JudgeTemplate {
  const { kind, system, prompt, patterns, take, labels, again } = checked(ownSchema, value, file);
  if (patterns === undefined && kind !== 'preference')
    throw inputError('judge-template', 'the template does not say how its verdict is found', {
      file,
      need: 'patterns: a list of regular expressions whose first group is the verdict',
      remedy: FORMS,
    });
  return templateOf({
    name: basename(file, extname(file)),
    file,
    kind,
    texts: [...systemText(system), { role: 'user', text: prompt }],
    names: OWN_NAMES,
    escapes: true,
    verdict: ruleOf(patterns ?? [], take, false, file),
    ...(labels === undefined ? {} : { labels }),
    again: again ?? null,
  });
}

const systemText = (system: string | undefined) =>
  system === undefined ? [] : [{ role: 'system', text: system } as const];

const TURN = '<|im_start|>';
const TURN_END = '<|im_end|>';
const ALPACA_NAMES = { instruction: 'prompt', output_1: 'answer_a', output_2: 'answer_b' } as const;

/** ChatML as AlpacaEval splits it (utils.py, prompt_to_chatml): white space around each message is dropped. */
function alpacaEvalTemplate(file: string, source: string): JudgeTemplate {
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
  prompt_template: z.union([text, z.array(text).min(1)]),
  regex_patterns: z.array(text).min(1).optional(),
  regex_pattern: text.optional(),
  system_prompt: text.optional(),
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
function arenaHardTemplate(file: string, value: unknown, options: TemplateFileOptions): JudgeTemplate {
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
  const official = options.system ?? config.system_prompt;
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
  prompt_template: text,
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

async function fastChatTemplate(file: string, { name }: TemplateFileOptions): Promise<JudgeTemplate> {
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

function checked<T>(schema: z.ZodType<T>, value: unknown, file: string, line?: number): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const key = issue?.path.join('.') ?? '';
  throw inputError('judge-template', `the template is not as it should be${key === '' ? '' : ` at ${key}`}`, {
    file,
    ...(line === undefined ? {} : { line }),
    got: issue?.message,
    remedy: FORMS,
  });
}

function ruleOf(
  patterns: readonly string[],
  take: VerdictRule['take'],
  upperCase: boolean,
  file: string,
): VerdictRule {
  return { patterns: patterns.map((pattern) => patternOf(pattern, file)), take, upperCase };
}

function patternOf(source: string, file: string): RegExp {
  try {
    return new RegExp(source, 'g');
  } catch (error) {
    throw inputError(
      'judge-template',
      'a pattern is no regular expression of JavaScript',
      { file, got: source, remedy: 'Rewrite it' },
      error,
    );
  }
}
