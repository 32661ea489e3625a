import { createInterface } from 'node:readline';

/** Answers of a person: single keys at a terminal, lines through a pipe. null: there are no more. */
export interface Answers {
  /** Whether keys are pressed one at a time, so that a note is asked for apart. */
  readonly keys: boolean;
  next(): Promise<string | null>;
  /** A whole line, also at a terminal. */
  line(): Promise<string | null>;
  close(): void;
}

/** Reads from stdin until `signal` aborts, and then throws its AbortError. */
export function openAnswers(signal: AbortSignal, input: NodeJS.ReadStream = process.stdin): Answers {
  const waiting: ((value: string | null) => void)[] = [];
  const held: string[] = [];
  let ended = false;
  const give = (value: string | null) => {
    const first = waiting.shift();
    if (first !== undefined) first(value);
    else if (value !== null) held.push(value);
  };
  const end = () => {
    ended = true;
    while (waiting.length > 0) give(null);
  };
  const take = async (): Promise<string | null> => {
    signal.throwIfAborted();
    const first = held.shift();
    if (first !== undefined) return first;
    if (ended) return null;
    const value = await new Promise<string | null>((resolve) => waiting.push(resolve));
    signal.throwIfAborted();
    return value;
  };
  signal.addEventListener('abort', end);
  if (!input.isTTY) {
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', give);
    lines.on('close', end);
    return { keys: false, next: take, line: take, close: () => lines.close() };
  }
  const onKey = (data: Buffer) => {
    const text = data.toString('utf8');
    // Ctrl-C and Ctrl-D reach a terminal in raw mode as characters.
    if (text.includes('\u0003') || text.includes('\u0004')) end();
    else give(text);
  };
  const listen = () => {
    input.setRawMode(true);
    input.resume();
    input.on('data', onKey);
  };
  const leave = () => {
    input.off('data', onKey);
    input.setRawMode(false);
    input.pause();
  };
  listen();
  return {
    keys: true,
    next: take,
    async line() {
      leave();
      const lines = createInterface({ input, output: process.stderr });
      try {
        return await new Promise<string | null>((resolve) => {
          lines.question('note: ', resolve);
          lines.on('close', () => resolve(null));
        });
      } finally {
        lines.close();
        listen();
      }
    },
    close: leave,
  };
}
