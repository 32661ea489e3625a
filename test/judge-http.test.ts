import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ask, AskOutcome } from '../src/judge/chat.ts';
import { type ChatClientOptions, openChatClient } from '../src/judge/chat-client.ts';
import { type FakeFault, FakeJudge, faultsAt } from './fake-judge.ts';

const KEY = 'sk-test-4f8a1c97e2b3d605';
const PRICE = { inputUsdPerMillion: 2, outputUsdPerMillion: 8 };
/** Waits short enough for a test, long enough to be seen. */
const RETRY = { firstWaitMs: 2, longestWaitMs: 200 };

let fake: FakeJudge;
let folder: string;
let baseUrl: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-judge-'));
  fake = new FakeJudge();
  fake.key = KEY;
  fake.answer = ({ messages }) => `You asked: ${messages.at(-1)?.content}`;
  baseUrl = await fake.listen();
});

afterEach(() => {
  fake.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (options: Partial<ChatClientOptions> = {}) =>
  openChatClient({ baseUrl, key: KEY, cache: folder, retry: RETRY, service: 'test', ...options });
const ask = (content: string, more: Partial<Ask> = {}): Ask => ({
  model: 'judge-1',
  messages: [{ role: 'user', content }],
  sampling: { maxTokens: 100, temperature: 0 },
  ...more,
});
const asksOf = (count: number) => Array.from({ length: count }, (_, i) => ask(`question ${i}`));
const texts = (outcomes: readonly AskOutcome[]) =>
  outcomes.map((outcome) => (outcome.answered ? outcome.reply.text : outcome.failure));
const right = (count: number) => asksOf(count).map(({ messages }) => `You asked: ${messages[0]?.content}`);
const filesOf = (at: string) =>
  readdirSync(at, { recursive: true, encoding: 'utf8' })
    .map((name) => join(at, name))
    .filter((path) => statSync(path).isFile());

describe('asking', () => {
  it('sends what OpenAI’s chat completions want', async () => {
    const client = open();
    const sampling = {
      maxTokens: 1,
      temperature: 1,
      topP: 0.9,
      seed: 7,
      topLogProbs: 5,
      more: { user: 'me' },
    };
    await client.ask([ask('hello', { sampling })]);
    expect(fake.requests[0]?.body).toEqual({
      model: 'judge-1',
      messages: [{ role: 'user', content: 'hello' }],
      max_tokens: 1,
      temperature: 1,
      top_p: 0.9,
      seed: 7,
      logprobs: true,
      top_logprobs: 5,
      user: 'me',
    });
    expect([...fake.authorizations]).toEqual([`Bearer ${KEY}`]);
    await client.close();
  });

  it('gives each ask its own reply, in order, with tokens and money', async () => {
    const client = open({ price: PRICE });
    const { outcomes, stopped } = await client.ask(asksOf(50));
    expect(stopped).toBeNull();
    expect(texts(outcomes)).toEqual(right(50));
    const spending = client.spending();
    expect(spending).toMatchObject({ paid: 50, cached: 0, failed: 0, retries: 0, estimatedReplies: 0 });
    expect(spending.promptTokens).toBe(fake.charged.prompt);
    expect(spending.usd).toBeCloseTo(fake.chargedUsd(PRICE), 12);
    expect(spending.possiblyUsd).toBe(0);
    expect(outcomes[0]).toMatchObject({ reply: { servedBy: 'judge-1-as-served', finish: 'stop' } });
    await client.close();
  });

  it('keeps to its limit of requests at a time, and begins with one', async () => {
    fake.delayMs = 20;
    const client = open({ concurrency: 3 });
    await client.ask(asksOf(12));
    expect(fake.mostAtOnce).toBe(3);
    await client.close();

    fake.key = 'another';
    const refused = open({ concurrency: 64, cache: null });
    const before = fake.authorizations.size;
    await refused.ask(asksOf(200));
    expect(fake.authorizations.size - before).toBe(0);
    expect(fake.requests).toHaveLength(12);
  });

  it('pays twins once, and tells of the others that they were cached', async () => {
    const client = open();
    const { outcomes } = await client.ask([ask('same'), ask('other'), ask('same')]);
    expect(outcomes.map((outcome) => outcome.answered && outcome.cached)).toEqual([false, false, true]);
    expect(fake.requests).toHaveLength(2);
    expect(client.spending()).toMatchObject({ paid: 2, cached: 1 });
    await client.close();
  });

  it('repeats are questions of their own', async () => {
    const client = open();
    await client.ask([0, 1, 2].map((repeat) => ask('same', { repeat })));
    await client.ask([ask('same', { repeat: 1, again: 1 })]);
    expect(fake.requests).toHaveLength(4);
    await client.close();
  });

  it('estimates tokens where the server tells none, and says so', async () => {
    fake.tellsUsage = false;
    fake.answer = () => 'x'.repeat(40);
    const client = open({ price: PRICE });
    const { outcomes } = await client.ask([ask('y'.repeat(200))]);
    expect(outcomes[0]).toMatchObject({ reply: { tokens: { prompt: 50, completion: 10, estimated: true } } });
    const { estimatedReplies, usd, possiblyUsd } = client.spending();
    expect(estimatedReplies).toBe(1);
    expect(usd).toBeCloseTo((50 * 2 + 10 * 8) / 1e6, 15);
    // Up to what was reserved: 200 bytes, 16 a message and 128; and all 100 tokens of the reply.
    expect((usd as number) + (possiblyUsd as number)).toBeCloseTo((344 * 2 + 100 * 8) / 1e6, 15);
    await client.close();
  });

  it('an interruption ends requests under way and keeps what was answered', async () => {
    fake.delayMs = ({ index }) => (index < 5 ? 1 : 30_000);
    const abort = new AbortController();
    const client = open({ concurrency: 4 });
    const started = Date.now();
    const { outcomes, stopped } = await client.ask(asksOf(50), {
      signal: abort.signal,
      onProgress: ({ done }) => done === 5 && setTimeout(() => abort.abort(), 100),
    });
    expect(Date.now() - started).toBeLessThan(20_000);
    expect(stopped?.reason).toBe('aborted');
    expect(texts(outcomes).slice(0, 5)).toEqual(right(5));
    expect(new Set(texts(outcomes).slice(5))).toEqual(new Set(['aborted']));
    expect(client.spending()).toMatchObject({ paid: 5, failed: 0 });
    await client.close();
  });

  it('interrupted before it began it asks nothing, but gives what is cached', async () => {
    const client = open();
    await client.ask(asksOf(3));
    const { outcomes, stopped } = await client.ask(asksOf(6), { signal: AbortSignal.abort() });
    expect(texts(outcomes)).toEqual([...right(3), 'aborted', 'aborted', 'aborted']);
    expect(stopped?.reason).toBe('aborted');
    expect(fake.requests).toHaveLength(3);
    await client.close();
  });
});

describe('faults of the server', () => {
  const FAULTS = [
    { status: 408 },
    { status: 409 },
    { status: 429 },
    { status: 500 },
    { status: 502, body: '<html>Bad gateway</html>' },
    { status: 503 },
    'cut before',
    'cut in the middle',
    'broken JSON',
    'no completion',
  ] as const;

  it.each(FAULTS)('%j passes: the question is asked again', async (fault) => {
    fake.fault = ({ before, index }) => (before === 0 && index % 3 === 1 ? fault : null);
    const client = open();
    const { outcomes, stopped } = await client.ask(asksOf(12));
    expect(stopped).toBeNull();
    expect(texts(outcomes)).toEqual(right(12));
    expect(client.spending().retries).toBe(fake.requests.length - 12);
    expect(client.spending().retries).toBeGreaterThan(0);
    expect(fake.answeredTwice).toBe(0);
    await client.close();
  });

  it('silence is a timeout, and then asked again', async () => {
    fake.fault = ({ before }) => (before === 0 ? 'silent' : null);
    const client = open({ timeoutMs: 1_000, concurrency: 6 });
    const { outcomes } = await client.ask(asksOf(6));
    expect(texts(outcomes)).toEqual(right(6));
    expect(client.spending().retries).toBeGreaterThanOrEqual(6);
    await client.close();
  });

  it('one question that fails for good is counted by its cause, and the others are not lost', async () => {
    const bad = new Map<string | undefined, FakeFault>([
      ['question 3', { status: 500 }],
      ['question 5', 'broken JSON'],
      ['question 7', 'cut before'],
      ['question 9', { status: 400, body: '{"error":{"message":"too long"}}' }],
    ]);
    fake.fault = ({ messages }) => bad.get(messages[0]?.content) ?? null;
    const client = open({ retry: { ...RETRY, attempts: 3 } });
    const { outcomes, stopped } = await client.ask(asksOf(12));
    expect(stopped).toBeNull();
    expect(texts(outcomes)).toEqual(
      right(12).map(
        (text, i) => ({ 3: 'server-error', 5: 'broken-reply', 7: 'connection', 9: 'refused' })[i] ?? text,
      ),
    );
    expect(outcomes[3]).toMatchObject({ attempts: 3, message: 'status 500: status 500 as told' });
    expect(outcomes[9]).toMatchObject({ attempts: 1, message: 'status 400: too long' });
    expect(client.spending()).toMatchObject({ paid: 8, failed: 4 });
    // Asked again later, when the service is well: only these.
    fake.fault = () => null;
    const before = fake.requests.length;
    expect(texts((await client.ask(asksOf(12))).outcomes)).toEqual(right(12));
    expect(fake.requests.length - before).toBe(4);
    await client.close();
  });

  it.each([
    ['seconds', () => '1'],
    ['an HTTP date', () => new Date(Date.now() + 2_000).toUTCString()],
  ])('Retry-After in %s is waited for, by all', async (_, after) => {
    const arrivals: number[] = [];
    let limited = 0;
    fake.fault = ({ index }) => {
      const now = Date.now();
      if (limited > 0) arrivals.push(now);
      if (index !== 4) return null;
      limited = now;
      return { status: 429, headers: { 'retry-after': after() } };
    };
    const client = open({ concurrency: 2, retry: { ...RETRY, longestWaitMs: 60_000 } });
    expect(texts((await client.ask(asksOf(8))).outcomes)).toEqual(right(8));
    expect(arrivals.length).toBeGreaterThanOrEqual(3);
    // One request may have been under way. A date has whole seconds.
    expect(arrivals.filter((time) => time < limited + 990).length).toBeLessThanOrEqual(1);
    await client.close();
  });

  it('retry-after-ms goes before Retry-After', async () => {
    fake.fault = ({ index }) =>
      index === 0 ? { status: 429, headers: { 'retry-after': '3000', 'retry-after-ms': '10' } } : null;
    const client = open();
    expect(texts((await client.ask(asksOf(2))).outcomes)).toEqual(right(2));
    await client.close();
  });

  it('being told to wait for hours ends the work with what was done', async () => {
    fake.fault = ({ index }) => (index >= 5 ? { status: 429, headers: { 'retry-after': '86400' } } : null);
    const client = open();
    const { outcomes, stopped } = await client.ask(asksOf(20));
    expect(stopped).toMatchObject({ reason: 'error', error: { code: 'judge-rate-limit', kind: 'machine' } });
    expect(texts(outcomes).filter((text) => text.startsWith('You'))).toHaveLength(5);
    await client.close();
  });

  it('being told to wait again and again is not counted as a failure', async () => {
    fake.fault = ({ before }) => (before < 12 ? { status: 429, headers: { 'retry-after-ms': '1' } } : null);
    const client = open({ retry: { ...RETRY, attempts: 2 } });
    expect(texts((await client.ask(asksOf(3))).outcomes)).toEqual(right(3));
    await client.close();
  });

  it('no credit ends the work at once', async () => {
    const body = '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}';
    fake.fault = ({ index }) => (index === 3 ? { status: 429, body } : null);
    const client = open({ concurrency: 1 });
    const { outcomes, stopped } = await client.ask(asksOf(20));
    expect(stopped?.error?.code).toBe('judge-no-credit');
    expect(texts(outcomes).slice(0, 4)).toEqual([...right(3), 'refused']);
    expect(fake.requests).toHaveLength(4);
    await client.close();
  });

  it.each([
    [401, 'judge-unauthorised', 1],
    [404, 'judge-not-found', 1],
    [308, 'judge-url', 1],
    [400, 'judge-refused', 3],
    [403, 'judge-refused', 3],
  ])('status %i from the beginning ends the work: %s', async (status, code, requests) => {
    fake.fault = () => ({ status, headers: { location: '/elsewhere' } });
    const client = open();
    const { outcomes, stopped } = await client.ask(asksOf(40));
    expect(stopped).toMatchObject({ reason: 'error', error: { code, exitCode: 2 } });
    expect(fake.requests).toHaveLength(requests);
    expect(texts(outcomes).slice(requests)).toEqual(Array(40 - requests).fill('stopped'));
    await client.close();
  });

  it('a server that is gone ends the work after ten questions, not after all', async () => {
    fake.fault = ({ index }) => (index === 30 ? 'die' : null);
    const client = open({ retry: { ...RETRY, attempts: 2 }, concurrency: 4, price: PRICE });
    const { outcomes, stopped } = await client.ask(asksOf(500));
    expect(stopped?.error).toMatchObject({ code: 'judge-unreachable', exitCode: 1 });
    const answered = texts(outcomes).filter((text) => text.startsWith('You'));
    expect(answered.length).toBeGreaterThan(25);
    expect(texts(outcomes).filter((text) => text === 'connection').length).toBeLessThan(20);
    // It comes back: nothing that was answered is asked again.
    await fake.listen(Number(new URL(baseUrl).port));
    fake.fault = () => null;
    expect(texts((await client.ask(asksOf(500))).outcomes)).toEqual(right(500));
    expect(fake.answeredTwice).toBe(0);
    await client.close();
  });

  it('2,000 questions with 5 % faults are all answered, each paid once', async () => {
    fake.fault = faultsAt(0.05, [
      'cut before',
      'cut in the middle',
      'broken JSON',
      { status: 500 },
      { status: 429 },
    ]);
    const client = open({ concurrency: 16, price: PRICE, budgetUsd: 10 });
    const { outcomes, stopped } = await client.ask(asksOf(2_000));
    expect(stopped).toBeNull();
    expect(texts(outcomes)).toEqual(right(2_000));
    expect(fake.answeredTwice).toBe(0);
    expect(fake.answered.size).toBe(2_000);
    const { usd, possiblyUsd, paid, retries } = client.spending();
    expect(paid).toBe(2_000);
    expect(retries).toBe(fake.requests.length - 2_000);
    expect(retries).toBeGreaterThan(50);
    expect((usd as number) + (possiblyUsd as number)).toBeGreaterThanOrEqual(fake.chargedUsd(PRICE));
    await client.close();
  });
});

describe('the cache', () => {
  it('answers the same questions for nothing, in another process’s life too', async () => {
    const first = open();
    await first.ask(asksOf(20));
    await first.close();
    const second = open({ price: PRICE });
    const { outcomes } = await second.ask(asksOf(25));
    expect(texts(outcomes)).toEqual(right(25));
    expect(fake.requests).toHaveLength(25);
    expect(second.spending()).toMatchObject({ paid: 5, cached: 20 });
    await second.close();
  });

  it('knows a question by service, model, messages, sampling and repeat', async () => {
    const client = open();
    await client.ask([ask('a')]);
    const others = [
      ask('b'),
      ask('a', { model: 'judge-2' }),
      ask('a', { sampling: { maxTokens: 100, temperature: 1 } }),
      ask('a', { sampling: { maxTokens: 100 } }),
      ask('a', { repeat: 1 }),
      ask('a', { messages: [{ role: 'system', content: 'a' }] }),
    ];
    await client.ask(others);
    expect(fake.requests).toHaveLength(1 + others.length);
    await client.close();
    const elsewhere = open({ service: 'another' });
    await elsewhere.ask([ask('a')]);
    expect(fake.requests).toHaveLength(2 + others.length);
    await elsewhere.close();
    // The order of keys and how the request travels change nothing.
    const same = open({ maxTokensField: 'max_completion_tokens' });
    await same.ask([ask('a', { sampling: { temperature: 0, maxTokens: 100 }, repeat: 0 })]);
    expect(fake.requests).toHaveLength(2 + others.length);
    await same.close();
  });

  it('a last line that was cut is asked again; the rest is kept', async () => {
    const first = open({ concurrency: 1 });
    await first.ask(asksOf(10));
    await first.close();
    const [file] = filesOf(join(folder, 'replies')) as [string];
    const whole = readFileSync(file);
    for (const cut of [1, 2, 30]) {
      writeFileSync(file, whole.subarray(0, whole.length - cut));
      const client = open();
      const before = fake.requests.length;
      expect(texts((await client.ask(asksOf(10))).outcomes)).toEqual(right(10));
      // Cut by its line end alone, the line is whole.
      expect(fake.requests.length - before).toBe(cut === 1 ? 0 : 1);
      await client.close();
      for (const path of filesOf(join(folder, 'replies'))) if (path !== file) rmSync(path);
    }
  });

  it('any other broken line is told with its place, before anything is paid', async () => {
    const first = open({ concurrency: 1 });
    await first.ask(asksOf(10));
    await first.close();
    const [file] = filesOf(join(folder, 'replies')) as [string];
    const lines = readFileSync(file, 'utf8').split('\n');
    const whole = lines[4] as string;
    for (const broken of [
      '{',
      whole.slice(0, -3),
      whole.replace('"text"', '"test"'),
      'null',
      whole.slice(1),
    ]) {
      lines[4] = broken;
      writeFileSync(file, lines.join('\n'));
      expect(() => open()).toThrow(
        expect.objectContaining({
          code: 'judge-cache',
          exitCode: 2,
          fields: expect.objectContaining({ file, line: 5 }),
        }),
      );
    }
  });

  it('two clients with one folder never pay a question twice', async () => {
    fake.delayMs = 5;
    const [one, two] = [open({ concurrency: 8 }), open({ concurrency: 8 })];
    const asks = asksOf(120);
    const results = await Promise.all([one.ask(asks), two.ask(asks), two.ask([...asks].reverse())]);
    expect(texts(results[0].outcomes)).toEqual(right(120));
    expect(texts(results[1].outcomes)).toEqual(right(120));
    expect(texts(results[2].outcomes)).toEqual(right(120).reverse());
    expect(fake.requests).toHaveLength(120);
    expect(one.spending().paid + two.spending().paid).toBe(120);
    await Promise.all([one.close(), two.close()]);
    expect(readdirSync(join(folder, 'claims'))).toEqual([]);
  });

  it('what another failed to get answered is asked by the one that waited', async () => {
    fake.fault = ({ index }) => (index === 0 ? { status: 500 } : null);
    fake.delayMs = 100;
    const [one, two] = [open({ retry: { ...RETRY, attempts: 1 } }), open()];
    const first = one.ask(asksOf(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const [failed, answered] = await Promise.all([first, two.ask(asksOf(1))]);
    expect(texts(failed.outcomes)).toEqual(['server-error']);
    expect(texts(answered.outcomes)).toEqual(right(1));
    await Promise.all([one.close(), two.close()]);
  });

  it('a folder that cannot be written ends the work before the next question is paid', async () => {
    const client = open({ concurrency: 1 });
    rmSync(join(folder, 'replies'), { recursive: true });
    writeFileSync(join(folder, 'replies'), 'a file');
    const { stopped } = await client.ask(asksOf(20));
    expect(stopped?.reason).toBe('error');
    expect(fake.requests.length).toBeLessThanOrEqual(1);
    await client.close();
  });
});

describe('money', () => {
  it('an estimate says what is cached, what is to pay, and at most how much', async () => {
    const client = open({ price: PRICE });
    const asks = [...asksOf(10), ask('question 0')];
    const before = client.estimate(asks);
    expect(before).toMatchObject({
      asks: 11,
      cached: 1,
      fresh: 10,
      completionTokensMost: 1_000,
      cachedUsd: 0,
    });
    expect(before.promptTokens).toBe(30); // "question 0" has ten bytes
    expect(before.completionTokens).toBe(1_000);
    expect(before.usd).toBeCloseTo((30 * 2 + 1_000 * 8) / 1e6, 15);
    expect(before.usdMost).toBeCloseTo((10 * (10 + 16 + 128) * 2 + 1_000 * 8) / 1e6, 15);
    expect(fake.requests).toHaveLength(0);
    await client.ask(asks.slice(0, 4));
    const after = client.estimate(asks);
    expect(after).toMatchObject({ asks: 11, cached: 5, fresh: 6, completionTokens: 6 * 5 });
    expect(after.cachedUsd).toBeCloseTo(fake.chargedUsd(PRICE), 15);
    await client.ask(asks);
    expect(client.estimate(asks)).toMatchObject({ cached: 11, fresh: 0, usd: 0, usdMost: 0 });
    await client.close();
  });

  it('the most of the estimate is enough', async () => {
    const probe = open({ price: PRICE });
    const budgetUsd = probe.estimate(asksOf(60)).usdMost as number;
    await probe.close();
    const client = open({ price: PRICE, budgetUsd });
    const { stopped } = await client.ask(asksOf(60));
    expect(stopped).toBeNull();
    await client.close();
  });

  it.each([1, 4, 16])('a budget is never exceeded, with %i at a time', async (concurrency) => {
    const budgetUsd = 0.02;
    fake.delayMs = ({ index }) => index % 7;
    const client = open({ price: PRICE, budgetUsd, concurrency });
    let most = 0;
    const { outcomes, stopped } = await client.ask(asksOf(400), {
      onProgress: ({ spending }) => {
        most = Math.max(most, (spending.usd as number) + (spending.possiblyUsd as number));
      },
    });
    expect(stopped?.reason).toBe('budget');
    expect(stopped?.message).toMatch(/^the budget of 0\.02 USD is reached/);
    expect(fake.chargedUsd(PRICE)).toBeLessThanOrEqual(budgetUsd);
    expect(most).toBeLessThanOrEqual(budgetUsd);
    // It was used: no room for one more question at its dearest.
    expect(client.spending().usd).toBeGreaterThan(budgetUsd - 0.0012);
    const answered = texts(outcomes).filter((text) => text.startsWith('You')).length;
    expect(answered).toBe(client.spending().paid);
    expect(texts(outcomes).filter((text) => text === 'budget')).toHaveLength(400 - answered);
    await client.close();
    // The next run goes on where it stopped.
    const next = open({ price: PRICE, budgetUsd: 10 });
    expect(texts((await next.ask(asksOf(400))).outcomes)).toEqual(right(400));
    expect(next.spending().paid).toBe(400 - answered);
    await next.close();
  });

  it('answers that were lost count as possibly paid', async () => {
    fake.fault = faultsAt(0.4, ['cut before', 'cut in the middle', 'broken JSON', { status: 500 }], 3);
    const budgetUsd = 0.03;
    const client = open({ price: PRICE, budgetUsd, concurrency: 8 });
    const { stopped } = await client.ask(asksOf(400));
    expect(stopped?.reason).toBe('budget');
    expect(fake.chargedUsd(PRICE)).toBeLessThanOrEqual(budgetUsd);
    const { usd, possiblyUsd } = client.spending();
    expect(possiblyUsd).toBeGreaterThan(0);
    expect((usd as number) + (possiblyUsd as number)).toBeLessThanOrEqual(budgetUsd);
    await client.close();
  });

  it('being turned away costs nothing', async () => {
    fake.fault = ({ before }) => (before < 3 ? { status: before === 1 ? 503 : 429 } : null);
    const client = open({ price: PRICE, budgetUsd: 1 });
    await client.ask(asksOf(5));
    expect(client.spending().possiblyUsd).toBe(0);
    await client.close();
  });

  it('a budget of nothing asks nothing; without a price there is no budget', async () => {
    const client = open({ price: PRICE, budgetUsd: 0 });
    expect((await client.ask(asksOf(3))).stopped?.reason).toBe('budget');
    expect(fake.requests).toHaveLength(0);
    await client.close();
    expect(() => open({ budgetUsd: 1 })).toThrow(expect.objectContaining({ code: 'judge-price' }));
    expect(() => open({ budgetUsd: Number.NaN, price: PRICE })).toThrow(
      expect.objectContaining({ code: 'judge-options' }),
    );
    expect(() => open({ price: { inputUsdPerMillion: -1, outputUsdPerMillion: 1 } })).toThrow(
      expect.objectContaining({ code: 'judge-options' }),
    );
  });
});

describe('the key', () => {
  it('is in no file, message or result, even where the server says it', async () => {
    const told: unknown[] = [];
    fake.fault = ({ index }) =>
      index === 1
        ? { status: 500, body: `{"error":"key ${KEY} is broken"}` }
        : index === 2
          ? { status: 400, body: KEY }
          : null;
    fake.answer = () => ({ text: `your key is ${KEY}`, finish: KEY });
    const client = open({ retry: { ...RETRY, attempts: 1 }, concurrency: 1 });
    told.push(await client.ask(asksOf(6), { onProgress: (progress) => told.push(progress) }));
    fake.key = 'other';
    const second = await client.ask([ask('new')]);
    expect(second.stopped?.error?.message).toMatch(/does not accept the key.*\*\*\*/);
    told.push(
      second,
      second.stopped?.error?.message,
      second.stopped?.error?.stack,
      client.estimate([ask('x')]),
    );
    told.push(client.service);
    await client.close();
    expect(JSON.stringify(told)).not.toContain(KEY);
    expect(JSON.stringify(told)).toContain('your key is ***');
    const files = filesOf(folder);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(readFileSync(file, 'utf8')).not.toContain(KEY);
  });

  it('is not sent on by a redirect', async () => {
    const other = new FakeJudge();
    const location = `${await other.listen()}/chat/completions`;
    fake.fault = () => ({ status: 307, headers: { location } });
    const client = open();
    expect((await client.ask(asksOf(1))).stopped?.error?.code).toBe('judge-url');
    expect(other.requests).toHaveLength(0);
    other.close();
    await client.close();
  });
});
