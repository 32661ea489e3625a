import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { inputError } from '../base/errors.ts';
import { controlGroupLimits, freeMemory, physicalCores, usableCores } from '../base/machine.ts';
import { PACKAGE_DIR } from '../base/package-dir.ts';
import { gigabytes } from '../pipeline/resources.ts';
import { VERSION } from '../pipeline/version.ts';
import { Gpu } from '../tensor/gpu.ts';
import { matmul } from '../tensor/matmul.ts';
import { compile } from '../tensor/program.ts';
import { input } from '../tensor/value.ts';
import { type DoctorModelFlags, modelFindings } from './doctor-model.ts';
import { serverFindings } from './doctor-server.ts';
import { trlFindings } from './doctor-trl.ts';
import { type Finding, finding } from './finding.ts';
import { withTalkFlags } from './options.ts';
import type { Outside } from './outside.ts';

interface DoctorFlags extends DoctorModelFlags {
  readonly out: string;
  readonly json?: boolean;
  readonly tryDevice?: boolean;
  readonly engine?: string;
  readonly server?: string;
  readonly serverModel?: string;
}

/** Below these it is told. Bytes. */
const LITTLE_DISK = 5e9;
const LITTLE_MEMORY = 1.5e9;
/** The trial of a graphics card may take so long. */
const DEVICE_MS = 30_000;

/** `winnow doctor`: whether this machine can do the work, and how fast. */
export function addDoctor(program: Command, outside: Outside): void {
  const command = program
    .command('doctor')
    .description('look whether this machine can do the work, and how fast')
    .option('--model <dir>', 'try this model too (a folder, or org/name on the hub)')
    .option('--revision <name>', 'branch, tag or commit of a model on the hub')
    .option('--engine <name>', 'look at this engine too: trl (Python, versions, GPUs and their speed)')
    .option('--server <url>', 'try this model server too (key: WINNOW_SERVER_KEY)')
    .option('--server-model <name>', 'the start model’s name there (default: its only one)')
    .option('--out <dir>', 'where runs will lie', '.')
    .addOption(new Option('--try-device').hideHelp());
  withTalkFlags(command).action(async (flags: DoctorFlags) => {
    if (flags.tryDevice === true) {
      outside.print(JSON.stringify(await noAdapter()));
      return;
    }
    if (flags.engine !== undefined && flags.engine !== 'trl' && flags.engine !== 'embedded')
      throw inputError('unknown-engine', 'there is no engine of this name', {
        got: flags.engine,
        need: 'trl or embedded',
      });
    const findings = [
      node(),
      cores(),
      memory(),
      disk('run folder', flags.out),
      disk('model cache', (await import('@huggingface/hub')).getHFHubCachePath()),
      await engine(),
      device(),
      ...(flags.engine === 'trl' ? trlFindings() : []),
      ...(flags.server === undefined ? [] : await serverFindings(flags.server, flags.serverModel ?? null)),
      ...(flags.model === undefined ? [] : await modelFindings(flags, outside)),
    ];
    const faults = findings.filter(({ state }) => state === 'fault');
    const width = Math.max(...findings.map(({ what }) => what.length));
    const lines = findings.map(
      ({ what, state, says }) => `${state.padEnd(7)}  ${what.padEnd(width)}  ${says}`,
    );
    outside.print(
      flags.json === true
        ? `${JSON.stringify({ version: VERSION, faults: faults.length, findings }, null, 2)}\n`
        : `${lines.join('\n')}\n`,
    );
    if (faults.length > 0) process.exitCode = Math.max(...faults.map(({ exitCode = 1 }) => exitCode));
  });
}

function node(): Finding {
  const { engines } = JSON.parse(readFileSync(join(PACKAGE_DIR, 'package.json'), 'utf8'));
  const need = /\d+(\.\d+)*/.exec(engines.node)?.[0] ?? '';
  const found = process.versions.node;
  const old = found.localeCompare(need, 'en', { numeric: true }) < 0;
  const platform = `${process.platform} ${process.arch}`;
  return finding(
    'Node',
    old ? 'fault' : 'ok',
    `${found} on ${platform}, winnow ${VERSION}${old ? `; needed: ${need} or newer` : ''}`,
    { node: found, platform: process.platform, arch: process.arch },
  );
}

function cores(): Finding {
  const usable = usableCores();
  const name = cpus()[0]?.model.trim() ?? 'unknown processor';
  const physical = physicalCores();
  const quota = controlGroupLimits().cores;
  const notes = [
    ...(physical !== null && physical < cpus().length ? [`${physical} physical`] : []),
    ...(quota !== null && quota < availableParallelism() ? [`a quota of ${quota} cores`] : []),
    ...(usable < cpus().length ? [`of ${cpus().length} in the machine`] : []),
  ];
  return finding('cores', 'ok', `${usable}${notes.map((note) => `, ${note}`).join('')} (${name})`, {
    usable,
    logical: cpus().length,
    physical,
    quota,
    processor: name,
  });
}

function memory(): Finding {
  const free = freeMemory();
  const { memoryBytes: limit } = controlGroupLimits();
  const of = limit === null ? gigabytes(totalmem()) : `${gigabytes(limit)} that this process may use`;
  const little = free < LITTLE_MEMORY;
  return finding(
    'memory',
    little ? 'warning' : 'ok',
    `${gigabytes(free)} free of ${of}${little ? `; small models alone fit below ${gigabytes(LITTLE_MEMORY)}` : ''}`,
    { free, total: totalmem(), limit },
  );
}

/** Free disk where a folder lies or will lie. */
function disk(what: string, folder: string): Finding {
  let at = resolve(folder);
  for (;;) {
    try {
      const { bavail, bsize } = statfsSync(at);
      const free = bavail * bsize;
      const little = free < LITTLE_DISK;
      return finding(
        what,
        little ? 'warning' : 'ok',
        `${gigabytes(free)} of disk free at ${resolve(folder)}${little ? '; checkpoints and models may need more' : ''}`,
        { free, folder: resolve(folder) },
      );
    } catch (error) {
      if (dirname(at) === at)
        return finding(what, 'warning', `${resolve(folder)} cannot be looked at: ${String(error)}`);
      at = dirname(at);
    }
  }
}

/** Whether onnxruntime loads, and the speed of one matrix product, by one thread and by all. */
async function engine(): Promise<Finding> {
  const n = 1024;
  const [a, b] = [input('a', [n, n]), input('b', [n, n])];
  const square = () => ({ data: new Float32Array(n * n).fill(0.5), shape: [n, n] });
  const feeds = { a: square(), b: square() };
  const out = new Float32Array(n * n);
  const rates: number[] = [];
  let version: string;
  try {
    version = createRequire(import.meta.url)('onnxruntime-node/package.json').version;
    for (const threads of [1, usableCores()]) {
      const program = await compile({ inputs: { a, b }, outputs: { c: matmul(a, b) } }, { threads });
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 8; i++) {
        const begun = performance.now();
        await program.run(feeds, () => out);
        best = Math.min(best, performance.now() - begun);
      }
      rates.push((2 * n ** 3) / best / 1e6);
      await program.dispose();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return finding('engine', 'fault', `onnxruntime does not work here: ${why}. Install winnow again`);
  }
  if (out[0] !== n / 4)
    return finding('engine', 'fault', `onnxruntime ${version} multiplies wrongly: ${out[0]}, not ${n / 4}`);
  const [one, all] = rates.map(Math.round) as [number, number];
  return finding(
    'engine',
    'ok',
    `onnxruntime ${version}; matrix products ${one} GFLOP/s on one core, ${all} on ${usableCores()}`,
    { onnxruntime: version, oneCore: one, allCores: all },
  );
}

/** Why there is no WebGPU adapter that computes; null: there is one. */
async function noAdapter(): Promise<string | null> {
  const gpu = new Gpu({ onGiveUp: () => {} });
  await gpu.ready(1);
  return gpu.givenUp;
}

/** What can compute. The adapter is looked for in a process apart: a broken graphics driver may end it. */
function device(): Finding {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(PACKAGE_DIR, 'dist', 'cli.mjs'), 'doctor', '--try-device'],
    { encoding: 'utf8', timeout: DEVICE_MS },
  );
  const why = status === 0 ? (JSON.parse(stdout) as string | null) : 'the graphics driver ended the trial';
  return why === null
    ? finding('device', 'ok', 'cpu; a graphics card is found (device: webgpu)', { webgpu: true })
    : finding('device', 'ok', `cpu; ${why}`, { webgpu: false, why });
}
