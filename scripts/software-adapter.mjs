/**
 * node scripts/software-adapter.mjs [--find]
 *
 * A WebGPU adapter in software, for tests of `device: webgpu` on machines without a graphics card: SwiftShader and a
 * Vulkan loader, taken out of Debian's package chromium-common (nothing is installed) into the user's cache folder.
 * Prints the folder; with `--find` it only looks, and makes nothing. A process finds the adapter with
 * VK_DRIVER_FILES=<folder>/vk_swiftshader_icd.json and LD_LIBRARY_PATH=<folder>.
 * Exit codes: 0 there, 2 missing (with `--find`), or no Debian (apt-get, dpkg-deb), or the package cannot be had.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const PACKAGE = 'chromium-common';
const FILES = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json', 'libvulkan.so.1'];
const WITHIN = join('usr', 'lib', 'chromium');

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const folder = join(cache, 'winnow', 'software-adapter');

function stop(message) {
  console.error(`software adapter: ${message}`);
  process.exit(2);
}

function run(command, args, cwd) {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) stop(`${command} is not here; it needs Debian or one of its kin`);
  if (status !== 0) stop(`${command} ${args[0]} failed: ${stderr.trim().split('\n').at(-1)}`);
}

function make() {
  mkdirSync(join(cache, 'winnow'), { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), 'winnow-adapter-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  run('apt-get', ['download', '-qq', PACKAGE], scratch);
  const deb = readdirSync(scratch).find((name) => name.endsWith('.deb'));
  run('dpkg-deb', ['-x', join(scratch, deb), join(scratch, 'out')]);
  const from = join(scratch, 'out', WITHIN);
  const missing = FILES.find((name) => !existsSync(join(from, name)));
  if (missing) stop(`${PACKAGE} has no ${missing}`);
  const whole = mkdtempSync(`${folder}.`);
  for (const name of FILES) spawnSync('cp', [join(from, name), whole]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(whole, folder);
}

if (!FILES.every((name) => existsSync(join(folder, name)))) {
  if (process.argv.includes('--find')) process.exit(2);
  make();
}
console.log(folder);
