import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_DIR } from '../base/package-dir.ts';

/** Version of winnow, from package.json. */
export const VERSION = (
  JSON.parse(readFileSync(join(PACKAGE_DIR, 'package.json'), 'utf8')) as { version: string }
).version;

/**
 * Part of what every unit is known by: raised when the embedded engine would give other numbers for the same
 * inputs, so that old results are not mixed with new ones.
 */
export const ENGINE = 'embedded/2';

/**
 * As {@link ENGINE}, of the engine trl: raised when engines/trl/worker.py gives other numbers for the same inputs. Another
 * version of TRL or of PyTorch moves the last digits, as another processor does.
 */
export const TRL_ENGINE = 'trl/2';

/**
 * As {@link ENGINE}, of a model server: raised when it is asked in another way. What the server is, and which version, its
 * people know.
 */
export const SERVER_ENGINE = 'server/1';
