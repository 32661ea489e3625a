import { basename } from 'node:path';
import { inputError } from '../base/errors.ts';
import { type RawRow, readRows } from '../pairs/rows.ts';
import type { JudgeVerdict, JudgeVerdicts, Label, LabelledPair, LabelSet } from './labelled.ts';

export type LabelFormat = 'pandalm' | 'llmbar' | 'winnow';

/** What a file of labelled pairs holds. */
export interface LabelFile extends LabelSet {
  readonly format: LabelFormat;
  /** The judge whose verdicts stand in the file itself; null where none do. */
  readonly judge: JudgeVerdicts | null;
}

type Row = Readonly<Record<string, unknown>>;
type Where = { readonly file: string; readonly row: number };

const FORMS = [
  'PandaLM: idx, instruction, input, response1, response2, annotator1, annotator2, … (0 tie, 1, 2)',
  'LLMBar: input, output_1, output_2, label (1, 2)',
  'winnow: id, prompt, answer_a, answer_b, label ("a", "b", "tie"), and where there are verdicts judge, judge_swapped',
];

/**
 * Reads pairs with human labels: a JSON array or JSON Lines, gzipped or not, in one of three forms that its first row
 * tells. LLMBar's rows have no id: it is their number, from 0. `judge` and `judge_swapped` (answer b was shown first)
 * name the answer and not the place; null is a verdict that could not be read.
 *
 * @throws inputError for another form, a missing or wrong value, an id that stands twice. No row is left out.
 */
export async function readLabels(file: string): Promise<LabelFile> {
  let format: LabelFormat | undefined;
  let annotators: readonly string[] = ['label'];
  const pairs: LabelledPair[] = [];
  const ids = new Set<string>();
  const verdicts = new Map<string, JudgeVerdict>();
  for await (const raw of readRows(file, 'labelled pairs')) {
    const where = { file, row: raw.row };
    const row = rowOf(raw, where);
    format ??= formatOf(row, where);
    if (raw.row === 0 && format === 'pandalm') annotators = annotatorsOf(row, where);
    const pair = pairOf(format, row, annotators, where);
    addOnce(ids, pair.id, where);
    pairs.push(pair);
    if (format !== 'winnow') continue;
    const verdict = verdictOf(row, where);
    if (verdict !== null) verdicts.set(pair.id, verdict);
  }
  const judge = verdicts.size === 0 ? null : { judge: 'judge', verdicts };
  return { format: format as LabelFormat, annotators, pairs, judge };
}

/**
 * Reads a judge's verdicts: rows of `idx` and one `…_result` (PandaLM: 1, 2, 0 or "Tie"; anything else is a verdict
 * that could not be read), or of `id`, `judge` and, for the other order, `judge_swapped`. The judge is called as the file.
 *
 * @throws inputError for another form, a wrong value, an id that stands twice.
 */
export async function readVerdicts(file: string): Promise<JudgeVerdicts> {
  const verdicts = new Map<string, JudgeVerdict>();
  const ids = new Set<string>();
  for await (const raw of readRows(file, '{id, judge}')) {
    const where = { file, row: raw.row };
    const row = rowOf(raw, where);
    const results = Object.keys(row).filter((key) => key.endsWith('_result'));
    const isPanda = 'idx' in row && results.length === 1;
    const verdict = isPanda ? { first: pandaVerdict(row[results[0] as string]) } : verdictOf(row, where);
    if (verdict === null)
      throw inputError('no-verdict', 'the row has no verdict', {
        ...where,
        got: Object.keys(row).slice(0, 12),
        need: ['idx and one …_result', 'id, judge and, for the other order, judge_swapped'],
      });
    const id = idOf(row, isPanda ? 'idx' : 'id', where);
    addOnce(ids, id, where);
    verdicts.set(id, verdict);
  }
  return { judge: basename(file).replace(/(\.(jsonl?|gz))+$/i, ''), verdicts };
}

function rowOf({ value }: RawRow, where: Where): Row {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw inputError('bad-row', 'the row is no JSON object', { ...where, got: value });
  return value as Row;
}

function formatOf(row: Row, where: Where): LabelFormat {
  if ('response1' in row && 'annotator1' in row) return 'pandalm';
  if ('output_1' in row && 'label' in row) return 'llmbar';
  if ('answer_a' in row && 'label' in row) return 'winnow';
  throw inputError('unknown-labels', 'this is no form of labelled pairs that is known', {
    ...where,
    got: Object.keys(row).slice(0, 12),
    remedy: `It must be one of: ${FORMS.join('; ')}`,
  });
}

function annotatorsOf(row: Row, where: Where): readonly string[] {
  const names = Object.keys(row).filter((key) => /^annotator\d+$/.test(key));
  if (names.length > 64)
    throw inputError('too-many-annotators', 'there are more annotators than can be', {
      ...where,
      got: names.length,
      need: 'at most 64',
    });
  return names;
}

function pairOf(format: LabelFormat, row: Row, annotators: readonly string[], where: Where): LabelledPair {
  const string = (key: string) => text(row, key, where);
  switch (format) {
    case 'pandalm': {
      const input = row.input === undefined ? '' : string('input');
      return {
        id: idOf(row, 'idx', where),
        prompt: input === '' ? string('instruction') : `${string('instruction')}\n\n${input}`,
        answerA: string('response1'),
        answerB: string('response2'),
        labels: annotators.map((name) => (row[name] === null ? null : numbered(row, name, [0, 1, 2], where))),
      };
    }
    case 'llmbar':
      return {
        id: String(where.row),
        prompt: string('input'),
        answerA: string('output_1'),
        answerB: string('output_2'),
        labels: [numbered(row, 'label', [1, 2], where)],
      };
    case 'winnow':
      return {
        id: idOf(row, 'id', where),
        prompt: string('prompt'),
        answerA: string('answer_a'),
        answerB: string('answer_b'),
        labels: [lettered(row, 'label', where)],
      };
  }
}

/** Verdicts of `judge` and `judge_swapped`; null where the row has no `judge`. */
function verdictOf(row: Row, where: Where): JudgeVerdict | null {
  if (!('judge' in row)) {
    if (!('judge_swapped' in row)) return null;
    throw inputError('no-first-order', 'the row has judge_swapped without judge', {
      ...where,
      remedy: 'Give as judge the verdict with answer a shown first',
    });
  }
  const read = (key: string) => (row[key] === null ? null : lettered(row, key, where));
  return 'judge_swapped' in row
    ? { first: read('judge'), swapped: read('judge_swapped') }
    : { first: read('judge') };
}

function pandaVerdict(value: unknown): Label | null {
  const said = String(value).toLowerCase();
  return said === '1' ? 'a' : said === '2' ? 'b' : said === '0' || said === 'tie' ? 'tie' : null;
}

function numbered(row: Row, key: string, allowed: readonly number[], where: Where): Label {
  const index = allowed.map(String).indexOf(String(row[key]));
  if (index < 0 || typeof row[key] === 'object')
    throw inputError('bad-label', `${key} is no label`, { ...where, got: row[key], need: allowed });
  return (['tie', 'a', 'b'] as const)[allowed[index] as number] as Label;
}

function lettered(row: Row, key: string, where: Where): Label {
  const value = row[key];
  if (value !== 'a' && value !== 'b' && value !== 'tie')
    throw inputError('bad-label', `${key} is no label`, { ...where, got: value, need: ['a', 'b', 'tie'] });
  return value;
}

function idOf(row: Row, key: string, where: Where): string {
  const value = row[key];
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw inputError('bad-id', `${key} is no id`, { ...where, got: value, need: 'a text or a number' });
}

function text(row: Row, key: string, where: Where): string {
  const value = row[key];
  // PandaLM's file has answers that were the one word true as JSON's true.
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return String(value);
  if (typeof value !== 'string')
    throw inputError('bad-text', `${key} is no text`, { ...where, got: value, need: 'a text' });
  return value;
}

function addOnce(ids: Set<string>, id: string, where: Where): void {
  if (ids.has(id))
    throw inputError('duplicate-id', 'two rows have one id', {
      ...where,
      got: id,
      remedy: 'Give each pair an id of its own; orders of one pair belong into one row',
    });
  ids.add(id);
}
