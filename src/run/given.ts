import { existsSync, statSync } from 'node:fs';
import { basename, dirname, relative, sep } from 'node:path';
import { hashFile } from '../base/file-hash.ts';
import { readDoneIn } from './done.ts';
import type { UnitSpec } from './unit.ts';

const SHA256 = /^[0-9a-f]{64}$/;

/** Something that a unit reads and that is not as the unit was made for. */
export interface GivenFault {
  readonly path: string;
  readonly what: 'missing' | 'other';
}

/**
 * Holds what a unit is given against what it was made for: everything is there, files whose hash is part of the unit's
 * name have it, and a file of another unit is as that unit's record says. A file that is there in part, or was changed,
 * would give wrong numbers without a word. Folders (models) are the runners' to check.
 */
export function givenFault({ inputs, places = {} }: UnitSpec): GivenFault | null {
  for (const [name, path] of Object.entries(places)) {
    if (!path.startsWith('/')) continue;
    if (!existsSync(path)) return { path, what: 'missing' };
    if (!statSync(path).isFile()) continue;
    const need = inputs[name];
    const known = typeof need === 'string' && SHA256.test(need) ? need : recordedHash(path);
    if (known !== null && hashFile(path) !== known) return { path, what: 'other' };
  }
  return null;
}

/** What the record of another unit says of its file `<unit>/attempts/<id>/…`; null where it is none. */
function recordedHash(path: string): string | null {
  const attempt = dirname(path);
  if (basename(dirname(attempt)) !== 'attempts') return null;
  const done = readDoneIn(dirname(dirname(attempt)));
  const name = relative(attempt, path).split(sep).join('/');
  return done?.dir === attempt ? (done.files.find((file) => file.path === name)?.sha256 ?? null) : null;
}
