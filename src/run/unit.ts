import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineError } from '../base/errors.ts';
import { writeFileUnsynced } from '../base/files.ts';
import { canonicalJson, hashOf, type Json } from '../base/hash.ts';
import { readJson } from '../base/json.ts';

/** Where things lie on this machine (model folder, input files): never part of a unit's identity. */
export type UnitPlaces = Readonly<Record<string, string>>;

/**
 * One piece of work, named by all that decides its result. `inputs` holds engine and version, hashes of the
 * model, tokenizer and rows, hyper-parameters and the ids of input units; never a path, node or thread count.
 */
export interface UnitSpec {
  /** What kind of work: lower-case letters, digits and dashes. It names the runner and starts the id. */
  readonly kind: string;
  readonly inputs: { readonly [key: string]: Json };
  readonly places?: UnitPlaces;
}

/** `kind-` and the first 16 hex digits (64 bits) of the hash of kind and inputs. */
export function unitId(spec: UnitSpec): string {
  return `${spec.kind}-${hashOf({ kind: spec.kind, inputs: spec.inputs }).slice(0, 16)}`;
}

/** `<run>/units/<id>` */
export function unitDir(runDir: string, spec: UnitSpec): string {
  return join(runDir, 'units', unitId(spec));
}

/**
 * Makes the unit's folder and `unit.json`, or checks that the one there means the same work. Places are brought
 * up to date, as a run folder or a model may have been moved since. Returns the folder.
 */
export function prepareUnit(runDir: string, spec: UnitSpec): string {
  if (!/^[a-z][a-z0-9-]*$/.test(spec.kind)) {
    throw machineError('unit-kind', 'a unit kind is lower-case letters, digits and dashes', {
      got: spec.kind,
    });
  }
  const dir = unitDir(runDir, spec);
  const file = join(dir, 'unit.json');
  const places = spec.places ?? {};
  mkdirSync(join(dir, 'attempts'), { recursive: true });
  const found = isWhole(file) ? readUnit(dir) : null;
  if (found !== null && identity(found) !== identity(spec)) {
    throw machineError('unit-mismatch', 'this unit folder describes other work than its name says', {
      file,
      remedy: `unit.json was changed by hand or damaged: delete the folder ${dir} and run again`,
    });
  }
  // A run of many units need not wait for the disk at each: what a power cut takes is written again.
  if (found === null || canonicalJson(found.places ?? {}) !== canonicalJson(places)) {
    const text = JSON.stringify({ kind: spec.kind, inputs: spec.inputs, places }, null, 2);
    writeFileUnsynced(file, `${text}\n`);
  }
  return dir;
}

/** Whether there is a file, and JSON in it: not one that a power cut has emptied. */
function isWhole(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

/** The spec that a unit folder was made for. */
export function readUnit(dir: string): UnitSpec {
  const file = join(dir, 'unit.json');
  const found = readJson(file) as Partial<UnitSpec> | null;
  if (typeof found?.kind !== 'string' || typeof found.inputs !== 'object' || found.inputs === null) {
    throw machineError('unit-damaged', 'not a unit description', {
      file,
      remedy: `Delete the folder ${dir} and run again`,
    });
  }
  return { kind: found.kind, inputs: found.inputs, places: found.places ?? {} };
}

function identity(spec: UnitSpec): string {
  return canonicalJson({ kind: spec.kind, inputs: spec.inputs });
}
