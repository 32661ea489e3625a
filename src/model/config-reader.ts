import { basename } from 'node:path';
import { inputError } from '../base/errors.ts';

export type RawConfig = Readonly<Record<string, unknown>>;

/** Sizes and ids are 32-bit numbers wherever models are run. */
const MOST = 2 ** 31 - 1;

/**
 * Reads keys of one config.json; `null` counts as left out, as in transformers. Every method throws inputError
 * `bad-config` that names the file and the key when the value is of the wrong kind.
 */
export class ConfigReader {
  readonly raw: RawConfig;
  readonly file: string;
  /** In front of keys in messages, for objects within the file. */
  readonly #within: string;

  constructor(raw: RawConfig, file: string, within = '') {
    this.raw = raw;
    this.file = file;
    this.#within = within;
  }

  has(key: string): boolean {
    return this.raw[key] != null;
  }

  /** A whole number of at least 1. */
  count(key: string, fallback?: number, most = MOST): number {
    const value = this.raw[key] ?? fallback;
    if (!isWhole(value, 1)) throw this.bad(key, 'a whole number of at least 1', value ?? 'nothing');
    if (value > most) throw this.bad(key, `a whole number of at most ${most}`, value);
    return value;
  }

  /** A whole number, 0 too. */
  whole(key: string, fallback?: number): number {
    const value = this.raw[key] ?? fallback;
    if (!isWhole(value, 0)) throw this.bad(key, 'a whole number', value ?? 'nothing');
    return value;
  }

  /** A number above 0 that float32, in which the model computes, can hold. */
  positive(key: string, fallback?: number): number {
    const value = this.raw[key] ?? fallback;
    if (!isPositive(value)) throw this.bad(key, 'a number above 0', value ?? 'nothing');
    return value;
  }

  flag(key: string, fallback = false): boolean {
    const value = this.raw[key] ?? fallback;
    if (typeof value !== 'boolean') throw this.bad(key, 'true or false', value);
    return value;
  }

  /** One of these texts. Anything else is an architecture that we do not know: `unsupported-model`. */
  oneOf<T extends string>(key: string, supported: readonly T[], fallback: T): T {
    const value = this.raw[key] ?? fallback;
    if (!supported.includes(value as T)) throw this.unsupported(key, supported.join(', '), value);
    return value as T;
  }

  /** A list with one entry a layer, or null where the key is left out. */
  perLayer(key: string, layers: number): readonly unknown[] | null {
    const value = this.raw[key];
    if (value == null) return null;
    if (!Array.isArray(value) || value.length !== layers)
      throw this.bad(key, `a list with one entry for each of the ${layers} layers`, value);
    return value;
  }

  /** A list of finite numbers above 0 of this length. */
  numbers(key: string, length: number): readonly number[] {
    const value = this.raw[key];
    if (!Array.isArray(value) || value.length !== length || !value.every(isPositive))
      throw this.bad(key, `a list of ${length} numbers above 0`, value ?? 'nothing');
    return value;
  }

  /** Token ids: one, several, or none. */
  tokenIds(key: string): number[] {
    const value = this.raw[key];
    const ids: unknown[] = value == null ? [] : Array.isArray(value) ? value : [value];
    if (!ids.every((id) => isWhole(id, 0))) throw this.bad(key, 'token ids (0 or more) or null', value);
    return ids as number[];
  }

  /** An object within the file, or null where the key is left out. */
  object(key: string): ConfigReader | null {
    const value = this.raw[key];
    if (value == null) return null;
    if (!isRecord(value)) throw this.bad(key, 'an object or null', value);
    return new ConfigReader(value, this.file, `${this.#within}${key}.`);
  }

  bad(key: string, need: unknown, got: unknown) {
    const name = this.#within + key;
    const remedy = `Correct ${basename(this.file)}`;
    return inputError('bad-config', `${name} is not usable`, {
      file: this.file,
      key: name,
      need,
      got,
      remedy,
    });
  }

  unsupported(key: string, need: unknown, got: unknown) {
    const name = this.#within + key;
    const remedy =
      'Take a model of a supported kind; larger and other models can be trained with the TRL engine';
    return inputError('unsupported-model', `${name} is not supported`, {
      file: this.file,
      key: name,
      need,
      got,
      remedy,
    });
  }
}

function isWhole(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Math.fround(value) > 0 && Math.fround(value) < Infinity;
}

export function isRecord(value: unknown): value is RawConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
