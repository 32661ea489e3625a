import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WinnowError } from '../src/base/errors.ts';
import { hubDataFile } from '../src/model/hub-data.ts';
import { COMMIT, FakeHub } from './fake-hub.ts';

let root: string;
let hub: FakeHub;
let saved: NodeJS.ProcessEnv;
const QUESTIONS = { type: 'dataset', name: 'org/tiny', path: 'data/question.jsonl' } as const;
const CONTENT = `${JSON.stringify({ question_id: 1, turns: ['one', 'two'] })}\n`;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'winnow-hub-data-'));
  hub = new FakeHub();
  hub.files.set(QUESTIONS.path, Buffer.from(CONTENT));
  saved = { ...process.env };
  for (const name of Object.keys(process.env).filter((key) => /^(HF|HUGGING\w*|TRANSFORMERS)_/.test(key)))
    delete process.env[name];
  Object.assign(process.env, { HF_HOME: root, HF_ENDPOINT: await hub.listen() });
});
afterEach(() => {
  hub.close();
  process.env = saved;
  rmSync(root, { recursive: true, force: true });
});

async function fault(work: Promise<unknown>): Promise<WinnowError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof WinnowError) return error;
  throw error ?? new Error('nothing was thrown');
}

it('fetches a file of a dataset into the hub’s ordinary cache, once', async () => {
  const file = await hubDataFile(QUESTIONS);
  expect(readFileSync(file, 'utf8')).toBe(CONTENT);
  expect(file).toBe(join(root, 'hub/datasets--org--tiny/snapshots', COMMIT, QUESTIONS.path));
  expect(readFileSync(join(root, 'hub/datasets--org--tiny/refs/main'), 'utf8')).toBe(COMMIT);
  const asked = hub.fetched.length;
  expect(await hubDataFile(QUESTIONS)).toBe(file);
  expect(hub.fetched.length).toBe(asked);
});

it('keeps a space apart from a dataset of the same name', async () => {
  const file = await hubDataFile({ ...QUESTIONS, type: 'space' });
  expect(file).toContain('spaces--org--tiny');
  expect(existsSync(join(root, 'hub/datasets--org--tiny'))).toBe(false);
});

it('takes what the cache has where the hub is out of reach, and says so', async () => {
  const file = await hubDataFile(QUESTIONS);
  hub.close();
  const notes: string[] = [];
  expect(await hubDataFile(QUESTIONS, { onNote: (text) => notes.push(text) })).toBe(file);
  expect(notes).toEqual([expect.stringContaining('the hub cannot be reached')]);
  process.env.HF_HUB_OFFLINE = '1';
  expect(await hubDataFile(QUESTIONS)).toBe(file);
});

it('tells a missing file, a missing dataset, a damaged file and a closed network apart', async () => {
  const missing = await fault(hubDataFile({ ...QUESTIONS, path: 'data/none.jsonl' }));
  expect([missing.code, missing.exitCode]).toEqual(['hub-not-found', 2]);
  expect(missing.message).toContain('data/none.jsonl');
  const unknown = await fault(hubDataFile({ ...QUESTIONS, name: 'org/none' }));
  expect([unknown.code, unknown.exitCode]).toEqual(['hub-not-found', 2]);
  hub.damaged = QUESTIONS.path;
  expect((await fault(hubDataFile(QUESTIONS))).code).toBe('hub-damaged');
  hub.close();
  const unreachable = await fault(hubDataFile(QUESTIONS));
  expect([unreachable.code, unreachable.exitCode]).toEqual(['hub-unreachable', 1]);
  process.env.HF_HUB_OFFLINE = '1';
  expect((await fault(hubDataFile(QUESTIONS))).code).toBe('hub-offline');
});
