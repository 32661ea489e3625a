import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Batch } from '../src/run/executor.ts';
import { createCommand, parseStates } from '../src/run/executors/command.ts';
import { parseTemplate } from '../src/run/executors/template.ts';
import { shellQuote } from '../src/run/job-script.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-command-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const NOTHING = { submit: null, poll: null, cancel: null, find: null };
const asks = { cpus: 4, gpus: 0, memoryGB: null, minutes: 90, atOnce: null, exclude: ['n1', 'n2'] };

function batchIn(folder: string, count = 3): Batch {
  const dir = join(root, folder);
  mkdirSync(dir, { recursive: true });
  return { name: 'winnow-0123456789ab', dir, script: join(dir, 'job.sh'), count, asks };
}

describe('templates', () => {
  it('every value arrives as one word, whatever is in it', async () => {
    const batch = batchIn(`it's a "$HOME" \`dir\`; \\ \${x} *`);
    const file = join(root, 'words');
    const executor = createCommand({
      ...NOTHING,
      submit: `printf '%s\\n' {script} {name} {dir} {count} {cpus} {gpus} {memoryGB} {minutes} {atOnce} {exclude} > ${file}; echo Submitted as 77`,
      poll: 'true',
    });
    expect(await executor.submit(batch)).toBe('77');
    expect(readFileSync(file, 'utf8').split('\n')).toEqual([
      batch.script,
      batch.name,
      batch.dir,
      '3',
      '4',
      '0',
      '',
      '90',
      '',
      'n1,n2',
      '',
    ]);
  });

  it('braces of the shell stay the shell’s', async () => {
    const executor = createCommand({
      ...NOTHING,
      submit: `m={memoryGB}; t={minutes}; echo a:\${m:+-m$m}:\${t}-{{name}}-$(echo 'x y' | awk '{print $2}')`,
      poll: 'true',
    });
    expect(await executor.submit(batchIn('shell'))).toBe('a::90-{name}-y');
  });

  it('refuses unknown words, words in quotes and what is missing', () => {
    const make = (part: object) => () => createCommand({ ...NOTHING, submit: 's', poll: 'p', ...part });
    expect(make({ submit: 'qsub {scrip}' })).toThrow(
      /executor\.command\.submit.*\{script\} \{name\}.*\{scrip\}/s,
    );
    expect(make({ poll: 'qstat {script}' })).toThrow(/executor\.command\.poll.*\{job\}/s);
    expect(make({ submit: `ssh login 'qsub {script}'` })).toThrow(/between quotes/);
    expect(make({ submit: `qsub "{script}"` })).toThrow(/Leave the quotes out/);
    expect(make({ submit: null })).toThrow(/needs executor\.command\.submit/);
    expect(make({ poll: null })).toThrow(/needs executor\.command\.poll/);
    expect(make({ cancel: 'qdel {job}' })).toThrow(/\{index\} or \{indexes\}/);
    expect(make({ submit: `echo it\\'s {script}` })).not.toThrow();
  });

  it('quotes only what needs it', () => {
    expect(shellQuote('/a/b-c_1.sh')).toBe('/a/b-c_1.sh');
    expect(shellQuote('')).toBe("''");
    expect(shellQuote("a'b")).toBe(`'a'\\''b'`);
    expect(shellQuote('a\nb')).toBe("'a\nb'");
    expect(parseTemplate('k', 'a {x}{y}', ['x', 'y']).pieces).toEqual(['a ', 'x', '', 'y', '']);
  });
});

describe('what poll prints', () => {
  const brief = (text: string, count = 3) =>
    parseStates(text, count).map(({ state, code, node }) =>
      [state, code, node].filter((part) => part !== undefined).join(' '),
    );

  it('is a line each, or one word for all', () => {
    expect(brief('2 ended 85\n0 queued\n\n  1 running on n7 \n')).toEqual([
      'queued',
      'running n7',
      'ended 85',
    ]);
    expect(brief('held\n')).toEqual(['held', 'held', 'held']);
    expect(brief('1 ended 1 on n3\n')).toEqual(['unknown', 'ended 1 n3', 'unknown']);
    // The queue's own words are handed on: they tell memory and preemption from other ends.
    expect(parseStates('1 ended 137 on n-3.x: OOMKilled', 2)[1]).toEqual({
      state: 'ended',
      code: 137,
      node: 'n-3.x',
      says: '1 ended 137 on n-3.x: OOMKilled',
    });
    expect(brief('0 held: ImagePullBackOff\n1 ended : evicted\n2 runningx', 3)).toEqual([
      'held',
      'ended',
      'unknown',
    ]);
  });

  it('is unknown otherwise, with the words shown', () => {
    expect(parseStates('1 running\nJob 7 is strange', 3)).toEqual([
      { state: 'unknown', says: 'executor.command.poll: Job 7 is strange' },
      { state: 'running', says: '1 running' },
      { state: 'unknown', says: 'executor.command.poll: Job 7 is strange' },
    ]);
    expect(brief('')).toEqual(['unknown', 'unknown', 'unknown']);
    expect(brief('3 ended 0')).toEqual(['unknown', 'unknown', 'unknown']);
    expect(brief('running\nwhat?')).toEqual(['unknown', 'unknown', 'unknown']);
  });
});

describe('faults', () => {
  const batch = batchIn('faults');
  const job = { batch, handle: 'h 1' };

  it.each([
    ['echo down >&2; exit 1', { kind: 'machine', code: 'queue-unreachable' }, /exit code 1: down/],
    ['echo no queue gpu >&2; exit 2', { kind: 'input', code: 'queue-refused' }, /no queue gpu/],
    ['winnow-no-such-command', { kind: 'input', code: 'queue-refused' }, /127/],
    ['true', { kind: 'input', code: 'queue-handle' }, /printed no handle/],
    ['sleep 60', { kind: 'machine', code: 'queue-unreachable' }, /no answer in 0\.3 s/],
  ])('submit: %s', async (submit, error, message) => {
    const fault = createCommand(
      { ...NOTHING, submit, poll: 'p' },
      { limitMs: submit === 'sleep 60' ? 300 : 9000 },
    );
    await expect(fault.submit(batch)).rejects.toMatchObject(error);
    await expect(fault.submit(batch)).rejects.toThrow(message);
  });

  it('a command that leaves something behind ends all the same', async () => {
    const executor = createCommand({ ...NOTHING, submit: 'sleep 20 & echo $!', poll: 'p' });
    const pid = Number(await executor.submit(batch));
    process.kill(pid);
  });

  it('poll never throws', async () => {
    const poll = async (command: string) =>
      (await createCommand({ ...NOTHING, submit: 's', poll: command }, { limitMs: 500 }).poll([job]))[0]?.[0];
    expect(await poll('echo away >&2; exit 2')).toEqual({ state: 'unknown', says: 'exit code 2: away' });
    expect(await poll('sleep 60')).toEqual({ state: 'unknown', says: 'no answer in 0.5 s' });
    expect(await poll('test {job} = "h 1" && echo running')).toMatchObject({ state: 'running' });
  });

  it('cancel takes what is gone for taken back, and nothing else', async () => {
    const cancel = async (command: string, indexes = [0, 2]) =>
      createCommand({ ...NOTHING, submit: 's', poll: 'p', cancel: command }).cancel(job, indexes);
    await cancel('echo job {index} does not exist >&2; exit 1');
    await expect(cancel('echo permission denied {indexes} >&2; exit 1')).rejects.toThrow(
      /permission denied 0,2/,
    );
    const file = join(root, 'cancelled');
    await cancel(`echo {job} {index} {indexes} >> ${file}`);
    expect(readFileSync(file, 'utf8').trim().split('\n').sort()).toEqual(['h 1 0 0,2', 'h 1 2 0,2']);
    await cancel('echo {index}; exit 1', []);
    await expect(cancel('exit 1')).rejects.toMatchObject({ code: 'executor-template', kind: 'input' });
    await expect(createCommand({ ...NOTHING, submit: 's', poll: 'p' }).cancel(job, [0])).rejects.toThrow(
      /executor\.command\.cancel/,
    );
  });

  it('find: a handle, nothing, or a fault', async () => {
    const find = (command: string | null) =>
      createCommand({ ...NOTHING, submit: 's', poll: 'p', find: command }).find(batch);
    expect(await find('echo id {name}')).toBe(batch.name);
    expect(await find('true')).toBeNull();
    expect(await find(null)).toBeNull();
    await expect(find('exit 1')).rejects.toMatchObject({ code: 'queue-unreachable' });
  });
});
