import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Observation } from '../src/run/executor.ts';
import { createCommand } from '../src/run/executors/command.ts';

const SSHD = '/usr/sbin/sshd';
const hasSshd = existsSync(SSHD) && spawnSync('ssh', ['-V']).status === 0;
const root = mkdtempSync(join(tmpdir(), 'winnow-ssh-'));
const script = join(import.meta.dirname, '..', 'examples', 'executors', 'ssh', 'queue.sh');

describe.skipIf(!hasSshd)('executor command by ssh (needs openssh-server and a client)', () => {
  let daemon: ChildProcess;
  const saved = { ...process.env };

  beforeAll(async () => {
    const port = await freePort();
    for (const name of ['host', 'user'])
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(root, name)]);
    writeFileSync(join(root, 'authorized'), readFileSync(join(root, 'user.pub')));
    chmodSync(join(root, 'authorized'), 0o600);
    const keys = {
      Port: port,
      ListenAddress: '127.0.0.1',
      HostKey: join(root, 'host'),
      AuthorizedKeysFile: join(root, 'authorized'),
      PidFile: join(root, 'sshd.pid'),
      StrictModes: 'no',
      UsePAM: 'no',
      PasswordAuthentication: 'no',
    };
    writeFileSync(join(root, 'sshd.conf'), lines(keys));
    mkdirSync('/run/sshd', { recursive: true });
    daemon = spawn(SSHD, ['-D', '-f', join(root, 'sshd.conf')], { stdio: 'ignore' });
    const client = {
      HostName: '127.0.0.1',
      Port: port,
      User: userInfo().username,
      IdentityFile: join(root, 'user'),
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
    };
    writeFileSync(join(root, 'ssh.conf'), `Host one two\n${lines(client)}`);
    process.env.WINNOW_SSH = `ssh -F ${join(root, 'ssh.conf')}`;
    process.env.WINNOW_HOSTS = 'one two';
    for (let i = 0; i < 100; i++) {
      if (spawnSync('ssh', ['-F', join(root, 'ssh.conf'), '-o', 'BatchMode=yes', 'one', 'true']).status === 0)
        return;
      await sleep(100);
    }
    throw new Error('sshd does not come up');
  }, 60_000);
  afterAll(() => {
    daemon?.kill('SIGKILL');
    process.env = saved;
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  const executor = () =>
    createCommand({
      submit: `sh ${script} submit {script} {count} {dir}`,
      poll: `sh ${script} poll {dir} {count}`,
      cancel: `sh ${script} cancel {dir} {index}`,
      find: `sh ${script} find {dir}`,
    });
  /** Tasks 0 and 2 end well, 1 with code 7, 3 runs until it is taken back; in a folder that needs quoting. */
  const batchOf = (name: string): Batch => {
    const dir = join(root, `${name} it's`);
    mkdirSync(dir);
    const job = join(dir, 'job.sh');
    writeFileSync(job, 'case $1 in 1) exit 7;; 3) exec sleep 300;; esac\nexit 0\n');
    const asks = { cpus: 1, gpus: 0, memoryGB: null, minutes: null, atOnce: null, exclude: [] };
    return { name, dir, script: job, count: 4, asks };
  };
  const seenWhen = async (job: { batch: Batch; handle: string }, states: string) => {
    let seen: readonly Observation[] = [];
    for (let i = 0; i < 100; i++) {
      seen = (await executor().poll([job]))[0] ?? [];
      if (seen.map(({ state }) => state).join() === states) return seen;
      await sleep(100);
    }
    throw new Error(`seen instead: ${JSON.stringify(seen)}`);
  };

  it('runs tasks on the hosts in turn, tells their codes, takes one back', async () => {
    const batch = batchOf('winnow-1');
    expect(await executor().find(batch)).toBeNull();
    const job = { batch, handle: await executor().submit(batch) };
    const seen = await seenWhen(job, 'ended,ended,ended,running');
    expect(seen.map(({ node }) => node)).toEqual(['one', 'two', 'one', 'two']);
    expect(seen.map(({ code }) => code)).toEqual([0, 7, 0, undefined]);
    expect(await executor().find(batch)).toBe('submitted');
    await executor().cancel(job, [0, 3]);
    expect((await seenWhen(job, 'ended,ended,ended,ended'))[3]?.code).toBe(143);
  }, 60_000);

  it('says nothing of a task whose host cannot be asked, and does not submit to it', async () => {
    const batch = batchOf('winnow-2');
    const job = { batch, handle: await executor().submit(batch) };
    await seenWhen(job, 'ended,ended,ended,running');
    process.env.WINNOW_SSH = `ssh -p 9 -F ${join(root, 'ssh.conf')}`;
    const [seen] = await executor().poll([job]);
    expect(seen?.[3]?.state).toBe('unknown');
    await expect(executor().submit(batchOf('winnow-3'))).rejects.toMatchObject({ code: 'queue-unreachable' });
    process.env.WINNOW_SSH = `ssh -F ${join(root, 'ssh.conf')}`;
    await executor().cancel(job, [3]);
    await seenWhen(job, 'ended,ended,ended,ended');
  }, 60_000);
});

function lines(keys: Readonly<Record<string, string | number>>): string {
  return Object.entries(keys)
    .map(([key, value]) => `${key} ${value}\n`)
    .join('');
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createServer();
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => resolve(port));
    });
  });
}
