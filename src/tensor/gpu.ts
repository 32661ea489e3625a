import { add } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { toOnnx } from './onnx.ts';
import { firstLine } from './self-check.ts';
import { type OpenSession, openOnCpu, openOnGpu, type Session, toOrt } from './session.ts';
import { input } from './value.ts';

/** Where programs run. auto: webgpu where an adapter is found that multiplies faster than the CPU, else cpu. */
export type DeviceName = 'auto' | 'cpu' | 'webgpu';
/** A GPU that several compilations share by itself, not by the process. */
export type Device = DeviceName | Gpu;

export interface GpuOptions {
  readonly open?: OpenSession;
  /** Told once, when it gives up. */
  readonly onGiveUp?: (reason: string) => void;
  /** Only if it is faster than the CPU: not to be is no fault then. */
  readonly onlyIfFaster?: boolean;
}

/**
 * The WebGPU provider of this process, and what is known of it. Once it has failed or given a wrong result, it is not
 * used again: programs that run on it are made anew for the CPU.
 */
export class Gpu {
  readonly open: OpenSession;
  /** Operations and programs that were held against the CPU. */
  readonly checked = new Set<string>();
  readonly #onGiveUp: (reason: string) => void;
  readonly #onlyIfFaster: boolean;
  #reason: string | null = null;
  #ready: Promise<void> | undefined;
  /** As long as one session is open, the provider keeps the device and the kernels that it has compiled. */
  #keeper: Session | undefined;

  constructor({ open = openOnGpu, onGiveUp = warn, onlyIfFaster = false }: GpuOptions = {}) {
    this.open = open;
    this.#onGiveUp = onGiveUp;
    this.#onlyIfFaster = onlyIfFaster;
  }

  /** Why it is not used; null while it is. */
  get givenUp(): string | null {
    return this.#reason;
  }

  /** `expected`: nothing is wrong, so nothing is said. */
  giveUp(reason: string, expected = false): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    if (!expected) this.#onGiveUp(reason);
    this.#keeper?.release().catch(() => {});
  }

  /** Looks for an adapter, once. */
  ready(threads: number): Promise<void> {
    this.#ready ??= this.#look(threads);
    return this.#ready;
  }

  async #look(threads: number): Promise<void> {
    try {
      const a = input('a', [1]);
      this.#keeper = await this.open(toOnnx({ inputs: { a }, outputs: { sum: add(a, a) } }), { threads });
      if (!this.#onlyIfFaster) return;
      const gpuMs = await productMs(this.open, threads, MEASURED);
      const cpuMs = await productMs(openOnCpu, threads, MEASURED);
      if (gpuMs > cpuMs)
        this.giveUp(`a product takes ${gpuMs.toFixed(1)} ms, on the CPU ${cpuMs.toFixed(1)} ms`, true);
    } catch (error) {
      const what = firstLine(error);
      const reason = /adapter/i.test(what) ? `no WebGPU adapter was found (${what})` : what;
      this.giveUp(reason, this.#onlyIfFaster);
    }
  }
}

let ofProcess: Gpu | undefined;
let chosen: DeviceName = 'cpu';

/** The device of a worker; `note` is told why a GPU is not used, if that is worth telling. */
export function openDevice(name: string, note: (text: string) => void): Device {
  if (name === 'cpu') return 'cpu';
  return new Gpu({ onlyIfFaster: name === 'auto', onGiveUp: (reason) => note(sentence(reason)) });
}

/** The GPU that a device name means in this process; null: the CPU. */
export function gpuOf(device: Device): Gpu | null {
  if (device instanceof Gpu) return device;
  if (device === 'cpu') return null;
  if (ofProcess === undefined || chosen !== device) {
    chosen = device;
    ofProcess = new Gpu({ onlyIfFaster: device === 'auto' });
  }
  return ofProcess;
}

const sentence = (reason: string) => `WebGPU is not used, the CPU computes: ${reason}`;

function warn(reason: string): void {
  process.stderr.write(`${sentence(reason)}\n`);
}

/** Rows and width of the product that decides: a layer's of 0.5 B parameters or so, over a batch. */
const MEASURED = [512, 2048] as const;

/** Median milliseconds of a product [rows, width]·[width, width], the way to the device and back included. */
async function productMs(
  open: OpenSession,
  threads: number,
  [rows, width]: readonly [number, number],
): Promise<number> {
  const a = input('a', [rows, width]);
  const b = input('b', [width, width]);
  const c = matmul(a, b);
  const session: Session = await open(toOnnx({ inputs: { a, b }, outputs: { c } }), { threads });
  try {
    const feed = (height: number) =>
      toOrt({ data: new Float32Array(height * width).fill(1 / width), shape: [height, width] });
    const feeds = { a: feed(rows), b: feed(width) };
    await session.run(feeds);
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const begun = performance.now();
      await session.run(feeds);
      times.push(performance.now() - begun);
    }
    return times.sort((x, y) => x - y)[2] as number;
  } finally {
    await session.release();
  }
}
