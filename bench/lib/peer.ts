import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a worker answers when it is ready, and to each command; more than `seconds` as the job wants. */
export interface Answer {
  readonly seconds?: number;
  readonly peakBytes?: number;
  readonly [more: string]: unknown;
}

/** A process that does pairs on command: one line of JSON in, one out. Ours and TRL's speak the same. */
export interface Peer {
  /** Its first answer. */
  readonly ready: Answer;
  ask(command: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Ends it by closing its stdin; a process that stays is killed after a while. */
  close(): Promise<void>;
}

const CLOSE_MS = 10_000;
/** Last part of stderr that an error shows. */
const SHOWN = 3000;

/** Starts a worker and waits until it is ready. `threads` reaches every thread pool that reads the environment. */
export async function startPeer(command: readonly string[], threads: number): Promise<Peer> {
  const count = String(threads);
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      OMP_NUM_THREADS: count,
      MKL_NUM_THREADS: count,
      OPENBLAS_NUM_THREADS: count,
      HF_HUB_OFFLINE: '1',
      CUDA_VISIBLE_DEVICES: '',
      TOKENIZERS_PARALLELISM: 'false',
    },
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('close', () => process.off('exit', kill));
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = (errors + String(text)).slice(-SHOWN);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Answer> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} ${args[0]} ended early\n${errors}`);
    return JSON.parse(value) as Answer;
  };
  const ready = await answer();
  return {
    ready,
    ask(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return answer();
    },
    close: () => close(child),
  };
}

async function close(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
  await ended;
  clearTimeout(timer);
}
