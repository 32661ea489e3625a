import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WinnowError } from '../base/errors.ts';
import { ENGINE_DIR, enginePython } from '../pipeline/trl/python.ts';
import { type Finding, finding } from './finding.ts';

const ASKED = ['torch', 'transformers', 'trl', 'peft', 'accelerate', 'datasets'];
/** Importing torch alone can take a minute on a cold shared disk. */
const PROBE_MS = 120_000;

interface Probe {
  readonly python: string;
  readonly versions: Readonly<Record<string, string | null>>;
  readonly gpus: readonly { readonly name: string; readonly bytes: number }[];
  readonly device: string;
  readonly flops: number;
}

/** Whether the engine trl can work here: Python, versions against the pins, GPUs and their speed. */
export function trlFindings(python: string | null = null): Finding[] {
  let program: string;
  try {
    program = enginePython(python);
  } catch (error) {
    if (!(error instanceof WinnowError)) throw error;
    return [{ ...finding('engine trl', 'fault', error.message), exitCode: 2 }];
  }
  const { status, stdout, stderr } = spawnSync(program, [join(ENGINE_DIR, 'probe.py'), ...ASKED], {
    encoding: 'utf8',
    timeout: PROBE_MS,
  });
  if (status !== 0) {
    const why = stderr?.trim().split('\n').at(-1) ?? 'no answer';
    return [{ ...finding('engine trl', 'fault', `${program} does not work: ${why}`), exitCode: 2 }];
  }
  const probe = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Probe;
  return [
    finding('engine trl', 'ok', `Python ${probe.python} (${program})`, { python: program }),
    versions(probe),
    gpus(probe),
  ];
}

function versions({ versions: found }: Probe): Finding {
  const pins = new Map(
    [...readFileSync(join(ENGINE_DIR, 'requirements.txt'), 'utf8').matchAll(/^([\w-]+)==(\S+)$/gm)].map(
      ([, name, version]) => [name as string, version as string],
    ),
  );
  const missing = ASKED.filter((name) => found[name] == null);
  // PyTorch's own builds add what they were built for: 2.15.0+cu130.
  const other = ASKED.filter((name) => found[name] != null && found[name]?.split('+')[0] !== pins.get(name));
  const list = ASKED.map((name) => `${name} ${found[name] ?? 'missing'}`).join(', ');
  const needed = [...missing, ...other].map((name) => `${name} ${pins.get(name)}`).join(', ');
  const state = missing.length > 0 ? 'fault' : other.length > 0 ? 'warning' : 'ok';
  return finding('packages', state, needed === '' ? list : `${list}; tried with: ${needed}`, { found });
}

function gpus({ gpus: found, device, flops }: Probe): Finding {
  const speed = `bfloat16 products ${(flops / 1e12).toFixed(0)} TFLOP/s`;
  if (found.length === 0)
    return finding(
      'GPUs',
      'warning',
      `none is seen; on this processor float32 products ${(flops / 1e9).toFixed(0)} GFLOP/s: enough to try, not to train`,
      { gpus: found, device, flops },
    );
  const names = found.map(({ name, bytes }) => `${name} (${(bytes / 1e9).toFixed(0)} GB)`);
  return finding('GPUs', 'ok', `${found.length}: ${[...new Set(names)].join(', ')}; ${speed}`, {
    gpus: found,
    device,
    flops,
  });
}
