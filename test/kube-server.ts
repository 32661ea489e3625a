import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** As much of a Job as is looked at. */
export interface Job {
  readonly metadata: { readonly name: string; readonly uid?: string };
  readonly spec: {
    readonly completions: number;
    readonly parallelism: number;
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly command: readonly string[];
          readonly env: readonly { readonly name: string; readonly value: string }[];
        }[];
      };
    };
  };
}

interface Pod {
  readonly job: string;
  readonly index: number;
  readonly child: ChildProcess | null;
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  code: number | null;
  waiting: string | null;
  /** Why the cluster ended it: of the container, of the pod, of a disruption. */
  why: { readonly terminated?: string; readonly pod?: string; readonly disruption?: string };
}

/**
 * The part of a Kubernetes API server that `kubectl create`, `get` and `delete` of Jobs and their pods ask, with a
 * controller of Indexed Jobs whose pods are processes of this machine: at most `parallelism` at a time, an index whose
 * pod fails or is deleted is a failed one (backoffLimitPerIndex: 0). Images and volumes are not looked at.
 */
export class KubeServer {
  readonly jobs = new Map<string, Job>();
  readonly #pods = new Map<string, Pod>();
  readonly #over = new Map<string, Map<number, boolean>>();
  #server: Server | undefined;
  /** What is answered instead, while it is set. */
  down = false;
  /** Why pods that start now do not run. */
  waiting: string | null = null;
  readonly requests: string[] = [];

  async start(): Promise<string> {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += String(part);
      });
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'http://kube');
        this.requests.push(`${request.method} ${url.pathname}${url.search}`);
        const [status, answer] = this.down
          ? [503, failure(503, 'ServiceUnavailable', 'the server is currently unable to handle the request')]
          : this.#answer(request.method ?? 'GET', url, body);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => {
      this.#server?.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const { child } of this.#pods.values()) kill(child, 'SIGKILL');
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  /** The pod of a task is evicted: asked to stop, and gone when it has. */
  evict(job: string, index: number): void {
    const pod = this.#pods.get(`${job}-${index}`);
    if (pod === undefined) throw new Error(`no pod of ${job} ${index}`);
    kill(pod.child, 'SIGTERM');
    this.#pods.delete(`${job}-${index}`);
    if (pod.child === null) this.#end(pod, null);
  }

  /** The cluster ends a pod, which stays to be looked at. */
  end(job: string, index: number, why: Pod['why']): void {
    const pod = this.#pods.get(`${job}-${index}`);
    if (pod === undefined) throw new Error(`no pod of ${job} ${index}`);
    pod.why = why;
    kill(pod.child, 'SIGKILL');
  }

  #answer(method: string, url: URL, body: string): [number, unknown] {
    const path = url.pathname;
    const namespaced = /^\/(?:api|apis\/batch)\/v1\/namespaces\/default\/(jobs|pods)(?:\/(.+))?$/.exec(path);
    if (namespaced === null) return method === 'GET' ? [200, discovery(path)] : notFound(path);
    const [, kind, name] = namespaced;
    if (kind === 'jobs' && method === 'POST') return this.#create(JSON.parse(body) as Job);
    if (kind === 'jobs' && name !== undefined) {
      const job = this.jobs.get(name);
      if (job === undefined) return notFound(name);
      if (method === 'DELETE') this.#deleteJob(name);
      return [200, this.#shown(job)];
    }
    if (kind === 'pods') {
      const matches = selector(url.searchParams.get('labelSelector') ?? '');
      const pods = [...this.#pods.entries()].filter(([, pod]) => matches(labelsOf(pod)));
      if (method === 'GET' && name === undefined)
        return [200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods.map(shownPod) }];
      const pod = this.#pods.get(name ?? '');
      if (method !== 'DELETE' || pod === undefined) return notFound(name ?? path);
      this.evict(pod.job, pod.index);
      return [200, shownPod([name as string, pod])];
    }
    return notFound(path);
  }

  #create(job: Job): [number, unknown] {
    const { name } = job.metadata;
    if (this.jobs.has(name))
      return [409, failure(409, 'AlreadyExists', `jobs.batch "${name}" already exists`)];
    this.jobs.set(name, { ...job, metadata: { ...job.metadata, uid: name } });
    this.#over.set(name, new Map());
    this.#fill(name);
    return [201, this.#shown(job)];
  }

  #deleteJob(name: string): void {
    this.jobs.delete(name);
    for (const [id, pod] of this.#pods) {
      if (pod.job !== name) continue;
      kill(pod.child, 'SIGTERM');
      this.#pods.delete(id);
    }
  }

  /** Starts pods up to the Job's parallelism. */
  #fill(name: string): void {
    const job = this.jobs.get(name);
    if (job === undefined) return;
    const over = this.#over.get(name) as Map<number, boolean>;
    const { completions, parallelism, template } = job.spec;
    const lives = () =>
      [...this.#pods.values()].filter((pod) => pod.job === name && !over.has(pod.index)).length;
    for (let index = 0; index < completions && lives() < parallelism; index++) {
      if (over.has(index) || this.#pods.has(`${name}-${index}`)) continue;
      const { command, env } = template.spec.containers[0] as (typeof template.spec.containers)[0];
      const [program, ...args] = command as [string, ...string[]];
      const variables = Object.fromEntries(env.map((one) => [one.name, one.value.replaceAll('$$', '$')]));
      const child =
        this.waiting === null
          ? spawn(program, args, {
              detached: true,
              stdio: 'ignore',
              env: { ...process.env, ...variables, JOB_COMPLETION_INDEX: String(index) },
            })
          : null;
      const phase = child === null ? 'Pending' : 'Running';
      const pod: Pod = { job: name, index, child, phase, code: null, waiting: this.waiting, why: {} };
      this.#pods.set(`${name}-${index}`, pod);
      child?.on('close', (code, signal) => this.#end(pod, code ?? (signal === 'SIGKILL' ? 137 : 143)));
    }
  }

  #end(pod: Pod, code: number | null): void {
    pod.code = code;
    pod.phase = code === 0 ? 'Succeeded' : 'Failed';
    this.#over.get(pod.job)?.set(pod.index, code === 0);
    this.#fill(pod.job);
  }

  #shown(job: Job): object {
    const over = [...(this.#over.get(job.metadata.name) ?? [])];
    const indexes = (good: boolean) => ranges(over.filter(([, one]) => one === good).map(([index]) => index));
    const status = { completedIndexes: indexes(true), failedIndexes: indexes(false) };
    return { apiVersion: 'batch/v1', kind: 'Job', ...job, status };
  }
}

/** 0, 1, 2, 5 as the Job's status writes them: 0-2,5. */
function ranges(indexes: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}

function labelsOf({ job, index }: Pod): Record<string, string> {
  return {
    'batch.kubernetes.io/job-name': job,
    'batch.kubernetes.io/job-completion-index': String(index),
  };
}

function shownPod([name, pod]: [string, Pod]): object {
  const state =
    pod.waiting !== null
      ? { waiting: { reason: pod.waiting } }
      : pod.code === null
        ? { running: {} }
        : { terminated: { exitCode: pod.code, reason: pod.why.terminated ?? 'Error' } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: labelsOf(pod) },
    spec: { nodeName: 'node-a' },
    status: {
      phase: pod.phase,
      ...(pod.why.pod === undefined ? {} : { reason: pod.why.pod }),
      conditions: [
        { type: 'Ready', status: 'False' },
        ...(pod.why.disruption === undefined
          ? []
          : [{ type: 'DisruptionTarget', status: 'True', reason: pod.why.disruption }]),
      ],
      containerStatuses: [
        { name: 'sidecar', state: { running: {} } },
        { name: 'worker', state },
      ],
    },
  };
}

/** `a=b` and `a in (b,c)`, joined by commas. */
function selector(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const terms = [...text.matchAll(/([^\s,=()]+)(?:=([^,]+)| in \(([^)]*)\))/g)];
  return (labels) =>
    terms.every(([, key = '', one, several]) =>
      (several?.split(',') ?? [one]).includes(labels[key] as string),
    );
}

function kill(child: ChildProcess | null, signal: NodeJS.Signals): void {
  try {
    if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

function failure(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
}

function notFound(name: string): [number, object] {
  return [404, failure(404, 'NotFound', `"${name}" not found`)];
}

/** What there is to ask for, as kubectl wants to know it first; and that the server checks fields. */
function discovery(path: string): object {
  const group = {
    name: 'batch',
    versions: [{ groupVersion: 'batch/v1', version: 'v1' }],
    preferredVersion: { groupVersion: 'batch/v1', version: 'v1' },
  };
  const resource = (name: string, kind: string) => ({
    name,
    kind,
    singularName: kind.toLowerCase(),
    namespaced: true,
    verbs: ['create', 'delete', 'get', 'list'],
  });
  const list = (groupVersion: string, ...resources: object[]) => ({
    kind: 'APIResourceList',
    groupVersion,
    resources,
  });
  const kind = { group: 'batch', version: 'v1', kind: 'Job' };
  const parameters = [{ name: 'fieldValidation', in: 'query' }];
  const answers: Record<string, object> = {
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', groups: [group] },
    '/api/v1': list('v1', resource('pods', 'Pod')),
    '/apis/batch/v1': list('batch/v1', resource('jobs', 'Job')),
    '/openapi/v3': {
      paths: { 'apis/batch/v1': { serverRelativeURL: '/openapi/v3/apis/batch/v1' } },
    },
    '/openapi/v3/apis/batch/v1': {
      openapi: '3.0.0',
      info: { title: 'Kubernetes', version: 'v1.34' },
      paths: {
        '/apis/batch/v1/namespaces/{namespace}/jobs/{name}': {
          patch: { 'x-kubernetes-group-version-kind': kind, parameters },
        },
      },
    },
  };
  return answers[path] ?? failure(404, 'NotFound', path);
}
