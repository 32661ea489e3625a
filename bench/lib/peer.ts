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

/** Several workers as one side: each does as many pairs as is asked, at once; together they do them all. */
export function together(peers: readonly Peer[]): Peer {
  const [first] = peers as [Peer];
  return {
    ready: first.ready,
    async ask({ pairs }) {
      const begun = performance.now();
      const answers = await Promise.all(
        peers.map((peer) => peer.ask({ pairs: (pairs as number) / peers.length })),
      );
      const sum = (key: string) => answers.reduce((total, answer) => total + (answer[key] as number), 0);
      return {
        ...answers[0],
        seconds: (performance.now() - begun) / 1000,
        peakBytes: sum('peakBytes'),
        ...('meanChosen' in (answers[0] as Answer) ? { meanChosen: sum('meanChosen') / peers.length } : {}),
      };
    },
    close: async () => {
      await Promise.all(peers.map((peer) => peer.close()));
    },
  };
}

async function close(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
  await ended;
  clearTimeout(timer);
}
