import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linear } from '../../src/tensor/matmul.ts';
import { compile } from '../../src/tensor/program.ts';
import { input } from '../../src/tensor/value.ts';
import { ROOT } from './places.ts';

/** Rows, inner width and columns of products that are large, and of shapes that decoders have. */
const PRODUCTS = [
  [1024, 1024, 1024],
  [2048, 2048, 2048],
  [650, 896, 4864],
  [650, 4864, 896],
  [1050, 384, 1024],
  [2048, 1024, 4096],
] as const;
const TRIALS = 8;

/** GFLOP/s of one kind of product: the best of its trials. */
export interface ProductRate {
  readonly shape: readonly [number, number, number];
  readonly gflops: number;
}

/** What this machine can do in float32. */
export interface Peak {
  readonly threads: number;
  /** Multiply-adds in registers (`bench/fma.c`), GFLOP/s; null where there is no C compiler. */
  readonly fma: number | null;
  /** onnxruntime's products x · Wᵀ, as the engine runs them. The best one is a lower bound of the peak. */
  readonly products: readonly ProductRate[];
  /** `fma`, or the best product. */
  readonly gflops: number;
  readonly source: 'multiply-adds in registers' | 'best matrix product (a lower bound: no C compiler)';
}

/** Measures the float32 peak with so many threads. */
export async function measurePeak(threads: number): Promise<Peak> {
  const products: ProductRate[] = [];
  for (const shape of PRODUCTS) products.push({ shape, gflops: await productRate(shape, threads) });
  const fma = await fmaRate(threads);
  const best = Math.max(...products.map(({ gflops }) => gflops));
  return fma === null
    ? { threads, fma, products, gflops: best, source: 'best matrix product (a lower bound: no C compiler)' }
    : { threads, fma, products, gflops: fma, source: 'multiply-adds in registers' };
}

async function productRate([m, k, n]: readonly [number, number, number], threads: number): Promise<number> {
  const [x, w] = [input('x', [m, k]), input('w', [n, k])];
  const program = await compile({ inputs: { x, w }, outputs: { y: linear(x, w) } }, { threads });
  const random = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
  const feeds = { x: { data: random(m * k), shape: [m, k] }, w: { data: random(n * k), shape: [n, k] } };
  const out = new Float32Array(m * n);
  let best = Number.POSITIVE_INFINITY;
  for (let trial = 0; trial < TRIALS; trial++) {
    const start = performance.now();
    await program.run(feeds, () => out);
    best = Math.min(best, performance.now() - start);
  }
  await program.dispose();
  return (2 * m * k * n) / best / 1e6;
}

/** The sum over `threads` processes that run at once; null without a C compiler. */
async function fmaRate(threads: number): Promise<number | null> {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-fma-'));
  try {
    const program = join(folder, 'fma');
    const compilers = [process.env.CC ?? 'cc', 'gcc', 'clang'];
    const flags = ['-O3', '-march=native', '-o', program, join(ROOT, 'bench', 'fma.c')];
    if (!compilers.some((compiler) => spawnSync(compiler, flags).status === 0)) return null;
    const rates = await Promise.all(Array.from({ length: threads }, () => output(program, ['1'])));
    return rates.reduce((sum, rate) => sum + Number(rate), 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (part) => {
      text += String(part);
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${program}: code ${code}`))));
  });
}
