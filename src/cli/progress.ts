/** Where progress is written: stderr, or what a test gives. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  readonly stream?: ProgressStream;
  /** Write nothing at all. */
  readonly quiet?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  readonly nowMs?: () => number;
}

export interface StageOptions {
  /** Pieces of equal size that the stage consists of (units of a pool, files …). */
  readonly parts?: number;
  /** What is counted, for the rate: steps, pairs, prompts … */
  readonly what?: string;
}

/** Progress of one stage. */
export interface Stage {
  /** `part` has done `done` of `total`; `detail` is shown behind (a loss, a name). */
  update(part: string, done: number, total: number, detail?: string): void;
  /** `part` was done before this began. */
  reuse(part: string): void;
  /** The stage is done: one line remains on the screen. */
  end(note?: string): void;
}

export interface Progress {
  stage(title: string, options?: StageOptions): Stage;
  /** One line of talk, above the progress. */
  note(text: string): void;
  /** Takes an unfinished line off the screen (after an error or Ctrl-C). */
  close(): void;
}

const BAR_CELLS = 20;
/** A terminal line is redrawn at most this often. */
const REDRAW_MS = 100;
/** Without a terminal: a line when this much time has passed or a tenth more is done, whichever comes first. */
const LINE_MS = 5_000;
const tenths = (share: number) => Math.floor(10 * share + 1e-9);

/**
 * Progress on stderr: one line a stage that renews itself on a terminal, plain lines elsewhere. Colour only on a
 * terminal and without NO_COLOR (no-color.org).
 */
export function createProgress(options: ProgressOptions = {}): Progress {
  const { quiet = false, env = process.env, nowMs = Date.now } = options;
  const stream = options.stream ?? process.stderr;
  const live = stream.isTTY === true && env.TERM !== 'dumb';
  const dim = (text: string) => (live && !env.NO_COLOR ? `\u001b[2m${text}\u001b[22m` : text);
  let drawn = false;
  const write = (text: string) => {
    if (!quiet) stream.write(text);
  };
  const clear = () => {
    if (drawn) write('\r\u001b[2K');
    drawn = false;
  };
  const line = (text: string) => {
    clear();
    write(`${text}\n`);
  };

  const stage = (title: string, { parts = 1, what = '' }: StageOptions = {}): Stage => {
    const seen = new Map<string, { done: number; total: number }>();
    /** What was there at the first word of each part: a resumed part has not just done all that. */
    const before = new Map<string, { done: number; share: number }>();
    const begunMs = nowMs();
    let shownMs = Number.NEGATIVE_INFINITY;
    let shownShare = 0;
    let reused = 0;
    return {
      reuse(part) {
        seen.set(part, { done: 1, total: 1 });
        before.set(part, { done: 1, share: 1 });
        reused++;
      },
      update(part, done, total, detail = '') {
        seen.set(part, { done, total });
        if (!before.has(part))
          before.set(part, { done: done > 1 ? done : 0, share: done > 1 ? done / total : 0 });
        const state = sum(seen, before, parts);
        const passedMs = nowMs() - shownMs;
        const due = live
          ? passedMs >= REDRAW_MS
          : passedMs >= LINE_MS || tenths(state.share) > tenths(shownShare);
        if (!due) return;
        shownMs = nowMs();
        shownShare = state.share;
        const elapsedMs = shownMs - begunMs;
        const counted = parts === 1 ? `${done}/${total}${what && ` ${what}`}` : `${state.finished}/${parts}`;
        const facts = [counted, rate(state.doneNow, elapsedMs, what), left(state, elapsedMs), detail].filter(
          (fact) => fact !== '',
        );
        const percent = `${Math.floor(100 * state.share)} %`;
        if (!live) {
          line(`${title}: ${percent}, ${facts.join(', ')}`);
          return;
        }
        clear();
        const head = `${title} ${bar(state.share)} ${percent.padStart(5)}`;
        const room = Math.max(0, (stream.columns ?? 80) - head.length - 2);
        write(`${head} ${dim(facts.join(' · ').slice(0, room))}`);
        drawn = true;
      },
      end(note = '') {
        const share = reused === seen.size ? 'all' : `${reused} of ${seen.size}`;
        const there = reused === 0 ? '' : `${share} there already`;
        const said = [`done in ${duration(nowMs() - begunMs)}`, there, note].filter((part) => part !== '');
        line(`${title}: ${said.join(', ')}`);
      },
    };
  };
  return { stage, note: line, close: clear };
}

interface State {
  /** Of the whole stage, 0 to 1. */
  readonly share: number;
  /** Of it, what was done since the stage began. */
  readonly shareNow: number;
  readonly doneNow: number;
  readonly finished: number;
}

function sum(
  seen: ReadonlyMap<string, { done: number; total: number }>,
  before: ReadonlyMap<string, { done: number; share: number }>,
  parts: number,
): State {
  let [share, shareNow, doneNow, finished] = [0, 0, 0, 0];
  for (const [part, { done, total }] of seen) {
    const own = total > 0 ? Math.min(1, done / total) : 1;
    share += own;
    shareNow += own - (before.get(part)?.share ?? 0);
    doneNow += done - (before.get(part)?.done ?? 0);
    if (own === 1) finished++;
  }
  const all = Math.max(parts, seen.size);
  return { share: share / all, shareNow: shareNow / all, doneNow, finished };
}

function rate(done: number, elapsedMs: number, what: string): string {
  if (done <= 0 || elapsedMs < 1000) return '';
  const perSecond = done / (elapsedMs / 1000);
  return perSecond >= 1 || what === ''
    ? `${perSecond.toPrecision(2)} ${what}/s`.replace(' /', '/')
    : `${(1 / perSecond).toPrecision(2)} s/${what.replace(/s$/, '')}`;
}

function left({ share, shareNow }: State, elapsedMs: number): string {
  if (shareNow <= 0 || elapsedMs < 1000 || share >= 1) return '';
  return `${duration((elapsedMs * (1 - share)) / shareNow)} left`;
}

/** `42 s`, `3 min 20 s`, `2 h 05 min` */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function bar(share: number): string {
  const full = Math.round(share * BAR_CELLS);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}
