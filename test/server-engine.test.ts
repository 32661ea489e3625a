import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WinnowError } from '../src/base/errors.ts';
import { Random } from '../src/base/random.ts';
import type { Answer } from '../src/evaluate/answers.ts';
import { writeAdapter } from '../src/model/adapter.ts';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { ALL_RUNNERS } from '../src/pipeline/all-runners.ts';
import { writeIds, writePrompts, writeTokens } from '../src/pipeline/inputs.ts';
import { serverBase } from '../src/pipeline/server/settings.ts';
import { answersUnit, heldOutUnit, referenceUnit, type UnitBase } from '../src/pipeline/units.ts';
import { adapterOf } from '../src/policy/adapter.ts';
import { openPolicy } from '../src/policy/policy.ts';
import { openAttempt } from '../src/run/attempt.ts';
import { loadConfig } from '../src/run/config.ts';
import { commitUnit, readDone, resultFile, type UnitResult } from '../src/run/done.ts';
import { prepareUnit, type UnitSpec } from '../src/run/unit.ts';
import type { UnitContext } from '../src/run/worker.ts';
import { tokenizePairs } from '../src/text/tokenize.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import { type FakeFault, type FakeRequest, FakeServer } from './fake-server.ts';
import {
  argumentsOf,
  isDone,
  readRows,
  readScores,
  scratch,
  start,
  tinyPairs,
  tinyWorld,
  unitsOf,
  until,
  winnow,
  winnowOk,
  writeModel,
} from './tiny-world.ts';

const KEY = 'sk-server-51c2f09ab7de4430';
const dir = scratch('server');
const model = writeModel(join(dir, 'model'));
const tokenizer = loadTokenizer(model);
const checkpoint = openCheckpoint(model);
const pairs = tokenizePairs(
  tinyPairs()
    .slice(0, 24)
    .map((texts, i) => ({ ...texts, id: `pair-${i}`, row: i, meta: {} })) as never,
  tokenizer,
  { maxLength: 96, maxPromptLength: 64, onLong: 'refuse' } as never,
  { vocabSize: 261 },
).rows;
const prompts = tinyPairs()
  .slice(0, 20)
  .map(({ prompt }, i) => ({
    id: `prompt-${i}`,
    text: prompt,
    tokens: tokenizer.encode(prompt, { special: true }),
  }));
const generation = {
  maxNewTokens: 12,
  temperature: 0,
  topP: 1,
  seed: 3,
  stopIds: [257],
  tokenizerHash: tokenizer.hash,
};

let fake: FakeServer;
let url: string;
let run: string;
let count = 0;
let notes: string[] = [];

beforeEach(async () => {
  process.env.WINNOW_SERVER_WAIT_MS = '1';
  process.env.WINNOW_SERVER_KEY = KEY;
  fake = new FakeServer(model);
  fake.key = KEY;
  url = await fake.listen();
  run = join(dir, `run-${count++}`);
  mkdirSync(run);
  notes = [];
});
afterEach(() => fake.close());
afterAll(() => {
  for (const name of ['WAIT_MS', 'KEY', 'TIMEOUT_SECONDS']) delete process.env[`WINNOW_SERVER_${name}`];
});

function base(server: boolean, more: Readonly<Record<string, unknown>> = {}): UnitBase {
  const found = serverBase(
    loadConfig(null, { 'server.url': url, 'server.scoring': true, 'server.concurrency': 4, ...more }),
  );
  return {
    modelDir: model,
    modelHash: checkpoint.hash,
    tokens: writeTokens(run, pairs),
    ...(server && found !== undefined ? { server: found } : {}),
  };
}

/** The work of a unit in this process, as a worker does it. */
async function work(spec: UnitSpec, shouldStop = () => false): Promise<UnitResult> {
  const unitDir = prepareUnit(run, spec);
  const attempt = openAttempt(unitDir, `${process.pid}-test-${count++}`);
  const context: UnitContext = {
    unitDir,
    attemptDir: attempt.dir,
    spec,
    places: spec.places ?? {},
    threads: 1,
    device: 'cpu',
    workBytes: null,
    halvings: 0,
    checkpointFrom: attempt.checkpointFrom,
    report: () => {},
    note: (text) => notes.push(text),
    shouldStop,
  };
  const output = await (ALL_RUNNERS[spec.kind] as (typeof ALL_RUNNERS)[string])(spec.inputs, context);
  commitUnit(unitDir, spec, attempt, output);
  return readDone(run, spec) as UnitResult;
}

type Scores = Record<'chosen' | 'rejected' | 'chosenEven' | 'rejectedEven', number> & {
  id: string;
  tokens?: Record<'chosen' | 'rejected', number[]>;
};
const scoresOf = (result: UnitResult) => readRows<Scores>(resultFile(result, 'log-probs.jsonl'));
const answersOf = (result: UnitResult) => readRows<Answer>(resultFile(result, 'answers.jsonl'));

function expectClose(got: readonly Scores[], want: readonly Scores[]): void {
  expect(got.map(({ id }) => id)).toEqual(want.map(({ id }) => id));
  for (const [i, row] of want.entries())
    for (const key of ['chosen', 'rejected', 'chosenEven', 'rejectedEven'] as const)
      expect(Math.abs((got[i] as Scores)[key] - row[key])).toBeLessThan(1e-4);
}

/** What a training would have left: an adapter that changes every answer. */
function trainedArm(): UnitResult {
  const folder = join(run, 'units', 'training-0123456789abcdef', 'attempts', 'a');
  const shape = { rank: 4, alpha: 8, targets: ['q_proj', 'v_proj', 'down_proj'] };
  const policy = openPolicy(checkpoint, { trained: { method: 'lora', seed: 1, ...shape }, threads: 1 });
  const random = new Random(4, 'arm');
  for (const [name, { data }] of policy.parameters)
    if (name.endsWith('.lora_B')) for (let i = 0; i < data.length; i++) data[i] = random.uniform() - 0.5;
  writeAdapter(join(folder, 'adapter'), adapterOf(policy.parameters, shape, 'tiny'));
  return { id: 'training-0123456789abcdef', dir: folder, files: [], durationMs: 0 };
}

describe('what a server gives', () => {
  it('is the embedded engine’s reference pass to 1e-4, by token too, and another unit', async () => {
    const spec = { loss: 'ld-dpo' } as const;
    const [ours, theirs] = [referenceUnit(base(false), spec), referenceUnit(base(true), spec)];
    expect(theirs.inputs.engine).toBe('server/1');
    const [want, got] = [scoresOf(await work(ours)), scoresOf(await work(theirs))];
    expectClose(got, want);
    expect(want.length).toBe(pairs.length);
    for (const [i, { tokens }] of want.entries()) {
      const own = got[i]?.tokens?.rejected as number[];
      expect(own.length).toBe(pairs[i]?.rejected.length);
      own.forEach((value, t) => {
        expect(Math.abs(value - (tokens?.rejected[t] ?? Number.NaN))).toBeLessThan(1e-4);
      });
    }
    expect(fake.mostAtOnce).toBeLessThanOrEqual(4);
  });

  it('is the held-out pass of an arm, whose adapter is loaded for the unit and unloaded after it', async () => {
    const arm = trainedArm();
    const ids = writeIds(
      run,
      pairs.slice(5, 15).map(({ id }) => id),
    );
    const want = scoresOf(await work(heldOutUnit(base(false), arm, ids)));
    const got = scoresOf(await work(heldOutUnit(base(true), arm, ids)));
    expectClose(got, want);
    const start = scoresOf(await work(referenceUnit(base(true))));
    expect(Math.abs((start[5]?.chosen ?? 0) - (got[0]?.chosen ?? 0))).toBeGreaterThan(0.01);
    expect(fake.loaded).toEqual([expect.stringMatching(/^winnow-training-0123456789abcdef-held-out-/)]);
    expect(fake.unloaded).toEqual(fake.loaded);
  });

  it.each(['both', 'logprobs', 'no'] as const)('is the same greedy answers (ids told: %s)', async (tells) => {
    fake.tellsIds = tells;
    const file = writePrompts(run, prompts);
    for (const arm of [null, trainedArm()]) {
      const want = answersOf(await work(answersUnit(base(false), arm, file, generation)));
      const got = answersOf(await work(answersUnit(base(true), arm, file, generation)));
      if (tells === 'no')
        expect(got.map(({ text, ended }) => ({ text, ended }))).toEqual(
          want.map(({ text, ended }) => ({ text, ended })),
        );
      else expect(got).toEqual(want);
      expect(new Set(want.map(({ text }) => text)).size).toBeGreaterThan(5);
    }
    expect(notes.length).toBe(tells === 'no' ? 2 : 0);
    expect(fake.adapters).toEqual([]);
  });

  it('is drawn anew for each prompt and equal for equal seeds', async () => {
    const same = writePrompts(
      run,
      Array.from({ length: 6 }, (_, i) => ({ ...(prompts[0] as (typeof prompts)[number]), id: `same-${i}` })),
    );
    const drawn = { ...generation, temperature: 1 };
    const first = answersOf(await work(answersUnit(base(true), null, same, drawn)));
    expect(new Set(first.map(({ text }) => text)).size).toBeGreaterThan(1);
    const seeds = fake.requests.map(({ body }) => body.seed);
    expect(new Set(seeds).size).toBe(6);
    run = join(run, 'again');
    mkdirSync(run);
    const again = writePrompts(
      run,
      [0, 1, 2, 3, 4, 5].map((i) => ({ ...(prompts[0] as (typeof prompts)[number]), id: `same-${i}` })),
    );
    expect(answersOf(await work(answersUnit(base(true), null, again, drawn)))).toEqual(first);
  });

  it('loads the adapter anew that a killed attempt has left at the server', async () => {
    const arm = trainedArm();
    const file = writePrompts(run, prompts);
    const spec = answersUnit(base(true), arm, file, generation);
    fake.fault = () => ({ status: 400, body: '{"error":{"message":"no"}}' });
    await expect(work(spec)).rejects.toMatchObject({ code: 'server-refused' });
    const [name] = fake.loaded;
    await fetch(`${url}/load_lora_adapter`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ lora_name: name, lora_path: join(arm.dir, 'adapter') }),
    });
    expect(fake.adapters).toEqual([name]);
    fake.fault = () => null;
    await work(spec);
    expect(fake.loaded).toEqual([name, name, name]);
    expect(fake.adapters).toEqual([]);
  });
});

describe('faults', () => {
  const failing = async (spec: UnitSpec) =>
    work(spec).then(
      () => null,
      (error: WinnowError) => error,
    );
  const once =
    (fault: FakeFault) =>
    ({ before }: FakeRequest) =>
      before === 0 ? fault : null;

  it.each<[string, FakeFault]>([
    ['429', { status: 429 }],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '0' } }],
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['a dropped connection', 'cut before'],
    ['half of an answer', 'cut in the middle'],
    ['no answer', 'silent'],
  ])('of the moment are got over: %s', async (_, fault) => {
    if (fault === 'silent') process.env.WINNOW_SERVER_TIMEOUT_SECONDS = '0.5';
    fake.fault = once(fault);
    const few = { ...base(true), tokens: writeTokens(run, pairs.slice(0, 6)) };
    const want = await work(referenceUnit({ ...base(false), tokens: few.tokens }));
    expectClose(scoresOf(await work(referenceUnit(few))), scoresOf(want));
    expect(fake.requests.length).toBeGreaterThan(6);
    delete process.env.WINNOW_SERVER_TIMEOUT_SECONDS;
  });

  it('that stay end the unit with the server’s words and without the key', async () => {
    fake.fault = () => ({ status: 500, body: JSON.stringify({ error: { message: `dead, ${KEY}` } }) });
    const error = await failing(referenceUnit(base(true)));
    expect(error).toMatchObject({ code: 'server-unreachable', kind: 'machine' });
    expect(error?.message).toContain('status 500: dead, ***');
    await fake.close();
    expect(await failing(referenceUnit(base(true)))).toMatchObject({ code: 'server-unreachable' });
    fake = new FakeServer(model);
    fake.key = 'another';
    url = await fake.listen();
    const refused = await failing(referenceUnit(base(true)));
    expect(refused).toMatchObject({ code: 'server-unauthorised', kind: 'input' });
    expect(refused?.message).not.toContain(KEY);
  });

  it.each<[FakeFault, string, string]>([
    [
      { status: 400, body: '{"error":{"message":"logprobs are not for you"}}' },
      'server-refused',
      'logprobs are not for you',
    ],
    [{ status: 200, body: '<html>' }, 'server-reply', 'JSON'],
    [{ status: 200, body: '{"data":[]}' }, 'server-reply', 'no completion'],
    ['too few', 'server-reply', '2 choices'],
    ['bos', 'server-tokens', '1 token in front'],
    ['other tokens', 'server-tokens', 'other tokens than it was sent'],
    ['no echo', 'server-echo', 'llama.cpp'],
    ['nan', 'not-finite', 'null'],
    ['null', 'not-finite', 'null'],
    ['floor', 'not-finite', '-9999'],
  ])('of the server’s way are errors that say so: %j is %s', async (fault, code, words) => {
    fake.fault = ({ index }) => (index === 3 ? fault : null);
    const error = await failing(referenceUnit(base(true)));
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(words);
    expect(error?.message).toContain(url);
    if (typeof fault === 'string') expect(error?.message).toMatch(/pair-\d+/);
  });

  it('BOS in front is seen by numbers of tokens too, where ids are not told', async () => {
    fake.tellsIds = 'no';
    fake.fault = () => 'bos';
    expect(await failing(referenceUnit(base(true)))).toMatchObject({ code: 'server-tokens' });
    const file = writePrompts(run, prompts);
    expect(await failing(answersUnit(base(true), null, file, generation))).toMatchObject({
      code: 'server-tokens',
    });
  });

  it('of set-up: no such model, a context that is too short, no adapters, a path it does not see', async () => {
    expect(await failing(referenceUnit(base(true, { 'server.model': 'other' })))).toMatchObject({
      code: 'server-model',
      fields: { need: ['tiny'] },
    });
    fake.maxModelLen = 20;
    expect(await failing(referenceUnit(base(true)))).toMatchObject({ code: 'server-context' });
    fake.maxModelLen = null;
    const file = writePrompts(run, prompts);
    const gone = { id: 'training-gone', dir: join(run, 'gone'), files: [], durationMs: 0 };
    expect(await failing(answersUnit(base(true), gone, file, generation))).toMatchObject({
      code: 'server-adapter',
    });
    fake.takesAdapters = false;
    expect(await failing(answersUnit(base(true), trainedArm(), file, generation))).toMatchObject({
      code: 'server-no-adapters',
    });
    const whole = { ...gone, dir: join(run, 'whole') };
    mkdirSync(join(whole.dir, 'model'), { recursive: true });
    expect(await failing(answersUnit(base(true), whole, file, generation))).toMatchObject({
      code: 'server-full',
    });
    expect(() => serverBase(loadConfig(null, { 'server.url': url, 'training.method': 'full' }))).toThrow(
      'adapters only',
    );
    expect(() => serverBase(loadConfig(null, { 'server.url': 'gpu1:8000' }))).toThrow('not of the web');
    expect(() => serverBase(loadConfig(null, { 'server.scoring': true }))).toThrow('no server is named');
  });
});

describe('a unit that is stopped', () => {
  it('keeps what was answered when it fails or is asked to stop, and asks for the rest alone', async () => {
    const spec = referenceUnit(base(true));
    fake.fault = ({ index }) => (index === 10 ? { status: 400 } : null);
    await expect(work(spec)).rejects.toMatchObject({ code: 'server-refused' });
    const kept = fake.answered.size;
    expect(kept).toBeGreaterThan(4);
    // Longer than the runner looks up.
    fake.delayMs = 150;
    await expect(work(spec, () => fake.answered.size >= kept + 5)).rejects.toMatchObject({ code: 'stopped' });
    expect(fake.answered.size).toBeLessThan(pairs.length);
    fake.delayMs = 0;
    await work(spec);
    // Lost is at most what was under way.
    expect([...fake.answered.values()].reduce((sum, times) => sum + times - 1, 0)).toBeLessThanOrEqual(8);
    expect(fake.answered.size).toBe(pairs.length);
  });

  it('after kill -9 of the worker too, as often as it happens', async () => {
    fake.delayMs = 40;
    const spec = referenceUnit(base(true));
    const unitDir = prepareUnit(run, spec);
    for (const at of [6, 14]) {
      const worker = start(['worker', unitDir], { env: { WINNOW_SERVER_KEY: KEY } });
      await until('answers', () => fake.answered.size >= at);
      worker.process.kill('SIGKILL');
      await worker.ended;
      expect(isDone(unitDir)).toBe(false);
    }
    await winnowOk(['worker', unitDir], { env: { WINNOW_SERVER_KEY: KEY } });
    expect([...fake.answered.values()].reduce((sum, times) => sum + times - 1, 0)).toBeLessThanOrEqual(8);
    const want = await work({ ...referenceUnit(base(false)) });
    expectClose(scoresOf(readDone(run, spec) as UnitResult), scoresOf(want));
  });
});

describe('winnow doctor --server', () => {
  it('says what the server can be used for', async () => {
    const env = { WINNOW_SERVER_KEY: KEY };
    const findings = async () => {
      const { code, stdout } = await winnow(['doctor', '--server', url, '--json'], { env });
      const found = JSON.parse(stdout) as { findings: { what: string; state: string; says: string }[] };
      const own = found.findings.filter(({ what }) => what.startsWith('server'));
      return { code, states: own.map(({ state }) => state), says: own.map(({ says }) => says).join('; ') };
    };
    expect(await findings()).toMatchObject({ code: 0, states: ['ok', 'ok', 'ok'] });
    fake.takesAdapters = false;
    fake.fault = () => 'no echo';
    const poor = await findings();
    expect(poor).toMatchObject({ code: 1, states: ['ok', 'fault', 'warning'] });
    expect(poor.says).toContain('VLLM_ALLOW_RUNTIME_LORA_UPDATING');
    await fake.close();
    expect(await findings()).toMatchObject({ code: 1, states: ['fault'] });
    fake = new FakeServer(model);
    await fake.listen();
  });
});

describe('a whole run', () => {
  const world = tinyWorld('server-run');
  const plain = ['--set', 'evaluation.temperature=0'];
  const args = (out: string, more: readonly string[] = []) =>
    argumentsOf('run', world, { out, seeds: 1, arms: 'selected,full', more: [...plain, ...more] });
  const through = (...more: readonly string[]) =>
    [`server.url=${url}`, 'server.scoring=true', ...more].flatMap((key) => ['--set', key]);
  const env = { WINNOW_SERVER_KEY: KEY, WINNOW_SERVER_WAIT_MS: '1' };
  const engine = join(world.dir, 'engine');
  const served = join(world.dir, 'served');
  const doneOf = (out: string, kind: string) =>
    unitsOf(out, kind).map((unit) => {
      const [attempt = ''] = readdirSync(join(unit, 'attempts'));
      return { unit, dir: join(unit, 'attempts', attempt) };
    });

  beforeAll(async () => {
    await winnowOk(args(engine));
  }, 120_000);

  it('selects, trains and evaluates as with the engine; asks nothing anew, at another address either', async () => {
    await winnowOk(args(served, through()), { env });
    const order = (out: string) => readRows<string>(out, 'arms', 'selected', 'order.jsonl');
    expect(order(served)).toEqual(order(engine));
    // Of a scoring run both sides are the engine's: the reference is the engine's own, bit by bit.
    const [own, others] = [readScores(served), readScores(engine)];
    for (const key of ['refChosenLogProb', 'refRejectedLogProb'] as const)
      expect(own.map((row) => row[key])).toEqual(others.map((row) => row[key]));
    // The training had the server's, which differs in its last digits.
    own.forEach((row, i) => {
      expect(Math.abs(row.loss - (others[i]?.loss ?? Number.NaN))).toBeLessThan(1e-4);
    });
    const sorted = (out: string, kind: string, file: string) =>
      doneOf(out, kind)
        .map(({ dir: from }) =>
          readRows<Answer>(from, file)
            .map(({ text }) => text)
            .join('|'),
        )
        .sort();
    expect(sorted(served, 'answers-', 'answers.jsonl')).toEqual(sorted(engine, 'answers-', 'answers.jsonl'));
    expect(doneOf(served, 'reference-').length).toBe(2);
    expect(doneOf(served, 'held-out-').length).toBe(2);
    expect(fake.adapters).toEqual([]);
    const asked = fake.requests.length;
    await winnowOk(args(served, through('server.url=http://127.0.0.1:9/v1')), { env });
    expect(fake.requests.length).toBe(asked);
  }, 120_000);

  it('stops before any work where the server does not have the model, and before training where it takes no adapters', async () => {
    const out = join(world.dir, 'stops');
    const wrong = await winnow(args(out, through('server.model=other')), { env });
    expect({ code: wrong.code, units: unitsOf(out).length }).toEqual({ code: 2, units: 0 });
    expect(wrong.stderr).toContain('does not have this model');
    fake.takesAdapters = false;
    const refused = await winnow(args(out, through()), { env });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('VLLM_ALLOW_RUNTIME_LORA_UPDATING');
    expect(unitsOf(out, 'training')).toEqual([]);
    expect(refused.stderr + refused.stdout).not.toContain(KEY);
  }, 120_000);

  it('ends soon after Ctrl-C while the server is silent, with what was answered kept', async () => {
    const out = join(world.dir, 'ctrl-c');
    fake.fault = ({ index }) => (index >= 8 ? 'silent' : null);
    const live = start(args(out, through()), { env });
    await until('silence', () => fake.requests.length > 8);
    live.process.kill('SIGINT');
    expect((await live.ended).code).toBe(130);
    const before = fake.answered.size;
    fake.fault = () => null;
    await winnowOk(args(out, through()), { env });
    expect(before).toBe(8);
    expect([...fake.answered.values()].every((times) => times === 1)).toBe(true);
  }, 120_000);
});
