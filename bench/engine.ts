/**
 * Time of the embedded engine on this machine: scoring and training passes over shared-prompt rows.
 * `npm run bench -- [--threads n] [--model dir]`; without a model, random decoders of two sizes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../src/base/random.ts';
import {
  type Checkpoint,
  initCheckpoint,
  type LlamaShape,
  llamaConfig,
  openCheckpoint,
  writeCheckpoint,
} from '../src/model/checkpoint.ts';
import { accumulateGradient } from '../src/policy/gradient.ts';
import { completionLogProbs } from '../src/policy/log-probs.ts';
import { openPolicy, type Policy } from '../src/policy/policy.ts';
import { packRows, rowLength, type SharedPromptRow } from '../src/text/rows.ts';
import { microBatches } from '../src/train/micro-batches.ts';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    model: { type: 'string' },
    pairs: { type: 'string', default: '32' },
    prompt: { type: 'string', default: '200' },
    completion: { type: 'string', default: '80' },
    sizes: { type: 'string', default: 'tiny,small' },
  },
});

const BASE = {
  maxPositions: 2048,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  tieWordEmbeddings: true,
  bosTokenId: 1,
  eosTokenIds: [2],
};
const SIZES: Record<string, LlamaShape> = {
  tiny: {
    ...BASE,
    hiddenSize: 64,
    intermediateSize: 172,
    layers: 5,
    heads: 8,
    kvHeads: 4,
    headDim: 8,
    vocabSize: 512,
  },
  small: {
    ...BASE,
    hiddenSize: 384,
    intermediateSize: 1024,
    layers: 8,
    heads: 6,
    kvHeads: 6,
    headDim: 64,
    vocabSize: 4096,
  },
};

const random = new Random(1, 'bench');
function rowsFor(config: { readonly vocabSize: number }): SharedPromptRow[] {
  const tokens = (length: number) => Int32Array.from({ length }, () => random.integer(config.vocabSize));
  const about = (n: number) => Math.round(n * (0.5 + random.uniform()));
  return Array.from({ length: Number(values.pairs) }, () => ({
    prompt: tokens(about(Number(values.prompt))),
    completions: [tokens(about(Number(values.completion))), tokens(about(Number(values.completion)))],
  }));
}

async function timed(policy: Policy, rows: readonly SharedPromptRow[], gradient: boolean): Promise<number> {
  const passes = microBatches(policy, rows, gradient);
  const all = async () => {
    for (const pass of passes) {
      const batch = packRows(pass.map((i) => rows[i] as SharedPromptRow));
      if (gradient)
        await accumulateGradient(policy, batch, (items) => new Float64Array(items.length).fill(0.01));
      else await completionLogProbs(policy, batch);
    }
  };
  await all();
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await all();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[1] as number;
}

async function measure(name: string, checkpoint: Checkpoint) {
  const rows = rowsFor(checkpoint.config);
  const tokens = rows.reduce((sum, row) => sum + rowLength(row), 0);
  const threads = Number(values.threads);
  const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
  const kinds = [
    ['score', { method: 'none' } as const, false],
    ['train LoRA r16', { method: 'lora', rank: 16, alpha: 16, targets, seed: 1 } as const, true],
    ['train full', { method: 'full' } as const, true],
  ] as const;
  for (const [kind, trained, gradient] of kinds) {
    const policy = openPolicy(checkpoint, { trained, threads });
    const ms = await timed(policy, rows, gradient);
    const rss = process.memoryUsage().rss / 1e6;
    console.log(
      `| ${name} | ${checkpoint.parameters} | ${kind} | ${rows.length} | ${tokens} | ${ms.toFixed(0)} | ${((1000 * tokens) / ms).toFixed(0)} | ${((1000 * rows.length) / ms).toFixed(1)} | ${rss.toFixed(0)} |`,
    );
    await policy.dispose();
  }
}

console.log(`threads ${values.threads}`);
console.log(
  '| model | parameters | what | pairs | tokens in rows | ms | tokens/s | pairs/s | MB resident |\n|---|---|---|---|---|---|---|---|---|',
);
if (values.model !== undefined)
  await measure(values.model.split('/').at(-1) as string, openCheckpoint(values.model));
else
  for (const name of values.sizes.split(',')) {
    const dir = mkdtempSync(join(tmpdir(), 'winnow-bench-'));
    const config = llamaConfig(SIZES[name] as LlamaShape);
    writeCheckpoint(dir, config, initCheckpoint(config, 1));
    await measure(name, openCheckpoint(dir));
    rmSync(dir, { recursive: true });
  }
