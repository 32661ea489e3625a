#!/usr/bin/env node
/**
 * `npm run bench -- [name] [flags]`: builds bench/*.ts into node_modules/.cache and runs `name` with the flags
 * (all of them without flags when no name is given).
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'tsdown';

const root = join(import.meta.dirname, '..');
// Inside node_modules, so that the built files find the project's packages.
const outDir = join(root, 'node_modules', '.cache', 'winnow-bench');
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

const args = process.argv.slice(2);
const named = args[0] !== undefined && !args[0].startsWith('-');
const chosen = named ? names.filter((name) => name === args[0]) : names;
if (chosen.length === 0) {
  console.error(`no benchmark is called ${args[0]}; there are: ${names.join(', ')}`);
  process.exit(2);
}
const flags = named ? args.slice(1) : args;
if (flags.length > 0 && chosen.length > 1) {
  console.error(`flags belong to one benchmark: name one of ${chosen.join(', ')} before them`);
  process.exit(2);
}

await build({
  cwd: root,
  config: false,
  entry: Object.fromEntries(chosen.map((name) => [name, join(import.meta.dirname, `${name}.ts`)])),
  outDir,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: false,
  clean: true,
  logLevel: 'warn',
});
for (const name of chosen) {
  const { status } = spawnSync(process.execPath, [join(outDir, `${name}.mjs`), ...flags], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
