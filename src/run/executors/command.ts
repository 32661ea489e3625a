import type { z } from 'zod';
import { inputError, machineError } from '../../base/errors.ts';
import type { Batch, Executor, Job, Observation } from '../executor.ts';
import type { executor as section } from '../schema-engine.ts';
import { runShell, type ShellResult } from './shell.ts';
import { sideBySide } from './side-by-side.ts';
import { fillTemplate, hasWord, parseTemplate, type Template } from './template.ts';

export type CommandConfig = z.infer<typeof section>['command'];

const LIMIT_MS = 60_000;
/** Commands at a time. */
const AT_ONCE = 4;
const SHOWN_CHARS = 500;

/** The words in braces that each command may use. */
export const COMMAND_WORDS = {
  submit: 'script name dir count cpus gpus memoryGB minutes atOnce exclude'.split(' '),
  poll: 'job name dir count'.split(' '),
  cancel: 'job name dir count index indexes'.split(' '),
  find: 'name dir count'.split(' '),
} as const;

/** sh's own codes for what it cannot read, may not run and does not find; and what a script says for wrong input. */
const FOR_GOOD = [2, 126, 127];
const GONE =
  /not found|no such|unknown|unrecogni[sz]ed|invalid job|does ?n[o']t exist|already|completed|finished|terminated|has ended/i;

/** Hands tasks to any queue, by commands of the user's own (docs/executors.md). */
export function createCommand(config: CommandConfig, { limitMs = LIMIT_MS } = {}): Executor {
  const read = (key: keyof typeof COMMAND_WORDS) => {
    const text = config[key];
    return text === null ? null : parseTemplate(`executor.command.${key}`, text, COMMAND_WORDS[key]);
  };
  const [submit, poll, cancel, find] = [read('submit'), read('poll'), read('cancel'), read('find')];
  if (submit === null || poll === null) {
    const missing = submit === null ? 'submit' : 'poll';
    throw inputError('executor-template', `executor command needs executor.command.${missing}`, {
      need: COMMAND_WORDS[missing].map((word) => `{${word}}`).join(' '),
      remedy: 'docs/executors.md says what it does and has examples',
    });
  }
  if (cancel !== null && !hasWord(cancel, 'index') && !hasWord(cancel, 'indexes')) {
    throw inputError('executor-template', 'executor.command.cancel must say which tasks it takes back', {
      need: '{index} or {indexes}',
      got: cancel.text,
    });
  }

  const run = (template: Template, values: Readonly<Record<string, string>>) =>
    runShell(fillTemplate(template, values), limitMs);

  const pollOne = async ({ batch, handle }: Job): Promise<readonly Observation[]> => {
    const result = await run(poll, { ...placeWords(batch), job: handle });
    if (result.code === 0) return parseStates(result.stdout, batch.count);
    return Array.from({ length: batch.count }, () => ({
      state: 'unknown',
      says: howItEnded(result, limitMs),
    }));
  };

  return {
    kind: 'command',

    async submit(batch) {
      const { asks } = batch;
      const result = await run(submit, {
        ...placeWords(batch),
        script: batch.script,
        cpus: String(asks.cpus),
        gpus: String(asks.gpus),
        memoryGB: String(asks.memoryGB ?? ''),
        minutes: String(asks.minutes ?? ''),
        atOnce: String(asks.atOnce ?? ''),
        exclude: asks.exclude.join(','),
      });
      if (result.code !== 0) {
        if (result.code !== null && FOR_GOOD.includes(result.code)) {
          throw inputError('queue-refused', 'executor.command.submit refused the batch', {
            got: howItEnded(result, limitMs),
            command: submit.text,
            remedy: `Try the command by hand; the batch is ${batch.dir}`,
          });
        }
        throw unreachable('submit', result, limitMs);
      }
      const handle = lastWord(result.stdout);
      if (handle === null) {
        throw inputError('queue-handle', 'executor.command.submit printed no handle', {
          need: 'the queue’s name of the batch as the last word of its last line',
          got: result.stdout + result.stderr,
          remedy: `The batch may be running: look for it in the queue. Its folder is ${batch.dir}`,
        });
      }
      return handle;
    },

    async find(batch) {
      if (find === null) return null;
      const result = await run(find, placeWords(batch));
      if (result.code !== 0) throw unreachable('find', result, limitMs);
      return lastWord(result.stdout);
    },

    poll: (jobs) => sideBySide(jobs, AT_ONCE, pollOne),

    async cancel({ batch, handle }, indexes) {
      if (indexes.length === 0) return;
      if (cancel === null) {
        throw inputError('executor-template', 'nothing says how tasks are taken back', {
          need: 'executor.command.cancel',
          remedy: `Take them back by the queue's own commands: batch ${batch.name}, handle ${handle}`,
        });
      }
      const values = { ...placeWords(batch), job: handle, indexes: indexes.join(',') };
      const each = hasWord(cancel, 'index') ? indexes.map(String) : [''];
      const results = await sideBySide(each, AT_ONCE, (index) => run(cancel, { ...values, index }));
      const failed = results.find(({ code, stdout, stderr }) => code !== 0 && !GONE.test(stdout + stderr));
      if (failed !== undefined) throw unreachable('cancel', failed, limitMs);
    },
  };
}

/**
 * What a poll command printed: `INDEX STATE [CODE] [on NODE] [: WORDS]`, a line each, or one word for all tasks; words
 * are the queue's own, such as `OOMKilled` or `preempted`, and count as hints. A task of which nothing is said is
 * unknown, with the first line that is neither.
 */
export function parseStates(text: string, count: number): readonly Observation[] {
  const found = new Map<number, Observation>();
  let strange: string | undefined;
  let all: Observation | undefined;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '') continue;
    const match =
      /^(?:(\d+)\s+)?(queued|running|held|ended)(?:\s+(\d+))?(?:\s+on\s+([^\s:]+))?(?:\s*:.*)?$/.exec(line) ??
      [];
    const [, index, state, code, node] = match;
    const observation = {
      state: state as Observation['state'],
      ...(code === undefined ? {} : { code: Number(code) }),
      ...(node === undefined ? {} : { node }),
      says: line,
    };
    if (state !== undefined && index === undefined) all = observation;
    else if (state !== undefined && Number(index) < count) found.set(Number(index), observation);
    else strange ??= line;
  }
  const rest: Observation =
    strange === undefined && found.size === 0 && all !== undefined
      ? all
      : {
          state: 'unknown',
          says:
            strange === undefined
              ? 'executor.command.poll says nothing of this task'
              : `executor.command.poll: ${strange.slice(0, SHOWN_CHARS)}`,
        };
  return Array.from({ length: count }, (_, index) => found.get(index) ?? rest);
}

function placeWords({ name, dir, count }: Batch): Record<'name' | 'dir' | 'count', string> {
  return { name, dir, count: String(count) };
}

function lastWord(text: string): string | null {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line.trim().split(/\s+/).at(-1) || null;
}

function howItEnded({ code, stdout, stderr, timedOut }: ShellResult, limitMs: number): string {
  const how = timedOut ? `no answer in ${limitMs / 1000} s` : `exit code ${code ?? 'none: killed'}`;
  const words = (stderr.trim() || stdout.trim()).slice(-SHOWN_CHARS);
  return words === '' ? how : `${how}: ${words}`;
}

function unreachable(key: string, result: ShellResult, limitMs: number) {
  const got = howItEnded(result, limitMs);
  return machineError('queue-unreachable', `executor.command.${key} failed: ${got}`, {
    remedy: 'It is tried again',
  });
}
