import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { decodeUtf8 } from '../base/json.ts';
import type { VerdictRule } from './verdict.ts';

/** What the readers of template files share. */

export function textOf(file: string): string {
  return decodeUtf8(readBytes(file), { file })
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
}

export function yamlOf(text: string, file: string): Record<string, unknown> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  });
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

export const FORMS =
  'A template is YAML as in assets/judge, AlpacaEval’s text with <|im_start|>, Arena-Hard’s YAML, or FastChat’s judge_prompts.jsonl';

export const someText = z.string().min(1);

export function checked<T>(schema: z.ZodType<T>, value: unknown, file: string, line?: number): T {
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

export function ruleOf(
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
