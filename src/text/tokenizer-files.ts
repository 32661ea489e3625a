import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inputError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function needObject(value: unknown, file: string): JsonObject {
  if (isObject(value)) return value;
  throw inputError('bad-tokenizer', 'the file does not hold a JSON object', {
    file,
    got: value,
    remedy: 'Copy the file anew from the model.',
  });
}

/** The text of `bos_token`, … in tokenizer_config.json, else in special_tokens_map.json, else null. */
export function specialToken(modelDir: string, config: JsonObject, name: string): string | null {
  const own = tokenText(config[name]);
  if (own !== null || config[name] === null) return own;
  const file = join(modelDir, 'special_tokens_map.json');
  return existsSync(file) ? tokenText(needObject(readJson(file), file)[name]) : null;
}

/** A special token is written as its text or as an object with `content`. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value.content === 'string' ? value.content : null;
}

export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
