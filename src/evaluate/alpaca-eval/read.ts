import { inputError } from '../../base/errors.ts';
import { type JsonItem, readJsonItems } from '../../base/json-items.ts';
import { type AlpacaForm, type AlpacaJudgment, alpacaForm, alpacaJudgment } from './judgment.ts';

/** All judgments of one model, by columns, in the order of the files. */
export interface ModelJudgments {
  readonly model: string;
  readonly baseline: string | null;
  readonly preferences: (number | null)[];
  readonly indices: (number | null)[];
  readonly lengthsModel: (number | null)[];
  readonly lengthsBaseline: (number | null)[];
}

/** What was found in a file. */
export interface AlpacaSource {
  readonly file: string;
  readonly form: AlpacaForm;
  readonly container: JsonItem['container'];
  readonly rows: number;
  readonly models: number;
}

export interface AlpacaJudgments {
  readonly sources: readonly AlpacaSource[];
  /** In the order in which the files name them. */
  readonly models: readonly ModelJudgments[];
  /** Models in the files that were not asked for. */
  readonly others: number;
}

/**
 * The judgments of one or many files, one or many models in each. A file is read as a stream; of a row its numbers
 * are kept.
 * @param only names of models; default: all.
 * @throws inputError: unreadable or empty file, unknown form, bad row, a comparison judged twice, a model judged
 *   against two baselines, a name in `only` that no file has.
 */
export async function readAlpacaJudgments(
  files: readonly string[],
  only?: readonly string[],
): Promise<AlpacaJudgments> {
  const byModel = new Map<string, Gathered>();
  const sources: AlpacaSource[] = [];
  for (const file of files) sources.push(await readFile(file, byModel));
  const asked = only === undefined ? [...byModel.keys()] : [...new Set(only)];
  const missing = asked.filter((name) => !byModel.has(name));
  if (missing.length > 0) {
    throw inputError('unknown-model', `no judgments of ${missing.join(', ')}`, {
      got: missing,
      need: [...byModel.keys()].join(', '),
      remedy: 'Name models as the files do',
    });
  }
  const models = [...byModel.values()].filter(({ model }) => asked.includes(model));
  return { sources, models, others: byModel.size - models.length };
}

interface Gathered extends ModelJudgments {
  readonly seen: Set<string>;
}

async function readFile(file: string, byModel: Map<string, Gathered>): Promise<AlpacaSource> {
  let form: AlpacaForm | null = null;
  let container: JsonItem['container'] = 'lines';
  let rows = 0;
  const here = new Set<string>();
  for await (const item of readJsonItems(file)) {
    if (form === null) form = formOfFirst(file, item);
    container = item.container;
    rows++;
    const judgment = alpacaJudgment(item.value, { file, line: item.line, row: item.row });
    here.add(judgment.model);
    gather(byModel, judgment, { file, line: item.line, row: item.row });
  }
  if (form === null) {
    throw inputError('empty-file', 'there is no judgment in the file', {
      file,
      remedy: 'Name a file with at least one',
    });
  }
  return { file, form, container, rows, models: here.size };
}

function formOfFirst(file: string, { line, row, value }: JsonItem): AlpacaForm {
  const form = alpacaForm(value);
  if (form !== null) return form;
  const columns = value !== null && typeof value === 'object' ? Object.keys(value) : [];
  throw inputError('unknown-format', 'these are no judgments of AlpacaEval', {
    file,
    line,
    row,
    need: 'preference, with output_1, output_2 and generator_2 or with model, len_1 and len_2',
    got: Array.isArray(value) || columns.length === 0 ? value : `columns ${columns.join(', ')}`,
    remedy: 'Name an annotations.json of alpaca_eval, or JSONL in the slim form',
  });
}

function gather(
  byModel: Map<string, Gathered>,
  judgment: AlpacaJudgment,
  where: { readonly file: string; readonly line: number; readonly row: number },
): void {
  const { model, baseline, identity } = judgment;
  let all = byModel.get(model);
  if (all === undefined) {
    all = {
      ...{ model, baseline, seen: new Set() },
      ...{ preferences: [], indices: [], lengthsModel: [], lengthsBaseline: [] },
    };
    byModel.set(model, all);
  }
  if (baseline !== all.baseline) {
    throw inputError('two-baselines', `${model} is compared with two baselines`, {
      ...where,
      got: baseline ?? 'none named',
      need: all.baseline ?? 'none named',
      remedy: 'Put the judgments against each baseline into files of their own',
    });
  }
  if (identity !== null && all.seen.has(identity)) {
    throw inputError('duplicate-judgment', `a comparison of ${model} is judged twice`, {
      ...where,
      got: judgment.index === null ? 'the same instruction and outputs again' : `${identity} again`,
      remedy: 'Leave one of the two out, or one of two files that hold the same',
    });
  }
  if (identity !== null) all.seen.add(identity);
  all.preferences.push(judgment.preference);
  all.indices.push(judgment.index);
  all.lengthsModel.push(judgment.lengthModel);
  all.lengthsBaseline.push(judgment.lengthBaseline);
}
