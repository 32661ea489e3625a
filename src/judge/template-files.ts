import { extname } from 'node:path';
import type { JudgeTemplate } from './template.ts';
import { alpacaEvalTemplate, arenaHardTemplate, fastChatTemplate, TURN } from './template-official.ts';
import { ownTemplate } from './template-own.ts';
import { textOf, yamlOf } from './template-parts.ts';

export interface TemplateFileOptions {
  /** Which template of a file that holds several (FastChat's judge_prompts.jsonl). */
  readonly name?: string;
  /** System prompt for a file that has none: Arena-Hard's stand in its code. Default: Winnow's own. */
  readonly system?: string;
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
  if (extname(file) === '.jsonl') return fastChatTemplate(file, options.name);
  const text = textOf(file);
  if (text.trimStart().startsWith(TURN)) return alpacaEvalTemplate(file, text);
  const value = yamlOf(text, file);
  return Object.hasOwn(value, 'prompt_template')
    ? arenaHardTemplate(file, value, options.system)
    : ownTemplate(file, value);
}
