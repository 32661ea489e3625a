#!/usr/bin/env node
/**
 * `npm run bench -- [name] [flags]`: builds bench/*.ts and their workers into a folder of its own, and runs `name`
 * (default: `versus`, the comparison with TRL) with the flags.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'tsdown';

const DEFAULT = 'versus';
/** What a benchmark starts as processes of their own. */
const PROCESSES = { versus: ['worker'], growth: ['worker'], pairs: ['bookkeeping'] };

const root = join(import.meta.dirname, '..');
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

const args = process.argv.slice(2);
const named = args[0] !== undefined && !args[0].startsWith('-');
const name = named ? args[0] : DEFAULT;
if (!names.includes(name)) {
  console.error(`no benchmark is called ${name}; there are: ${names.join(', ')}`);
  process.exit(2);
}

// Inside node_modules, so that the built files find the project's packages; one folder a process, so that two
// benchmarks do not take each other's files away. What killed ones left is removed.
const all = join(root, 'node_modules', '.cache', 'winnow-bench');
mkdirSync(all, { recursive: true });
for (const left of readdirSync(all)) {
  if (!existsSync(join('/proc', left))) rmSync(join(all, left), { recursive: true, force: true });
}
const outDir = join(all, String(process.pid));
process.on('exit', () => rmSync(outDir, { recursive: true, force: true }));

await build({
  cwd: root,
  config: false,
  entry: {
    [name]: join(import.meta.dirname, `${name}.ts`),
    ...Object.fromEntries(
      (PROCESSES[name] ?? []).map((part) => [part, join(import.meta.dirname, 'lib', `${part}.ts`)]),
    ),
  },
  outDir,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: false,
  clean: true,
  logLevel: 'warn',
});
const { status } = spawnSync(
  process.execPath,
  [join(outDir, `${name}.mjs`), ...(named ? args.slice(1) : args)],
  {
    stdio: 'inherit',
    env: { ...process.env, WINNOW_ROOT: root },
  },
);
process.exitCode = status ?? 1;
