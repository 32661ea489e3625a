import type { Verdict } from './batches.ts';
import type { ExitRecord } from './detached.ts';
import type { Observation } from './executor.ts';
import { WORKER_EXIT } from './exit-codes.ts';

/** All that is known of a task that has ended without finishing its unit. */
export interface TaskEnd {
  /** The word that its worker left; null where it could not. */
  readonly exit: ExitRecord | null;
  readonly seen: Observation;
  /** Whether a worker had begun. */
  readonly begun: boolean;
  /** End of what the task printed. */
  readonly output: string;
  /** Steps in the unit's newest whole checkpoint. */
  readonly step: number;
}

const MEMORY_WORDS = /\bout[ _-]?of[ _-]?memory\b|\boom\b|\bOOMKilled\b/i;
const STOPPED_WORDS = /\b(preempt\w*|evicted|time ?out|deadline|revoked)\b/i;
/** Faults of a node, which another node need not have: NCCL, memory errors of a GPU, a GPU that fell off. */
const NODE_WORDS =
  /\bNCCL (error|WARN)|\buncorrectable\b|\bECC error|\bXid\b|NODE_FAIL|CUDA driver|device-side/i;
/** KILL and TERM, as shells report them. */
const KILLED_CODES = new Set([137, 143]);

/** What became of a task: the worker's own word before the queue's, and its exit code before words in its output. */
export function verdictOf({ exit, seen, begun, output, step }: TaskEnd, atMs: number): Verdict {
  const code = exit?.code ?? seen.code;
  const base = {
    atMs,
    step,
    ...(code === undefined ? {} : { code }),
    ...(seen.node === undefined ? {} : { node: seen.node }),
    ...(exit === null ? {} : { error: exit.error }),
  };
  const says = seen.says === undefined ? '' : ` (${seen.says})`;
  const words = exit === null ? lastWords(output) : '';
  if (code === WORKER_EXIT.stopped) return { ...base, ending: 'stopped', why: `stopped from outside${says}` };
  if (code === WORKER_EXIT.input || code === WORKER_EXIT.notFinite)
    return { ...base, ending: 'fatal', why: exit?.error.message ?? `exit code ${code}${words}` };
  if (
    code === WORKER_EXIT.memory ||
    MEMORY_WORDS.test(seen.says ?? '') ||
    (exit === null && MEMORY_WORDS.test(words))
  )
    return { ...base, ending: 'memory', why: exit?.error.message ?? `out of memory${says}${words}` };
  if (exit !== null) return { ...base, ending: 'failed', why: exit.error.message };
  if (STOPPED_WORDS.test(seen.says ?? ''))
    return { ...base, ending: 'stopped', why: `stopped by the queue${says}` };
  if (code !== undefined && KILLED_CODES.has(code))
    return { ...base, ending: 'failed', why: `killed from outside, exit code ${code}${says}${words}` };
  if (code !== undefined && code !== 0)
    return { ...base, ending: 'failed', why: `exit code ${code}${says}${words}` };
  const trace = begun
    ? 'ended without a result and without a word'
    : 'ended before its worker began: does the node see the run folder and winnow under the same paths?';
  return { ...base, ending: 'lost', why: `${trace}${says}${words}` };
}

/** Whether another node might do what this one could not. */
export function blamesNode({ why, error }: Pick<Verdict, 'why' | 'error'>, output: string): boolean {
  return NODE_WORDS.test(why) || NODE_WORDS.test(error?.message ?? '') || NODE_WORDS.test(output);
}

const WORDS_LINES = 8;
const WORDS_CHARS = 1_000;

function lastWords(output: string): string {
  const text = output.trimEnd().split('\n').slice(-WORDS_LINES).join('\n').slice(-WORDS_CHARS);
  return text === '' ? '' : `. Its last words:\n${text.replace(/^/gm, '  ')}`;
}
