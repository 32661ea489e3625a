import { spawn } from 'node:child_process';

/** How long what a command left behind may hold its pipes. */
const DRAIN_MS = 500;
const MOST_BYTES = 2 ** 24;

/** How a command ended. */
export interface ShellResult {
  /** null: it was killed, or ran into its time limit. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** `sh -c COMMAND`, as `runProgram` runs it. */
export function runShell(command: string, limitMs: number): Promise<ShellResult> {
  return runProgram('sh', ['-c', command], limitMs);
}

/**
 * Runs a program in a process group of its own: Ctrl-C of the terminal does not reach it, and at its time limit the
 * whole group is killed. Never rejects.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  limitMs: number,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ShellResult> {
  return await new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env });
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    let bytes = 0;
    let timedOut = false;
    const collect = (into: Buffer[]) => (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= MOST_BYTES) into.push(piece);
    };
    child.stdout.on('data', collect(out));
    child.stderr.on('data', collect(errors));
    const timer = setTimeout(() => {
      timedOut = true;
      try {
        process.kill(-(child.pid as number), 'SIGKILL');
      } catch {
        // It ended at this moment.
      }
    }, limitMs);
    const finish = (code: number | null, extra = '') => {
      clearTimeout(timer);
      resolve({
        code,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(errors).toString('utf8') + extra,
        timedOut,
      });
    };
    child.on('error', (error) => finish(null, error.message));
    // A daemon that the command started may keep its pipes for hours.
    child.on('exit', () => {
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS).unref();
    });
    child.on('close', (code) => finish(code));
  });
}
