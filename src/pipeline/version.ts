import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this package: of the sources and of the built files alike the next above with a package.json. */
export const PACKAGE_DIR = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();

/** Version of winnow, from package.json. */
export const VERSION = (
  JSON.parse(readFileSync(join(PACKAGE_DIR, 'package.json'), 'utf8')) as { version: string }
).version;

/**
 * Part of what every unit is known by: raised when the embedded engine would give other numbers for the same
 * inputs, so that old results are not mixed with new ones.
 */
export const ENGINE = 'embedded/2';
