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
  if (config[name] !== undefined) return tokenText(config, name, join(modelDir, 'tokenizer_config.json'));
  const file = join(modelDir, 'special_tokens_map.json');
  return existsSync(file) ? tokenText(needObject(readJson(file), file), name, file) : null;
}

/** A special token is written as its text or as an object with `content`. */
function tokenText(tokens: JsonObject, name: string, file: string): string | null {
  const value = tokens[name] ?? null;
  if (value === null || typeof value === 'string') return value;
  if (isObject(value) && typeof value.content === 'string') return value.content;
  throw inputError('bad-tokenizer', `${name} is no token`, {
    file,
    key: name,
    need: 'a text, an object with content, or null',
    got: value,
    remedy: `Correct ${name}`,
  });
}

export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
