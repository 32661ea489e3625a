import { inputError, type WinnowError } from '../base/errors.ts';
import { isObject, type JsonObject } from './tokenizer-files.ts';

/** Above any vocabulary's: the library makes lists as long as the largest id. */
const MOST_IDS = 2 ** 22;
const IDS = `a whole number below ${MOST_IDS}`;

/**
 * Holds tokenizer.json against what @huggingface/tokenizers takes for granted: it makes lists as long as the ids say,
 * cuts texts into pieces of whatever length is written, and takes text and number for each other. What is not looked
 * at here makes it throw.
 *
 * @throws inputError `bad-tokenizer`, with the place in the file.
 */
export function checkTokenizer(json: JsonObject, file: string): void {
  const { model, added_tokens: added, normalizer, pre_tokenizer, decoder } = json;
  const isToken = (token: unknown) => isObject(token) && isId(token.id) && typeof token.content === 'string';
  needList(added, isToken, `content, a text, and id, ${IDS}`, { file, place: 'added_tokens' });
  for (const [place, { type, length, pattern }] of [
    ...steps(normalizer, 'normalizer', 'normalizers'),
    ...steps(pre_tokenizer, 'pre_tokenizer', 'pretokenizers'),
    ...steps(decoder, 'decoder', 'decoders'),
  ]) {
    // Of no length it would cut for ever, and without a pattern leave nothing of a text.
    if (type === 'FixedLength' && !(Number.isSafeInteger(length) && (length as number) >= 1))
      throw unusable({ file, place: `${place}.length` }, 'a whole number of at least 1', length);
    if ((type === 'Split' || type === 'Replace') && !isPattern(pattern))
      throw unusable({ file, place: `${place}.pattern` }, 'String or Regex, a text', pattern);
  }
  if (isObject(model) && model.vocab !== undefined) checkModel(model, file);
}

function checkModel({ type, vocab, merges, unk_id: unknown }: JsonObject, file: string): void {
  const at = { file, place: 'model.vocab' };
  if (type === 'Unigram' || (type === undefined && Array.isArray(vocab))) {
    const { length } = needList(vocab, isScored, 'a text and a number', at);
    if (unknown != null && !(isId(unknown) && unknown < length))
      throw unusable({ file, place: 'model.unk_id' }, 'a place in the vocabulary, or null', unknown);
  } else {
    if (!isObject(vocab)) throw unusable(at, 'an object of ids', vocab);
    const wrong = Object.entries(vocab).find(([, id]) => !isId(id));
    if (wrong) throw unusable({ file, place: `model.vocab[${JSON.stringify(wrong[0])}]` }, IDS, wrong[1]);
  }
  if (merges === undefined) return;
  // The library tells by the first merge how all are written.
  const paired = Array.isArray(merges) && Array.isArray(merges[0]);
  const isMerge = paired ? isPair : (merge: unknown) => typeof merge === 'string';
  needList(merges, isMerge, paired ? 'two texts' : 'a text', { file, place: 'model.merges' });
}

interface Place {
  readonly file: string;
  readonly place: string;
}

/** A list of entries that fit, and no longer than ids can be. */
function needList(
  value: unknown,
  fits: (entry: unknown) => boolean,
  need: string,
  { file, place }: Place,
): readonly unknown[] {
  if (!Array.isArray(value)) throw unusable({ file, place }, 'a list', value);
  if (value.length > MOST_IDS) throw unusable({ file, place }, `at most ${MOST_IDS}`, value.length);
  const wrong = value.findIndex((entry) => !fits(entry));
  if (wrong === -1) return value;
  throw unusable({ file, place: `${place}[${wrong}]` }, need, value[wrong]);
}

function unusable({ file, place }: Place, need: string, got: unknown): WinnowError {
  const remedy = 'Copy the file anew from the model';
  return inputError('bad-tokenizer', `${place} is not usable`, {
    file,
    key: place,
    need,
    got: got ?? 'nothing',
    remedy,
  });
}

/** The steps that a text goes through, with their places in the file; those of a sequence stand under `inner`. */
function steps(step: unknown, place: string, inner: string): (readonly [string, JsonObject])[] {
  if (!isObject(step)) return [];
  const parts = Array.isArray(step[inner]) ? step[inner] : [];
  return [[place, step], ...parts.flatMap((part, i) => steps(part, `${place}.${inner}[${i}]`, inner))];
}

function isPattern(pattern: unknown): boolean {
  if (!isObject(pattern)) return false;
  return typeof (pattern.Regex === undefined ? pattern.String : pattern.Regex) === 'string';
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_IDS;
}

function isScored(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  return typeof entry[0] === 'string' && typeof entry[1] === 'number';
}

function isPair(merge: unknown): boolean {
  return Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
}
