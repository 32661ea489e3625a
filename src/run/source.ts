import { isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { decodeUtf8 } from '../base/json.ts';
import { configKeys } from './words.ts';

type Path = readonly PropertyKey[];
/** A place in a file; line and column are 1-based. */
export type Place = { readonly file: string; readonly line?: number; readonly column?: number };
export type Section = { [key: string]: unknown };

/** The values of a `winnow.yaml`, and where each stands. */
export interface Source {
  readonly values: Section;
  readonly placeOf: (path: Path, ownKey?: string) => Place;
}

/** Reads a `winnow.yaml`; empty sections become empty maps. */
export function readSource(file: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(decodeUtf8(readBytes(file), { file }), {
    lineCounter: lines,
    prettyErrors: false,
  });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) {
    const remedy = 'Mend the file at this place: two spaces a level, `key: value`';
    throw inputError('config-yaml', `this is not valid YAML: ${fault.message}`, {
      ...at(fault.pos[0]),
      remedy,
    });
  }
  const values: unknown = document.toJS() ?? {};
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    const remedy = 'Write one key a line, e.g. `data: pairs.jsonl`';
    throw inputError('config-yaml', 'the file must hold keys and values', { file, line: 1, remedy });
  }
  for (const [key, value] of Object.entries(values)) {
    // A section whose keys are all commented out.
    if (value === null && configKeys().get(key)?.properties !== undefined) (values as Section)[key] = {};
  }
  const placeOf = (path: Path, ownKey?: string): Place => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
      if (ownKey !== undefined && depth === path.length && isMap(node)) {
        const key = node.items.find((pair) => String(pair.key) === ownKey)?.key;
        if (isNode(key) && key.range) return at(key.range[0]);
      }
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return { file };
  };
  return { values: values as Section, placeOf };
}
