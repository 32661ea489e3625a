import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeJudge } from './fake-judge.ts';

/** The built library: a process of its own that asks, as a user's would. */
const LIBRARY = join(import.meta.dirname, '..', 'dist', 'index.mjs');
const KEY = 'sk-child-0d8e5b7a91c246f3';
const CONCURRENCY = 6;

let fake: FakeJudge;
let folder: string;
let baseUrl: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-judge-'));
  fake = new FakeJudge();
  fake.key = KEY;
  fake.delayMs = ({ index }) => 2 + (index % 5);
  baseUrl = await fake.listen();
});

afterEach(() => {
  fake.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Compares `count` pairs of answers; prints the judgment’s numbers as JSON. */
function judging(count: number): { readonly child: ChildProcess; readonly said: () => string } {
  const program = `
    import { builtInTemplate, openChatClient, pairwiseJudge } from ${JSON.stringify(`file://${LIBRARY}`)};
    const client = openChatClient({ cache: ${JSON.stringify(folder)}, concurrency: ${CONCURRENCY} });
    const judge = pairwiseJudge({ client, model: 'judge-1', template: builtInTemplate('pairwise-five') });
    const duels = Array.from({ length: ${count} }, (_, i) => ({
      id: String(i), conversation: [{ role: 'user', content: 'prompt ' + i }], opponent: 'x'.repeat(1 + (i % 4)), model: 'y'.repeat(1 + (i % 5)),
    }));
    const { verdicts, stopped, spending } = await judge.compare(duels);
    await client.close();
    console.log(JSON.stringify({ wins: verdicts.map(({ win }) => win), stopped, spending }));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: {
      ...process.env,
      OPENAI_BASE_URL: baseUrl,
      OPENAI_API_KEY: KEY,
      WINNOW_JUDGE_URL: '',
      WINNOW_JUDGE_KEY: '',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => (text += data.toString()));
  return { child, said: () => text };
}

interface Said {
  readonly wins: readonly (number | null)[];
  readonly stopped: unknown;
  readonly spending: { readonly paid: number; readonly cached: number };
}

async function finished({ child, said }: ReturnType<typeof judging>): Promise<Said> {
  const [code] = await once(child, 'close');
  expect(code, said()).toBe(0);
  return JSON.parse(said()) as Said;
}

/** Whole lines of all files of the cache. */
function cachedReplies(): number {
  const replies = join(folder, 'replies');
  if (!existsSync(replies)) return 0;
  return readdirSync(replies)
    .map((name) => readFileSync(join(replies, name), 'utf8').split('\n').length - 1)
    .reduce((sum, lines) => sum + lines, 0);
}

const expected = (count: number) =>
  Array.from({ length: count }, (_, i) => (1 + Math.sign((i % 5) - (i % 4))) / 2);
/** Equal lengths are equal answers only when both are of one letter: x and y differ, so all are asked. */
const ASKS_A_DUEL = 2;

describe('kill -9', () => {
  it('what was answered is never asked again, however often the work is killed', async () => {
    const count = 150;
    let kept = 0;
    for (const at of [40, 120, 200]) {
      const run = judging(count);
      while (cachedReplies() < at) await new Promise((resolve) => setTimeout(resolve, 5));
      run.child.kill('SIGKILL');
      await once(run.child, 'close');
      kept = cachedReplies();
      expect(kept).toBeGreaterThanOrEqual(at);
      expect(run.said()).toBe('');
    }
    const before = fake.requests.length;
    const { wins, stopped, spending } = await finished(judging(count));
    expect(stopped).toBeNull();
    expect(wins).toEqual(expected(count));
    expect(spending).toMatchObject({ paid: ASKS_A_DUEL * count - kept, cached: kept });
    expect(fake.requests.length - before).toBe(ASKS_A_DUEL * count - kept);
    // Lost were at most the replies that were under way when a process died.
    expect(fake.answeredTwice).toBeLessThanOrEqual(3 * CONCURRENCY);
  });

  it('two processes share the work and the cache; when one is killed the other goes on with its share', async () => {
    const count = 150;
    const [one, two] = [judging(count), judging(count)];
    while (cachedReplies() < 60) await new Promise((resolve) => setTimeout(resolve, 5));
    one.child.kill('SIGKILL');
    const { wins, stopped } = await finished(two);
    expect(stopped).toBeNull();
    expect(wins).toEqual(expected(count));
    expect(cachedReplies()).toBe(ASKS_A_DUEL * count);
    expect(fake.requests.length).toBeLessThanOrEqual(ASKS_A_DUEL * count + CONCURRENCY);
    // And a third has nothing to pay.
    const third = await finished(judging(count));
    expect(third.wins).toEqual(wins);
    expect(third.spending).toMatchObject({ paid: 0, cached: ASKS_A_DUEL * count });
  });

  it('the key of the environment is in no file and no output', async () => {
    const run = judging(5);
    await finished(run);
    expect(fake.authorizations).toEqual(new Set([`Bearer ${KEY}`]));
    fake.key = 'another';
    const refused = judging(8);
    await once(refused.child, 'close');
    expect(refused.said()).toContain('judge-unauthorised');
    for (const text of [run.said(), refused.said()]) expect(text).not.toContain(KEY);
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.jsonl'),
    );
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(readFileSync(join(folder, name), 'utf8')).not.toContain(KEY);
  });
});
