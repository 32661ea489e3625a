import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { decodeUtf8, readJson } from '../base/json.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';

/** A chat template and the file that it stands in. */
export interface TemplateText {
  readonly text: string;
  readonly file: string;
}

const NAMED = 'additional_chat_templates';

/**
 * The default chat template, from the first of these that is there, as in transformers 5
 * (`PreTrainedTokenizerBase._from_pretrained`):
 * 1. chat_template.jinja, with further templates by name in additional_chat_templates/<name>.jinja;
 * 2. `chat_template` of tokenizer_config.json: text, or a list of `{name, template}`;
 * 3. `chat_template` of chat_template.json, the older file of processors (`ProcessorMixin`), where a model that also
 *    sees images may have its only one. A tokenizer of transformers does not look there and would have none.
 *
 * Where there are several by name, the one named "default" is taken; without one it is an error, as in transformers.
 *
 * @throws inputError `bad-template`.
 */
export function readChatTemplate(modelDir: string, config: JsonObject): TemplateText | null {
  const own = join(modelDir, 'chat_template.jinja');
  if (existsSync(own)) return { text: readText(own), file: own };
  const folder = join(modelDir, NAMED);
  const named = jinjaFiles(folder);
  if (named.length > 0) {
    const file = join(folder, 'default.jinja');
    if (named.includes('default.jinja')) return { text: readText(file), file };
    throw noDefault(folder, named);
  }
  const configFile = join(modelDir, 'tokenizer_config.json');
  const inConfig = templateOf(config.chat_template, configFile);
  if (inConfig !== null) return inConfig;
  const older = join(modelDir, 'chat_template.json');
  if (!existsSync(older)) return null;
  const value = readJson(older);
  return templateOf(isObject(value) ? value.chat_template : value, older);
}

function readText(file: string): string {
  return decodeUtf8(readBytes(file), { file });
}

function jinjaFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.jinja'));
  } catch {
    return []; // a file of this name: transformers does not look into it either
  }
}

/** Text, or a list of `{name, template}`. */
function templateOf(value: unknown, file: string): TemplateText | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return { text: value, file };
  const named = Array.isArray(value) ? value.filter(isObject) : [];
  const chosen = named.find((entry) => entry.name === 'default');
  if (typeof chosen?.template === 'string') return { text: chosen.template, file };
  throw noDefault(file, named.length > 0 ? named.map((entry) => entry.name) : value);
}

function noDefault(file: string, got: unknown) {
  return inputError(
    'bad-template',
    'chat_template is neither text nor a list with a template named "default"',
    { file, got, remedy: 'Name the template to use "default", or save it as chat_template.jinja.' },
  );
}
