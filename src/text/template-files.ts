import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { decodeUtf8 } from '../base/json.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';

/** A chat template and the file that it stands in. */
export interface TemplateText {
  readonly text: string;
  readonly file: string;
}

/**
 * chat_template.jinja where there is one (transformers prefers it too), else `chat_template` of
 * tokenizer_config.json: text, or a list of `{name, template}` of which the one named "default" is taken.
 */
export function readChatTemplate(modelDir: string, config: JsonObject): TemplateText | null {
  const own = join(modelDir, 'chat_template.jinja');
  if (existsSync(own)) return { text: decodeUtf8(readBytes(own), { file: own }), file: own };
  const file = join(modelDir, 'tokenizer_config.json');
  const value = config.chat_template;
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return { text: value, file };
  const named = Array.isArray(value) ? value.filter(isObject) : [];
  const chosen = named.find((entry) => entry.name === 'default');
  if (typeof chosen?.template === 'string') return { text: chosen.template, file };
  throw inputError(
    'bad-template',
    'chat_template is neither text nor a list with a template named "default"',
    {
      file,
      got: named.length > 0 ? named.map((entry) => entry.name) : value,
      remedy: 'Name the template to use "default", or save it as chat_template.jinja.',
    },
  );
}
