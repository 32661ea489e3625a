import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WinnowError } from '../src/base/errors.ts';
import { isHubId } from '../src/base/hub-id.ts';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { hubName, modelFolder } from '../src/model/hub.ts';
import { completionLogProbs } from '../src/policy/log-probs.ts';
import { openPolicy } from '../src/policy/policy.ts';
import { packRows } from '../src/text/rows.ts';

const GOLDEN = join(import.meta.dirname, 'parity/golden');
const COMMIT = 'c0ffee'.padEnd(40, '0');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A hub of one model, with the routes that @huggingface/hub asks for. */
class FakeHub {
  readonly files = new Map<string, Buffer>();
  readonly asked: string[] = [];
  token: string | null = null;
  /** Serve this file with its last byte changed. */
  damaged = '';
  /** Stop in the middle of this file and stay silent. */
  stuck = '';
  readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => this.#answer(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  #entry(path: string) {
    const bytes = this.files.get(path) as Buffer;
    const large = path.endsWith('.safetensors');
    const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 130 };
    const oid = createHash('sha1').update(path).update(bytes).digest('hex');
    return { type: 'file', path, size: bytes.length, oid, ...(large ? { lfs } : {}) };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://hub');
    this.asked.push(`${request.method} ${url.pathname}`);
    const json = (status: number, body: unknown, headers = {}) => {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      json(401, { error: 'Access to model org/tiny is restricted.' }, { 'X-Error-Code': 'GatedRepo' });
      return;
    }
    const [, revision] = /^\/api\/models\/org\/tiny\/revision\/([^/]+)$/.exec(url.pathname) ?? [];
    if (revision !== undefined) {
      if (!['main', COMMIT].includes(revision)) json(404, { error: `Invalid rev id: ${revision}` });
      else json(200, { _id: '1', id: 'org/tiny', sha: COMMIT, lastModified: '2026-01-01T00:00:00.000Z' });
    } else if (url.pathname.startsWith('/api/models/org/tiny/tree/'))
      json(
        200,
        [...this.files.keys()].map((path) => this.#entry(path)),
      );
    else if (url.pathname.startsWith('/api/models/org/tiny/paths-info/')) {
      let body = '';
      request.on('data', (piece) => {
        body += piece;
      });
      request.on('end', () => {
        const { paths } = JSON.parse(body) as { paths: string[] };
        json(
          200,
          paths.map((path) => this.#entry(path)),
        );
      });
    } else if (url.pathname.startsWith('/org/tiny/resolve/')) {
      const path = url.pathname.split('/').slice(5).join('/');
      this.#send(path, request.headers.range, response);
    } else json(404, { error: 'Repository not found' });
  }

  #send(path: string, range: string | undefined, response: ServerResponse): void {
    const bytes = Buffer.from(this.files.get(path) as Buffer);
    if (path === this.damaged) bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    const part = from === undefined ? bytes : bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    response.writeHead(from === undefined ? 200 : 206, {
      ETag: `"${sha256(bytes)}"`,
      'Content-Length': part.length,
      ...(from === undefined
        ? {}
        : { 'Content-Range': `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}` }),
    });
    if (path === this.stuck && part.length > 1) response.write(part.subarray(0, part.length >> 1));
    else response.end(part);
  }
}

let root: string;
let hub: FakeHub;
let saved: NodeJS.ProcessEnv;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'winnow-hub-'));
  hub = new FakeHub();
  saved = { ...process.env };
  for (const name of ['HF_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE']) delete process.env[name];
  Object.assign(process.env, { HF_HOME: root, HF_ENDPOINT: await hub.listen() });
  serve('llama');
});
afterEach(() => {
  hub.server.closeAllConnections();
  hub.server.close();
  process.env = saved;
  rmSync(root, { recursive: true, force: true });
});

function serve(name: string): void {
  hub.files.clear();
  const folder = join(GOLDEN, name);
  for (const { name: file } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile()))
    if (!file.startsWith('expected')) hub.files.set(file, readFileSync(join(folder, file)));
  hub.files.set('tokenizer.json', Buffer.from('{}'));
  hub.files.set('README.md', Buffer.from('# not needed'));
  hub.files.set('pytorch_model.bin', Buffer.from('not needed'));
  hub.files.set('onnx/model.onnx', Buffer.from('not needed'));
}

async function fault(work: Promise<unknown>): Promise<WinnowError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const logProbsOf = async (folder: string) => {
  const policy = openPolicy(openCheckpoint(folder), { trained: { method: 'none' }, threads: 1 });
  const completions = [Int32Array.of(4, 5), Int32Array.of(6)];
  const sums = await completionLogProbs(policy, packRows([{ prompt: Int32Array.of(1, 2, 3), completions }]));
  await policy.dispose();
  return sums;
};

describe('modelFolder', () => {
  it.each(['llama', 'llama-sharded'])('downloads %s once, into a cache as Python keeps it', async (name) => {
    serve(name);
    const progress: [number, number][] = [];
    const folder = await modelFolder('org/tiny', { onProgress: (...step) => progress.push(step) });
    expect(folder).toBe(join(root, 'hub/models--org--tiny/snapshots', COMMIT));
    expect(readFileSync(join(root, 'hub/models--org--tiny/refs/main'), 'utf8')).toBe(COMMIT);
    expect(readdirSync(folder)).not.toContain('pytorch_model.bin');
    expect(readdirSync(folder)).not.toContain('onnx');
    for (const file of readdirSync(folder)) {
      expect(lstatSync(join(folder, file)).isSymbolicLink()).toBe(true);
      expect(realpathSync(join(folder, file))).toContain(join('models--org--tiny', 'blobs'));
    }
    expect(progress.at(-1)?.[0]).toBe(progress.at(-1)?.[1]);
    // The engine reads through the links.
    expect(await logProbsOf(folder)).toEqual(await logProbsOf(join(GOLDEN, 'llama')));
    const before = hub.asked.length;
    expect(await modelFolder('org/tiny')).toBe(folder);
    expect(hub.asked.slice(before).filter((line) => line.includes('resolve'))).toEqual([]);
    expect(hubName(folder)).toBe('org/tiny');
  });

  it('asks nothing offline, nor for a commit that is there; says what is missing', async () => {
    const offline = { env: { ...process.env, HF_HUB_OFFLINE: '1' } };
    expect((await fault(modelFolder('org/tiny', offline))).message).toMatch(
      /org\/tiny is not in the hub's cache.*model.safetensors.*Unset HF_HUB_OFFLINE/,
    );
    expect(hub.asked).toEqual([]);
    const folder = await modelFolder('org/tiny');
    const before = hub.asked.length;
    expect(await modelFolder('org/tiny', offline)).toBe(folder);
    expect(await modelFolder('org/tiny', { revision: COMMIT })).toBe(folder);
    expect(hub.asked.length).toBe(before);
    hub.server.closeAllConnections();
    hub.server.close();
    const notes: string[] = [];
    expect(await modelFolder('org/tiny', { onNote: (text) => notes.push(text) })).toBe(folder);
    expect(notes.join()).toMatch(/cannot be reached/);
    rmSync(join(folder, 'model.safetensors'));
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({ kind: 'machine', code: 'hub-unreachable' });
  });

  it('reads a cache that Python made, and a folder goes before a hub id', async () => {
    const repo = join(root, 'hub/models--org--tiny');
    const snapshot = join(repo, 'snapshots', COMMIT);
    for (const folder of ['blobs', 'refs', `snapshots/${COMMIT}`])
      mkdirSync(join(repo, folder), { recursive: true });
    for (const [name, bytes] of hub.files) {
      if (name.includes('/')) continue;
      writeFileSync(join(repo, 'blobs', sha256(bytes)), bytes);
      symlinkSync(join('..', '..', 'blobs', sha256(bytes)), join(snapshot, name));
    }
    writeFileSync(join(repo, 'refs/main'), COMMIT);
    expect(await modelFolder('org/tiny', { env: { HF_HUB_OFFLINE: 'true' } })).toBe(snapshot);
    const local = join(GOLDEN, 'llama');
    expect(await modelFolder(local)).toBe(local);
    expect(['org/name', 'a/b-1.5_x'].map(isHubId)).toEqual([true, true]);
    expect(['./a/b', '/a/b', 'a', 'a/b/c', '../b', 'a/ b'].map(isHubId)).toEqual(new Array(6).fill(false));
  });

  it('uses the token, and says what to do without; the token is never told', async () => {
    hub.token = 'hf_secret';
    const none = await fault(modelFolder('org/tiny'));
    expect(none).toMatchObject({ kind: 'input', code: 'hub-gated' });
    expect(none.message).toMatch(/licence.*HF_TOKEN/);
    process.env.HF_TOKEN = 'hf_wrong';
    const wrong = await fault(modelFolder('org/tiny'));
    expect(wrong.message).toMatch(/This token may not read it/);
    expect(JSON.stringify(wrong.fields) + wrong.message).not.toContain('hf_wrong');
    process.env.HF_TOKEN = 'nonsense';
    expect((await fault(modelFolder('org/tiny'))).code).toBe('hub-token');
    delete process.env.HF_TOKEN;
    writeFileSync(join(root, 'token'), 'hf_secret\n');
    expect(existsSync(await modelFolder('org/tiny'))).toBe(true);
  });

  it('tells a missing model, a missing revision, and a model without safetensors apart', async () => {
    expect(await fault(modelFolder('org/none'))).toMatchObject({ kind: 'input', code: 'hub-not-found' });
    const revision = await fault(modelFolder('org/tiny', { revision: 'v9' }));
    expect(revision).toMatchObject({ kind: 'input', code: 'hub-revision', fields: { got: 'v9' } });
    hub.files.delete('model.safetensors');
    const bare = await fault(modelFolder('org/tiny'));
    expect(bare).toMatchObject({
      code: 'hub-no-weights',
      fields: { got: ['pytorch_model.bin', 'onnx/model.onnx'] },
    });
  });

  it('does not keep a file that came damaged', async () => {
    hub.damaged = 'model.safetensors';
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({ kind: 'machine', code: 'hub-damaged' });
    hub.damaged = '';
    expect(await logProbsOf(await modelFolder('org/tiny'))).toEqual(await logProbsOf(join(GOLDEN, 'llama')));
  });

  it('killed in the middle of a file, it goes on; two at once do not harm each other', async () => {
    hub.stuck = 'model.safetensors';
    const script = `import { modelFolder } from ${JSON.stringify(join(import.meta.dirname, '../dist/index.mjs'))}; await modelFolder('org/tiny');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: process.env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const blobs = join(root, 'hub/models--org--tiny/blobs');
    await until(() => existsSync(blobs) && readdirSync(blobs).some((name) => name.endsWith('.incomplete')));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    hub.stuck = '';
    const both = await Promise.all([modelFolder('org/tiny'), modelFolder('org/tiny')]);
    expect(both[0]).toBe(both[1]);
    expect(await logProbsOf(both[0])).toEqual(await logProbsOf(join(GOLDEN, 'llama')));
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('waited in vain');
}
