/**
 * Training passes on a graphics card (`device: webgpu`) beside the CPU, and beside PyTorch on the same card where
 * `python3` (or $WINNOW_PYTHON) has torch with CUDA, transformers and peft. LoRA r = 16 on all projections, forward and
 * backward, random weights, pairs of prompt 200 / chosen 250 / rejected 200 tokens.
 *
 * `npm run bench -- webgpu [--shapes small,half] [--pairs n] [--rounds n] [--threads n] [--no-cpu]`. Prints one table;
 * without an adapter, why there is none. An adapter is found through libvulkan.so.1 and a driver's ICD file
 * (VK_DRIVER_FILES names another one, such as SwiftShader's); on a Mac and on Windows nothing is needed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/base/random.ts';
import { type Checkpoint, initCheckpoint, openCheckpoint, writeCheckpoint } from '../src/model/checkpoint.ts';
import { loraTargets } from '../src/model/layer.ts';
import { accumulateGradient } from '../src/policy/gradient.ts';
import { openPolicy } from '../src/policy/policy.ts';
import { type Device, Gpu } from '../src/tensor/gpu.ts';
import { packRows, type SharedPromptRow } from '../src/text/rows.ts';
import { microBatches } from '../src/train/micro-batches.ts';
import { digits, table } from './lib/document.ts';
import { machineLine } from './lib/machine.ts';
import { SHAPES, type ShapeName, shapeConfig } from './lib/shapes.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'small,half' },
    pairs: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    'no-cpu': { type: 'boolean', default: false },
  },
});
const [PAIRS, ROUNDS, THREADS] = [Number(values.pairs), Number(values.rounds), Number(values.threads)];
const RANK = 16;
const LENGTHS = { prompt: 200, chosen: 250, rejected: 200 };
/** Tokens of a pair as two sequences: what PyTorch computes; ours computes the prompt once. */
const TOKENS = 2 * LENGTHS.prompt + LENGTHS.chosen + LENGTHS.rejected;

interface Measured {
  /** First pass, with opening, self-check and compilation of kernels. */
  readonly firstMs: number;
  /** Median of the later ones. */
  readonly ms: number;
  /** Euclidean norm of the gradient: the sides must agree. */
  readonly norm: number;
}

function pairsFor(vocabSize: number): SharedPromptRow[] {
  const random = new Random(1, 'bench webgpu');
  const tokens = (length: number) => Int32Array.from({ length }, () => random.integer(vocabSize));
  return Array.from({ length: PAIRS }, () => ({
    prompt: tokens(LENGTHS.prompt),
    completions: [tokens(LENGTHS.chosen), tokens(LENGTHS.rejected)],
  }));
}

async function measure(
  checkpoint: Checkpoint,
  rows: readonly SharedPromptRow[],
  device: Device,
): Promise<Measured> {
  const begun = performance.now();
  const targets = loraTargets(checkpoint.config, 'all-linear');
  const trained = { method: 'lora', rank: RANK, alpha: RANK, targets, seed: 1 } as const;
  const policy = openPolicy(checkpoint, { trained, threads: THREADS, device });
  const passes = microBatches(policy, rows, true);
  const all = async () => {
    for (const { gradient } of policy.parameters.values()) gradient.fill(0);
    for (const pass of passes)
      await accumulateGradient(policy, packRows(pass.map((i) => rows[i] as SharedPromptRow)), (items) =>
        items.map((_, i) => (i % 2 === 0 ? 0.01 : -0.01)),
      );
  };
  await all();
  const firstMs = performance.now() - begun;
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await all();
    times.push(performance.now() - start);
  }
  let square = 0;
  for (const { gradient } of policy.parameters.values())
    for (const value of gradient) square += value * value;
  await policy.dispose();
  return {
    firstMs,
    ms: times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] as number,
    norm: Math.sqrt(square),
  };
}

/** PyTorch's table of the same work: precision → milliseconds; a text where it cannot be had. */
function pytorch(model: string, rows: readonly SharedPromptRow[]): Record<string, number> | string {
  const file = join(model, 'pairs.json');
  const plain = rows.map(({ prompt, completions }) => ({
    prompt: [...prompt],
    completions: completions.map((tokens) => [...tokens]),
  }));
  writeFileSync(file, JSON.stringify({ rank: RANK, rounds: ROUNDS, rows: plain }));
  const script = join(process.env.WINNOW_ROOT ?? '.', 'bench', 'webgpu_peer.py');
  const { status, stdout, stderr, error } = spawnSync(
    process.env.WINNOW_PYTHON ?? 'python3',
    [script, model, file],
    { encoding: 'utf8' },
  );
  if (status !== 0) return error?.message ?? stderr.trim().split('\n').at(-1) ?? 'it failed';
  return JSON.parse(stdout) as Record<string, number>;
}

console.log(machineLine());
const lines: string[][] = [];
const notes: string[] = [];
for (const name of values.shapes.split(',') as ShapeName[]) {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-webgpu-'));
  const config = shapeConfig(name);
  writeCheckpoint(folder, config, initCheckpoint(config, 1), { dtype: SHAPES[name].dtype });
  const checkpoint = openCheckpoint(folder);
  const rows = pairsFor(config.vocabSize);
  const line = (what: string, ms: number, rest: readonly string[]) =>
    lines.push([SHAPES[name].title, what, digits(ms / PAIRS), digits((1000 * PAIRS * TOKENS) / ms), ...rest]);
  const gpu = new Gpu({ onGiveUp: (reason) => notes.push(`WebGPU gave up on ${name}: ${reason}`) });
  const sides: [string, Device][] = [['CPU', 'cpu']];
  await gpu.ready(THREADS);
  if (gpu.givenUp === null) sides.unshift(['WebGPU', gpu]);
  if (values['no-cpu']) sides.pop();
  for (const [what, device] of sides) {
    const { firstMs, ms, norm } = await measure(checkpoint, rows, device);
    const title = device === gpu && gpu.givenUp !== null ? `${what}, given up: CPU` : what;
    line(title, ms, [digits(firstMs / 1000), norm.toPrecision(6)]);
  }
  const peer = pytorch(folder, rows);
  if (typeof peer === 'string') notes.push(`PyTorch on ${name}: ${peer}`);
  else for (const [precision, ms] of Object.entries(peer)) line(`PyTorch ${precision}`, ms, ['', '']);
  rmSync(folder, { recursive: true });
}
const heading = ['model', 'on', 'ms a pair', 'tokens/s', 's to the first gradient', 'norm of the gradient'];
console.log(table(heading, lines));
for (const note of notes) console.log(note);
