import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Batch } from '../src/run/executor.ts';
import { createCommand } from '../src/run/executors/command.ts';
import { verdictOf } from '../src/run/task-end.ts';
import { type Job, KubeServer } from './kube-server.ts';

const root = mkdtempSync(join(tmpdir(), 'winnow-kube-'));
const folder = join(import.meta.dirname, '..', 'examples', 'executors', 'kubectl');
const queue = join(folder, 'queue.sh');
const golden = join(import.meta.dirname, 'golden', 'kubectl');
/** Older ones check fields in another way than the stand-in answers to. */
const OLDEST_MINOR = 27;
const hasKubectl = (() => {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], {
    encoding: 'utf8',
  });
  return status === 0 && Number.parseInt(JSON.parse(stdout).clientVersion.minor, 10) >= OLDEST_MINOR;
})();
const names = {
  WINNOW_IMAGE: 'registry.example/winnow:1',
  WINNOW_VOLUME: 'team data',
  WINNOW_MOUNT: '/data',
};
const saved = { ...process.env };
Object.assign(process.env, names);
afterAll(() => {
  process.env = saved;
  rmSync(root, { recursive: true, force: true });
});

function manifest(...words: readonly (string | number)[]): string {
  const made = spawnSync('sh', [queue, 'manifest', ...words.map(String)], { encoding: 'utf8' });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  return made.stdout;
}

describe('the Job of a batch', () => {
  const name = 'winnow-0123456789ab';
  it.each([
    ['cpus', [name, '/data/run/jobs/b/job.sh', 6, '/data/run/jobs/b', 4, 0, '', '', '', '']],
    ['gpus', [name, '/data/run/jobs/b/job.sh', 6, '/data/run/jobs/b', 32, 8, 256, 90, 2, 'node-1,node-2']],
    [
      'words',
      [name, `/data/it's a "run" $HOME/job.sh`, 1, `/data/it's a "run" $HOME`, 4, 1, '', '', '', 'n'],
    ],
  ])('is as before: %s', (file, words) => {
    const made = manifest(...words);
    if (process.env.UPDATE_GOLDEN === '1') {
      mkdirSync(golden, { recursive: true });
      writeFileSync(join(golden, `${file}.yaml`), made);
    }
    expect(made).toBe(readFileSync(join(golden, `${file}.yaml`), 'utf8'));
  });

  it('says in YAML what was asked for', () => {
    const odd = `/data/it's a "run" $HOME`;
    const { metadata, spec } = parse(manifest(name, `${odd}/job.sh`, 6, odd, 32, 8, 256, 90, 2, 'a,b'));
    expect(metadata.name).toBe(name);
    // One try of each index: winnow alone decides about another.
    expect(spec).toMatchObject({
      completionMode: 'Indexed',
      completions: 6,
      parallelism: 2,
      backoffLimitPerIndex: 0,
      podReplacementPolicy: 'Failed',
    });
    const pod = spec.template.spec;
    expect(pod).toMatchObject({ restartPolicy: 'Never', activeDeadlineSeconds: 5400 });
    const [container] = pod.containers;
    expect(container.resources).toEqual({
      requests: { cpu: 32, memory: '256G' },
      limits: { 'nvidia.com/gpu': 8, memory: '256G' },
    });
    expect(container.env).toEqual([
      { name: 'WINNOW_SCRIPT', value: `${odd.replace('$', '$$$$')}/job.sh` },
      { name: 'WINNOW_BATCH', value: odd.replace('$', '$$$$') },
    ]);
    expect(pod.volumes[0].persistentVolumeClaim.claimName).toBe('team data');
    const terms = pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
    expect(terms[0].matchExpressions[0]).toEqual({
      key: 'kubernetes.io/hostname',
      operator: 'NotIn',
      values: ['a', 'b'],
    });
    const plain = parse(manifest(name, '/j', 6, '/d', 4, 0, '', '', '', ''));
    expect(plain.spec.parallelism).toBe(6);
    expect(plain.spec.template.spec.affinity).toBeUndefined();
    expect(plain.spec.template.spec.containers[0].resources).toEqual({ requests: { cpu: 4 }, limits: {} });
  });

  it('is refused without an image', () => {
    const env = { ...process.env, WINNOW_IMAGE: '' };
    const { status, stderr } = spawnSync('sh', [queue, 'manifest', 'n'], { encoding: 'utf8', env });
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('WINNOW_IMAGE') });
  });
});

describe.skipIf(!hasKubectl)(
  'the kubectl example (needs kubectl 1.27 or newer; the API server is a stand-in)',
  () => {
    const server = new KubeServer();
    const executor = createCommand(
      parse(readFileSync(join(folder, 'winnow.yaml'), 'utf8').replaceAll('queue.sh', queue)).executor.command,
    );
    const asks = { cpus: 1, gpus: 0, memoryGB: null, minutes: null, atOnce: null, exclude: [] };
    let batches = 0;

    beforeAll(async () => {
      const config = join(root, 'kube.conf');
      const url = await server.start();
      writeFileSync(
        config,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Config',
          clusters: [{ name: 'here', cluster: { server: url } }],
          contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
          users: [{ name: 'me', user: {} }],
          'current-context': 'here',
        }),
      );
      process.env.KUBECONFIG = config;
      process.env.HOME = root;
    });
    afterAll(() => server.stop());

    function batchOf(script: string, count: number, more: Partial<Batch['asks']> = {}): Batch {
      const dir = join(root, `it's $(HOME) $$ ${++batches}`);
      mkdirSync(dir);
      writeFileSync(join(dir, 'job.sh'), `cd "$(dirname "$0")"\n${script}\n`);
      return {
        name: `winnow-${batches}`,
        dir,
        script: join(dir, 'job.sh'),
        count,
        asks: { ...asks, ...more },
      };
    }
    const states = async (batch: Batch) =>
      ((await executor.poll([{ batch, handle: batch.name }]))[0] ?? []).map(({ state, code, node }) =>
        [state, code, node].filter((part) => part !== undefined).join(' '),
      );
    async function comesTo(batch: Batch, expected: readonly string[]) {
      for (let i = 0; i < 100 && (await states(batch)).join() !== expected.join(); i++) await sleep(100);
      expect(await states(batch)).toEqual(expected);
    }

    it('runs a batch, no more at once than asked for, and says how each task ended', async () => {
      const batch = batchOf(
        'touch on.$1; sleep 0.3; ls on.* | wc -l > $1.seen; rm on.$1; exit $((85 * ($1 == 1)))',
        4,
        {
          atOnce: 2,
        },
      );
      expect(await executor.submit(batch)).toBe(batch.name);
      expect(await states(batch)).toContain('queued');
      await comesTo(batch, ['ended 0 node-a', 'ended 85 node-a', 'ended 0 node-a', 'ended 0 node-a']);
      for (let i = 0; i < 4; i++)
        expect(Number(readFileSync(join(batch.dir, `${i}.seen`), 'utf8'))).toBeLessThanOrEqual(2);
      const sent = server.jobs.get(batch.name) as Job;
      expect(sent.spec).toEqual(parse(readFileSync(join(batch.dir, 'manifest.yaml'), 'utf8')).spec);
    }, 60_000);

    it('finds a batch that was submitted before, and submits it once', async () => {
      const batch = batchOf('echo $1 >> ran; sleep 60', 2);
      expect(await executor.find(batch)).toBeNull();
      await executor.submit(batch);
      expect(await executor.find(batch)).toBe(batch.name);
      expect(await executor.submit(batch)).toBe(batch.name);
      await comesTo(batch, ['running node-a', 'running node-a']);
      expect(readFileSync(join(batch.dir, 'ran'), 'utf8').trim().split('\n').sort()).toEqual(['0', '1']);
      // An eviction: the pod is gone, its index has failed.
      server.evict(batch.name, 1);
      await comesTo(batch, ['running node-a', 'ended']);
      // Nothing is left of the Job: what ran of it does not run any more.
      await executor.cancel({ batch, handle: batch.name }, [0, 1]);
      await comesTo(batch, ['ended', 'ended']);
      expect(server.jobs.has(batch.name)).toBe(false);
    }, 60_000);

    it('hands on why the cluster ended a task', async () => {
      const batch = batchOf('exec sleep 60', 3);
      await executor.submit(batch);
      await comesTo(batch, ['running node-a', 'running node-a', 'running node-a']);
      server.end(batch.name, 0, { terminated: 'OOMKilled' });
      server.end(batch.name, 1, { pod: 'DeadlineExceeded' });
      server.end(batch.name, 2, { disruption: 'PreemptionByScheduler' });
      await comesTo(batch, ['ended 137 node-a', 'ended 137 node-a', 'ended 137 node-a']);
      const seen = (await executor.poll([{ batch, handle: batch.name }]))[0] ?? [];
      const endings = seen.map(
        (one) => verdictOf({ exit: null, seen: one, begun: true, output: '', step: 0 }, 0).ending,
      );
      expect(endings).toEqual(['memory', 'stopped', 'stopped']);
    }, 60_000);

    it('takes back a task that runs and one that has not begun', async () => {
      const batch = batchOf('touch $1.begun; exec sleep 60', 3, { atOnce: 1 });
      await executor.submit(batch);
      await comesTo(batch, ['running node-a', 'queued', 'queued']);
      await executor.cancel({ batch, handle: batch.name }, [0, 1]);
      await comesTo(batch, ['ended', 'ended 143 node-a', 'running node-a']);
      expect([0, 1, 2].map((i) => existsSync(join(batch.dir, `${i}.begun`)))).toEqual([true, false, true]);
      await executor.cancel({ batch, handle: batch.name }, [2]);
      expect(server.jobs.has(batch.name)).toBe(false);
      // Once more does no harm.
      await executor.cancel({ batch, handle: batch.name }, [2]);
    }, 60_000);

    it('holds what waits for somebody, and knows nothing of a server that does not answer', async () => {
      server.waiting = 'ImagePullBackOff';
      const batch = batchOf('true', 1);
      await executor.submit(batch);
      expect(await states(batch)).toEqual(['held node-a']);
      server.waiting = null;
      server.down = true;
      expect(await states(batch)).toEqual(['unknown']);
      await expect(executor.submit(batchOf('true', 1))).rejects.toMatchObject({ kind: 'machine' });
      server.down = false;
      expect(await states(batch)).toEqual(['held node-a']);
    }, 60_000);
  },
);
