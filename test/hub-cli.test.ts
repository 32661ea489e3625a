import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMIT, FakeHub } from './fake-hub.ts';
import {
  argumentsOf,
  makeFolder,
  readText,
  start,
  tinyWorld,
  until,
  winnow,
  winnowOk,
  writeRewardModel,
} from './tiny-world.ts';

describe('winnow with a model by hub id', () => {
  const world = tinyWorld('hub-cli');
  const online = { ...world, model: 'org/tiny' };
  const hub = new FakeHub();
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    hub.serve(world.model);
    env = {
      HF_HOME: join(world.dir, 'hf'),
      HF_ENDPOINT: await hub.listen(),
      HF_TOKEN: '',
      HF_HUB_CACHE: undefined,
    };
  });
  afterAll(() => hub.close());
  const small = { seeds: 1, more: ['--quiet'] };
  const out = (name: string) => join(world.dir, name);

  it('downloads in the driver, once; every verb then gives what it gives for the folder, offline too', async () => {
    const checked = await winnowOk(argumentsOf('check', online, { out: out('hub'), more: ['--json'] }), {
      env,
    });
    expect(JSON.parse(checked.stdout)).toMatchObject({ refused: 3 });
    expect(checked.stderr).toMatch(/Downloading the model: \d+ %[\s\S]*Downloading the model: done in .* MB/);
    // Later verbs go on with this commit, wherever the branch has gone.
    expect(parse(readText(out('hub'), 'winnow.yaml'))).toMatchObject({ model: 'org/tiny', revision: COMMIT });
    hub.refs.set('main', 'f'.repeat(40));
    const before = hub.asked.length;
    const scored = ['score', '--out', out('hub'), '--json'];
    await winnowOk(scored, { env: { ...env, HF_HUB_OFFLINE: '1' } });
    const { stderr } = await winnowOk(['select', '--out', out('hub'), '--json'], { env });
    expect(stderr).not.toContain('Downloading');
    expect(hub.asked.length).toBe(before);
    hub.refs.set('main', COMMIT);

    await winnowOk(argumentsOf('select', world, { out: out('folder'), ...small, seeds: 2 }));
    for (const file of ['scores.jsonl', 'selection/selected.jsonl'])
      expect(readText(out('hub'), file)).toBe(readText(out('folder'), file));
    const [ours, theirs] = ['hub', 'folder'].map((run) =>
      JSON.parse(readText(out(run), 'selection/receipt.json')),
    );
    expect(ours.model).toMatchObject({ name: `org/tiny@${COMMIT}`, hash: theirs.model.hash });
    // The units were given the folder: what they are known by is the same.
    expect(readdirSync(join(out('hub'), 'units')).filter((name) => !name.startsWith('probe'))).toEqual(
      readdirSync(join(out('folder'), 'units')).filter((name) => !name.startsWith('probe')),
    );
  });

  it('says by exit code whose fault it is', async () => {
    const to = { out: out('faults'), ...small };
    const missing = await winnow(argumentsOf('check', { ...world, model: 'org/none' }, to), { env });
    expect(missing).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/org\/none is neither a folder here/),
    });
    const revision = [...argumentsOf('check', online, to), '--revision', 'v9'];
    expect(await winnow(revision, { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('v9') });
    const away = { env: { ...env, HF_ENDPOINT: 'http://127.0.0.1:9', HF_HOME: out('empty') } };
    const unreachable = await winnow(argumentsOf('check', online, to), away);
    expect(unreachable).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the hub cannot be reached'),
    });
    const cached = await winnowOk([...argumentsOf('check', online, { ...to, more: [] })], {
      env: { ...env, HF_ENDPOINT: 'http://127.0.0.1:9' },
    });
    expect(cached.stderr).toContain(`org/tiny is taken as the cache has it, commit ${COMMIT}`);
    expect(await winnow(argumentsOf('check', { ...world, model: 'nowhere' }, to), { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/nowhere: no such folder/),
    });
  });

  it('takes a folder of the name of a hub id that lies beside winnow.yaml', async () => {
    const folder = makeFolder(world.dir, 'beside');
    cpSync(world.model, join(folder, 'org/tiny'), { recursive: true });
    const file = join(folder, 'winnow.yaml');
    writeFileSync(file, `model: org/tiny\ndata: ${world.data}\nout: run\n`);
    const before = hub.asked.length;
    await winnowOk(['check', '--config', file, '--quiet'], { env });
    expect(hub.asked.length).toBe(before);
    rmSync(join(folder, 'org'), { recursive: true });
    await winnowOk(['check', '--config', file, '--quiet'], { env });
    expect(hub.asked.length).toBeGreaterThan(before);
  });

  it('merge takes its model from the hub, too', async () => {
    const golden = join(import.meta.dirname, 'parity/golden/llama');
    const other = 'beef'.padEnd(40, '0');
    hub.commits.set(other, new Map(hub.files));
    for (const name of ['config.json', 'generation_config.json', 'model.safetensors'])
      hub.commits.get(other)?.set(name, readFileSync(join(golden, name)));
    const merge = ['merge', '--adapter', join(golden, 'adapter'), '--quiet'];
    await winnowOk([...merge, '--model', 'org/tiny', '--revision', other, '--out', out('merged')], { env });
    await winnowOk([...merge, '--model', golden, '--out', out('merged-folder')]);
    const [ours, theirs] = ['merged', 'merged-folder'].map((dir) =>
      readFileSync(join(out(dir), 'model.safetensors')),
    );
    expect(ours?.equals(theirs as Buffer)).toBe(true);
    expect(lstatSync(join(out('merged'), 'tokenizer.json')).isSymbolicLink()).toBe(false);
  });

  it('takes a reward model from the hub, and later verbs the same commit', async () => {
    const judge = new FakeHub();
    judge.serve(writeRewardModel(out('reward')));
    const home = { ...env, HF_HOME: out('judge-hf'), HF_ENDPOINT: await judge.listen() };
    const args = argumentsOf('check', world, { out: out('judged'), seeds: 1 });
    const { stderr } = await winnowOk([...args, '--reward-model', 'org/tiny'], { env: home });
    expect(stderr).toMatch(/Downloading the reward model: done/);
    judge.close();
    expect(parse(readText(out('judged'), 'winnow.yaml'))).toMatchObject({
      revision: 'main',
      evaluation: { rewardModel: 'org/tiny', rewardRevision: COMMIT },
    });
    await winnowOk(['check', '--out', out('judged'), '--quiet'], { env: home });
  });

  it('two processes at once fetch a model once', async () => {
    const home = { ...env, HF_HOME: out('shared') };
    const before = hub.fetched.length;
    await Promise.all(
      ['one', 'two'].map((name) =>
        winnowOk(argumentsOf('check', online, { out: out(name), ...small }), { env: home }),
      ),
    );
    const weights = hub.fetched.slice(before).filter((line) => line.includes('/storage/'));
    expect(weights).toHaveLength(1);
  });

  it('Ctrl-C ends a download, and the same command goes on with it', async () => {
    const args = argumentsOf('check', online, { out: out('stopped'), ...small });
    const home = { ...env, HF_HOME: out('fresh') };
    const blobs = join(out('fresh'), 'hub/models--org--tiny/blobs');
    hub.stopsIn = 'model.safetensors';
    const child = start(args, { env: home });
    await until(
      'a part of the weights',
      () => existsSync(blobs) && readdirSync(blobs).some((name) => name.endsWith('.winnow-part')),
    );
    // Of the weights, not of a small file before them.
    await until('the weights', () => hub.asked.at(-1)?.includes('/storage/'));
    child.process.kill('SIGINT');
    expect(await child.ended).toMatchObject({ code: 130 });
    hub.stopsIn = '';
    await winnowOk(args, { env: home });
  });
});
