import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WinnowError } from '../src/base/errors.ts';
import { isHubId } from '../src/base/hub-id.ts';
import { withLock } from '../src/base/lock.ts';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { hubName, modelFolder, modelName } from '../src/model/hub.ts';
import { completionLogProbs } from '../src/policy/log-probs.ts';
import { openPolicy } from '../src/policy/policy.ts';
import { packRows } from '../src/text/rows.ts';
import { COMMIT, FakeHub, gitHash, sha256 } from './fake-hub.ts';
import { until } from './tiny-world.ts';

const GOLDEN = join(import.meta.dirname, 'parity/golden');
const TOKENIZER = join(import.meta.dirname, '../assets/lab/base-m/tokenizer.json');
const WEIGHTS = 'model.safetensors';

let root: string;
let repo: string;
let blobs: string;
let hub: FakeHub;
let saved: NodeJS.ProcessEnv;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'winnow-hub-'));
  repo = join(root, 'hub/models--org--tiny');
  blobs = join(repo, 'blobs');
  hub = new FakeHub();
  saved = { ...process.env };
  for (const name of Object.keys(process.env).filter((key) => /^(HF|HUGGING\w*|TRANSFORMERS)_/.test(key)))
    delete process.env[name];
  Object.assign(process.env, { HF_HOME: root, HF_ENDPOINT: await hub.listen() });
  serve('llama');
});
afterEach(() => {
  hub.close();
  process.env = saved;
  rmSync(root, { recursive: true, force: true });
});

function serve(name: string): void {
  hub.serve(join(GOLDEN, name));
  hub.files.set('tokenizer.json', readFileSync(TOKENIZER));
  hub.files.set('additional_chat_templates/tools.jinja', Buffer.from('{{ messages }}'));
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

/** What the engine computes: through links, too. */
const logProbsOf = async (folder: string) => {
  const policy = openPolicy(openCheckpoint(folder), { trained: { method: 'none' }, threads: 1 });
  const completions = [Int32Array.of(4, 5), Int32Array.of(6)];
  const sums = await completionLogProbs(policy, packRows([{ prompt: Int32Array.of(1, 2, 3), completions }]));
  await policy.dispose();
  return sums;
};
const goldenLogProbs = () => logProbsOf(join(GOLDEN, 'llama'));
const weightsBlob = () => join(blobs, sha256(hub.files.get(WEIGHTS) as Buffer));

describe('a model by hub id', () => {
  it.each(['llama', 'llama-sharded'])('%s: is downloaded once, as Python keeps it', async (name) => {
    serve(name);
    const progress: [number, number][] = [];
    const folder = await modelFolder('org/tiny', { onProgress: (...step) => progress.push(step) });
    expect(folder).toBe(join(repo, 'snapshots', COMMIT));
    expect(readFileSync(join(repo, 'refs/main'), 'utf8')).toBe(COMMIT);
    const needed = [...hub.files.keys()]
      .filter((file) => /^(generation_)?config.json$|^tokenizer.json$|^model[-.]|^additional/.test(file))
      .sort();
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    expect(files.sort()).toEqual(needed);
    for (const file of files) {
      const bytes = hub.files.get(file) as Buffer;
      const blob = join(blobs, file.endsWith('.safetensors') ? sha256(bytes) : gitHash(bytes));
      expect(lstatSync(join(folder, file)).isSymbolicLink()).toBe(true);
      expect(realpathSync(join(folder, file))).toBe(realpathSync(blob));
      expect(readFileSync(blob)).toEqual(bytes);
    }
    expect(readdirSync(blobs)).toHaveLength(files.length);
    const total = files.reduce((sum, file) => sum + (hub.files.get(file) as Buffer).length, 0);
    expect(progress.at(-1)).toEqual([total, total]);
    expect(progress.filter(([done]) => done === total)).toHaveLength(1);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).sort((a, b) => a - b));
    expect(await logProbsOf(folder)).toEqual(await goldenLogProbs());
    expect([hubName(folder), modelName(folder)]).toEqual(['org/tiny', `org/tiny@${COMMIT}`]);

    const before = hub.fetched.length;
    const again: number[] = [];
    expect(await modelFolder('org/tiny', { onProgress: (done) => again.push(done) })).toBe(folder);
    expect([hub.fetched.length, again]).toEqual([before, []]);
  });

  it('asks nothing offline, nor for a commit that is there; says what is missing', async () => {
    for (const flag of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE']) {
      const error = await fault(modelFolder('org/tiny', { env: { [flag]: '1' } }));
      expect(error).toMatchObject({ kind: 'input', code: 'hub-offline', fields: { file: repo } });
      expect(error.message).toMatch(/config.json.*model.safetensors.*Unset HF_HUB_OFFLINE/);
    }
    expect(hub.asked).toEqual([]);
    const folder = await modelFolder('org/tiny');
    const before = hub.asked.length;
    const offline = { env: { HF_HUB_OFFLINE: 'true' } };
    expect(await modelFolder('org/tiny', offline)).toBe(folder);
    expect(await modelFolder('org/tiny', { revision: COMMIT })).toBe(folder);
    expect((await fault(modelFolder('org/tiny', { revision: 'v1', ...offline }))).message).toContain('v1');
    expect(hub.asked.length).toBe(before);
    rmSync(realpathSync(join(folder, WEIGHTS)));
    expect(await fault(modelFolder('org/tiny', offline))).toMatchObject({ fields: { need: WEIGHTS } });
  });

  it('takes the cache where the hub cannot be reached, and says so', async () => {
    const folder = await modelFolder('org/tiny');
    hub.close();
    const notes: string[] = [];
    expect(await modelFolder('org/tiny', { onNote: (text) => notes.push(text) })).toBe(folder);
    expect(notes).toEqual([expect.stringMatching(`cannot be reached.*commit ${COMMIT}`)]);
    rmSync(join(folder, WEIGHTS));
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({ kind: 'machine', code: 'hub-unreachable' });
  });

  it('reads a cache that Python made, and what is on this machine goes before', async () => {
    const snapshot = join(repo, 'snapshots', COMMIT);
    for (const folder of [blobs, join(repo, 'refs'), snapshot]) mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of hub.files) {
      if (name.includes('/')) continue;
      writeFileSync(join(blobs, sha256(bytes)), bytes);
      symlinkSync(join('..', '..', 'blobs', sha256(bytes)), join(snapshot, name));
    }
    writeFileSync(join(repo, 'refs/main'), COMMIT);
    expect(await modelFolder('org/tiny', { env: { HF_HUB_OFFLINE: 'yes' } })).toBe(snapshot);
    expect(await logProbsOf(snapshot)).toEqual(await goldenLogProbs());
    // Asked for, what Python did not fetch comes too, and what is there is not fetched again.
    await modelFolder('org/tiny');
    expect(hub.fetched.every((line) => line.includes('additional_chat_templates'))).toBe(true);
    const local = join(GOLDEN, 'llama');
    expect(await modelFolder(local)).toBe(local);
    for (const neither of ['nowhere', './org/tiny', 'a/b/c', '/a/b'])
      expect(await modelFolder(neither)).toBe(neither);
    expect(['org/name', 'a/b-1.5_x'].map(isHubId)).toEqual([true, true]);
    expect(['./a/b', '/a/b', 'a', 'a/b/c', '../b', 'a/ b'].map(isHubId)).toEqual(new Array(6).fill(false));
  });

  it('takes the revision that is asked for, and follows a branch', async () => {
    const other = 'beef'.padEnd(40, '0');
    hub.commits.set(other, new Map(hub.files).set('config.json', Buffer.from('{"v": 1}')));
    hub.refs.set('refs/pr/1', other);
    const folder = await modelFolder('org/tiny', { revision: 'refs/pr/1' });
    expect(folder).toBe(join(repo, 'snapshots', other));
    expect(readFileSync(join(repo, 'refs/refs/pr/1'), 'utf8')).toBe(other);
    await modelFolder('org/tiny');
    expect(hub.fetched.filter((line) => line.includes('/storage/'))).toHaveLength(1);
    hub.refs.set('main', other);
    expect(await modelFolder('org/tiny')).toBe(folder);
    for (const revision of ['v9', '../../x', '/x', '..', 'f'.repeat(40)]) {
      const error = await fault(modelFolder('org/tiny', { revision }));
      expect(error).toMatchObject({ kind: 'input', code: 'hub-revision', fields: { got: revision } });
    }
  });

  it('tells a missing model from one without safetensors', async () => {
    expect(await fault(modelFolder('org/none'))).toMatchObject({ kind: 'input', code: 'hub-not-found' });
    hub.files.delete(WEIGHTS);
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({
      kind: 'input',
      code: 'hub-no-weights',
      fields: { got: ['pytorch_model.bin', 'onnx/model.onnx', 'original/model.safetensors'] },
    });
    expect(existsSync(repo)).toBe(false);
  });
});

describe('a model that is not for everyone', () => {
  it.each([
    ['private', 'model', 401],
    ['gated', 'files', 403],
  ] as const)('%s: the token is used and never told', async (_, gate, refused) => {
    hub.token = 'hf_secret';
    hub.gate = gate;
    const none = await fault(modelFolder('org/tiny'));
    expect(none).toMatchObject({ kind: 'input', code: 'hub-gated' });
    expect(none.message).toMatch(/status 401.*accept its licence on the model's page.*Set HF_TOKEN/);
    process.env.HF_TOKEN = 'hf_wrong';
    const wrong = await fault(modelFolder('org/tiny'));
    expect(wrong.message).toMatch(new RegExp(`status ${refused}.*token that is set .* may not read it`));
    if (gate === 'files') expect(wrong.message).toContain('Access to model org/tiny is restricted');
    expect(JSON.stringify(wrong.fields) + wrong.stack).not.toContain('hf_wrong');
    delete process.env.HF_TOKEN;
    writeFileSync(join(root, 'token'), 'hf_secret\n');
    expect(await logProbsOf(await modelFolder('org/tiny'))).toEqual(await goldenLogProbs());
  });

  it('refuses a token of a wrong form without telling it', async () => {
    for (const token of ['nonsense', 'hf_two\nlines', 'hf_ü']) {
      writeFileSync(join(root, 'elsewhere'), token);
      for (const given of [{ HF_TOKEN: token }, { HF_TOKEN: '', HF_TOKEN_PATH: join(root, 'elsewhere') }]) {
        const error = await fault(modelFolder('org/tiny', { env: { ...process.env, ...given } }));
        expect(error).toMatchObject({ kind: 'input', code: 'hub-token' });
        expect(JSON.stringify(error.fields) + error.stack).not.toContain(token.split('\n')[0]);
      }
    }
    expect(hub.asked).toEqual([]);
  });
});

describe('a download that does not go well', () => {
  it('keeps nothing of a file that came damaged', async () => {
    for (const file of [WEIGHTS, 'config.json']) {
      hub.damaged = file;
      expect(await fault(modelFolder('org/tiny'))).toMatchObject({ kind: 'machine', code: 'hub-damaged' });
      expect(existsSync(join(repo, 'snapshots', COMMIT, file))).toBe(false);
      expect(readdirSync(blobs).filter((name) => name.includes('part'))).toEqual([]);
      rmSync(root, { recursive: true });
    }
    hub.damaged = '';
    expect(await logProbsOf(await modelFolder('org/tiny'))).toEqual(await goldenLogProbs());
  });

  it('goes on where the connection broke', async () => {
    Object.assign(hub, { stopsIn: WEIGHTS, stops: 'hangs up' });
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({ kind: 'machine', code: 'hub-unreachable' });
    const { size } = statSync(`${weightsBlob()}.winnow-part`);
    expect(size).toBeGreaterThan(0);
    expect(existsSync(weightsBlob())).toBe(false);
    hub.stopsIn = '';
    const folder = await modelFolder('org/tiny');
    const last = (hub.files.get(WEIGHTS) as Buffer).length - 1;
    expect(hub.asked.at(-1)).toBe(`GET /storage/${COMMIT}/${WEIGHTS} bytes=${size}-${last}`);
    expect(await logProbsOf(folder)).toEqual(await goldenLogProbs());
    expect(readdirSync(blobs).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('finds out that what it goes on from is damaged', async () => {
    mkdirSync(blobs, { recursive: true });
    const part = `${weightsBlob()}.winnow-part`;
    writeFileSync(part, Buffer.alloc(100));
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({ code: 'hub-damaged' });
    expect(existsSync(part)).toBe(false);
    // Longer than the file, and a file that was cut short under its own name: both are written anew.
    writeFileSync(part, Buffer.alloc(10_000_000));
    const folder = await modelFolder('org/tiny');
    truncateSync(weightsBlob(), 1000);
    expect(await modelFolder('org/tiny')).toBe(folder);
    expect(await logProbsOf(folder)).toEqual(await goldenLogProbs());
  });

  it('killed in the middle of a file, it goes on; two at once fetch everything once', async () => {
    hub.stopsIn = WEIGHTS;
    const library = JSON.stringify(join(import.meta.dirname, '../dist/index.mjs'));
    const script = `import { modelFolder } from ${library}; await modelFolder('org/tiny');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    const part = `${weightsBlob()}.winnow-part`;
    await until('a part of the weights', () => existsSync(part) && statSync(part).size > 0);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    const offline = { env: { HF_HUB_OFFLINE: '1' } };
    expect(await fault(modelFolder('org/tiny', offline))).toMatchObject({ code: 'hub-offline' });
    hub.stopsIn = '';
    const before = hub.fetched.length;
    const both = await Promise.all([modelFolder('org/tiny'), modelFolder('org/tiny')]);
    expect(both[0]).toBe(both[1]);
    expect(hub.fetched.slice(before).filter((line) => line.includes('/storage/'))).toHaveLength(1);
    expect(await logProbsOf(both[0])).toEqual(await goldenLogProbs());
    expect(existsSync(join(repo, '.winnow-lock'))).toBe(false);
  });

  it('two writers of one part do no harm', async () => {
    // As on machines that share the cache: none sees another's lock.
    const blind = setInterval(() => rmSync(join(repo, '.winnow-lock'), { force: true }), 1);
    const folders = await Promise.all(Array.from({ length: 4 }, () => modelFolder('org/tiny'))).finally(() =>
      clearInterval(blind),
    );
    expect(new Set(folders).size).toBe(1);
    expect(readFileSync(join(folders[0] as string, WEIGHTS))).toEqual(hub.files.get(WEIGHTS));
    expect(readdirSync(blobs).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('stops when told to', async () => {
    hub.stopsIn = WEIGHTS;
    const stop = new AbortController();
    const download = modelFolder('org/tiny', { signal: stop.signal });
    await until('a part of the weights', () => existsSync(`${weightsBlob()}.winnow-part`));
    stop.abort();
    await expect(download).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(join(repo, '.winnow-lock'))).toBe(false);
  });

  it('says so when there is no room', async () => {
    hub.claims = 2 ** 52;
    const before = await fault(modelFolder('org/tiny'));
    expect(before).toMatchObject({ kind: 'machine', code: 'disk-full' });
    expect(before.message).toMatch(/need "4503599.63 GB", got "\d+\.\d\d GB free".*HF_HOME/);
    expect(hub.fetched.filter((line) => line.includes(WEIGHTS))).toEqual([]);
  });

  it.skipIf(!existsSync('/dev/full'))('says so when the disk fills up', async () => {
    mkdirSync(blobs, { recursive: true });
    symlinkSync('/dev/full', `${weightsBlob()}.winnow-part`);
    expect(await fault(modelFolder('org/tiny'))).toMatchObject({ kind: 'machine', code: 'disk-full' });
    expect(existsSync(join(repo, 'refs/main'))).toBe(false);
  });

  it.each(['../../../../../evil.safetensors', 'deep/evil.safetensors', '..'])(
    'never writes beside the snapshot: %s',
    async (evil) => {
      serve('llama-sharded');
      const index = JSON.parse((hub.files.get('model.safetensors.index.json') as Buffer).toString());
      index.weight_map['model.norm.weight'] = evil;
      hub.files.set('model.safetensors.index.json', Buffer.from(JSON.stringify(index)));
      hub.files.set(evil, Buffer.from('evil'));
      const folder = await modelFolder('org/tiny');
      expect(hub.fetched.filter((line) => line.includes('evil'))).toEqual([]);
      expect(() => openCheckpoint(folder)).toThrow(WinnowError);
    },
  );
});

describe('withLock', () => {
  it('takes over the lock of a process that has ended, or has long been silent', async () => {
    const lock = join(root, 'lock');
    for (const [owner, ageS] of [
      [`999999999 ${hostname()}`, 0],
      [`${process.pid} ${hostname()}`, 120],
      ['1 another-machine', 120],
    ] as const) {
      writeFileSync(lock, owner);
      const then = Date.now() / 1000 - ageS;
      utimesSync(lock, then, then);
      expect(await withLock(lock, async () => readFileSync(lock, 'utf8'))).toBe(
        `${process.pid} ${hostname()}`,
      );
      expect(existsSync(lock)).toBe(false);
    }
  });

  it('waits for one that lives, here or elsewhere', async () => {
    const lock = join(root, 'lock');
    for (const owner of [`${process.pid} ${hostname()}`, '1 another-machine', '']) {
      writeFileSync(lock, owner);
      const told: string[] = [];
      const stop = new AbortController();
      const waiting = withLock(lock, async () => 'done', {
        onWait: () => told.push('waits'),
        signal: stop.signal,
      });
      await until('waiting', () => told.length === 1);
      stop.abort();
      await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
      expect(readFileSync(lock, 'utf8')).toBe(owner);
    }
  });
});
