import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seeded } from '../base/fuzz.fixture.ts';
import { askKey } from './ask-key.ts';
import { Budget } from './budget.ts';
import type { Ask, Estimate } from './chat.ts';
import { Claims } from './claims.ts';
import { costUsd, estimatedTokens, mostTokens, tokensOf } from './cost.ts';
import { completionsUrl, hideKey, hideKeys, judgeEndpoint, serviceName } from './endpoint.ts';
import { dollars, estimateText } from './estimate.ts';
import { backoffMs, RETRY, retryAfterMs } from './retry.ts';
import { Throttle } from './throttle.ts';
import { readReply } from './wire.ts';

const ask = (more: Partial<Ask> = {}): Ask => ({
  model: 'm',
  messages: [{ role: 'user', content: 'hello' }],
  sampling: { maxTokens: 10 },
  ...more,
});

describe('the endpoint', () => {
  it('the caller’s goes before WINNOW_JUDGE_…, and these before OPENAI_…', () => {
    const env = {
      WINNOW_JUDGE_URL: 'http://one:8000/v1/',
      WINNOW_JUDGE_KEY: 'key-one-1',
      OPENAI_BASE_URL: 'http://two/v1',
      OPENAI_API_KEY: 'key-two-2',
    };
    expect(judgeEndpoint({ baseUrl: 'https://three/x', key: 'key-three' }, env)).toMatchObject({
      baseUrl: 'https://three/x',
      key: 'key-three',
    });
    expect(judgeEndpoint({}, env)).toEqual({
      baseUrl: 'http://one:8000/v1',
      key: 'key-one-1',
      keyWithheld: false,
    });
    const { WINNOW_JUDGE_URL, WINNOW_JUDGE_KEY, ...openAi } = env;
    expect(judgeEndpoint({}, openAi)).toMatchObject({ baseUrl: 'http://two/v1', key: 'key-two-2' });
  });

  it('OPENAI_API_KEY alone means OpenAI; without it and an address nothing is asked', () => {
    expect(judgeEndpoint({}, { OPENAI_API_KEY: 'key-two-2' })).toMatchObject({
      baseUrl: 'https://api.openai.com/v1',
      key: 'key-two-2',
    });
    for (const env of [{}, { WINNOW_JUDGE_KEY: 'key-one-1' }, { OPENAI_BASE_URL: ' ', OPENAI_API_KEY: '' }])
      expect(() => judgeEndpoint({}, env)).toThrow(
        expect.objectContaining({ code: 'judge-url', exitCode: 2 }),
      );
    expect(judgeEndpoint({ baseUrl: 'http://127.0.0.1:1/v1' }, {}).key).toBeNull();
  });

  it('OPENAI_API_KEY is not sent to an address that is named otherwise', () => {
    const env = { WINNOW_JUDGE_URL: 'https://other.example/v1', OPENAI_API_KEY: 'key-two-2' };
    expect(judgeEndpoint({}, env)).toMatchObject({ key: null, keyWithheld: true });
    expect(
      judgeEndpoint({ baseUrl: 'https://other.example' }, { OPENAI_API_KEY: 'key-two-2' }).key,
    ).toBeNull();
    // The same service by another path is the same service.
    expect(judgeEndpoint({ baseUrl: 'https://api.openai.com/v2' }, { OPENAI_API_KEY: 'key-two-2' }).key).toBe(
      'key-two-2',
    );
    expect(
      judgeEndpoint(
        { baseUrl: 'http://two/v2' },
        { OPENAI_API_KEY: 'key-two-2', OPENAI_BASE_URL: 'http://two/v1' },
      ).key,
    ).toBe('key-two-2');
  });

  it.each(['not a url', 'ftp://x/y', 'http://user:secret-pw@host/v1', 'http://h/v1#a'])(
    '%s is refused',
    (baseUrl) => {
      try {
        judgeEndpoint({ baseUrl }, {});
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'judge-url' });
        expect(String(error)).not.toContain('secret-pw');
      }
    },
  );

  it.each(['secret key with spaces', 'secret\nkey', 'sécret-key'])(
    'a key that no header can hold is not shown: %j',
    (key) => {
      try {
        judgeEndpoint({ baseUrl: 'http://x', key }, {});
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'judge-key' });
        expect(String(error)).not.toContain('cret');
      }
    },
  );

  it('the path of chat completions is appended once; a query stays, but is not shown', () => {
    expect(completionsUrl('http://h/v1')).toBe('http://h/v1/chat/completions');
    const { baseUrl } = judgeEndpoint({ baseUrl: 'http://h/v1/chat/completions/' }, {});
    expect(completionsUrl(baseUrl)).toBe('http://h/v1/chat/completions');
    const dated = judgeEndpoint({ baseUrl: 'https://h/deployments/x?api-version=1' }, {}).baseUrl;
    expect(completionsUrl(dated)).toBe('https://h/deployments/x/chat/completions?api-version=1');
    expect(serviceName(dated)).toBe('https://h/deployments/x');
    expect(serviceName('http://h/')).toBe('http://h');
  });

  it('a key is hidden however it is written; placeholders are not secrets', () => {
    const key = 'ab/cd"ef+gh12';
    for (const form of [key, JSON.stringify(key), key.replaceAll('/', '\\/'), encodeURIComponent(key)])
      expect(hideKey(`say ${form}!`, key)).toMatch(/^say "?\*\*\*"?!$/);
    expect(hideKey('EMPTY is empty', 'EMPTY')).toBe('EMPTY is empty');
    expect(hideKey('text', null)).toBe('text');
    expect(hideKeys('key provided: sk-proj-12****abcd.', null)).toBe('key provided: ***');
  });
});

describe('the key of an ask', () => {
  it('is fixed: an old cache stays good', () => {
    expect(askKey(ask(), 'http://h/v1')).toBe(KEY_OF_HELLO);
  });
});

/** SHA-256 of {"again":0,"form":1,"messages":[{"content":"hello","role":"user"}],"model":"m","repeat":0,"sampling":{"maxTokens":10},"service":"http://h/v1"} */
const KEY_OF_HELLO = 'cfbf73341153cf79fe8060fdff11748d8d34a10ae820ffa455de478899d799ef';

describe('money', () => {
  it('costs are tokens times prices', () => {
    expect(
      costUsd({ prompt: 1_000_000, completion: 500_000 }, { inputUsdPerMillion: 2, outputUsdPerMillion: 8 }),
    ).toBe(6);
    expect(costUsd({ prompt: 0, completion: 0 }, { inputUsdPerMillion: 2, outputUsdPerMillion: 8 })).toBe(0);
  });

  it('tokens by length: four characters of English each', () => {
    expect(['', 'a', 'abcd', 'abcde', '日本語'].map(tokensOf)).toEqual([0, 1, 1, 2, 3]);
    expect(estimatedTokens(ask(), 'twelve chars')).toEqual({ prompt: 2, completion: 3 });
  });

  it('no estimate is above the most', () => {
    const message = fc.record({
      role: fc.constant('user'),
      content: fc.string({ unit: 'grapheme', maxLength: 200 }),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), (messages) => {
        const most = mostTokens(ask({ messages }));
        expect(most.prompt).toBeGreaterThan(estimatedTokens(ask({ messages }), '').prompt + 127);
        expect(most.completion).toBe(10);
      }),
      seeded(100),
    );
  });

  it('a budget holds whatever is reserved, spent and lost, in any order', async () => {
    const step = fc.record({ most: fc.nat(30), spent: fc.nat(30), lost: fc.boolean(), later: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(120), async (steps, limit) => {
        const budget = new Budget(limit / 7);
        const check = () =>
          expect(budget.spentUsd + budget.possiblyUsd).toBeLessThanOrEqual(limit / 7 + 1e-12);
        await Promise.all(
          steps.map(async ({ most, spent, lost, later }) => {
            if (!(await budget.reserve(most / 7))) return;
            for (let i = 0; i < later; i++) await Promise.resolve();
            if (lost) budget.settle(most / 7, 0, most / 7);
            else budget.settle(most / 7, Math.min(spent, most) / 7, 0);
            check();
          }),
        );
        check();
      }),
      seeded(200),
    );
  });

  it('a reservation waits for what others give back', async () => {
    const budget = new Budget(10);
    expect(await budget.reserve(8)).toBe(true);
    const waiting = budget.reserve(8);
    budget.settle(8, 1, 0);
    expect(await waiting).toBe(true);
    budget.settle(8, 1, 3);
    expect([budget.spentUsd, budget.possiblyUsd]).toEqual([2, 3]);
    expect(await budget.reserve(5.1)).toBe(false);
    expect(await budget.reserve(5)).toBe(true);
  });

  it('an estimate in one line', () => {
    const estimate: Estimate = {
      asks: 1_610,
      cached: 400,
      fresh: 1_210,
      promptTokens: 1_500_000,
      completionTokens: 300_000,
      completionTokensMost: 4_956_160,
      usd: 5.4,
      usdMost: 45.123,
      cachedUsd: 1.7,
    };
    expect(estimateText(estimate)).toBe(
      '1,610 questions, 400 of them answered by the cache: about 1,500,000 tokens in and 300,000 out, about 5.40 USD, never more than 45.12 USD without asking again',
    );
    const unknown = { ...estimate, cached: 0, completionTokens: 4_956_160, usd: null, usdMost: null };
    expect(estimateText(unknown)).toBe(
      '1,610 questions: about 1,500,000 tokens in and at most 4,956,160 out, price unknown',
    );
    expect(estimateText({ ...estimate, fresh: 0, cached: 1_610 })).toBe(
      '1,610 questions, all answered by the cache: nothing to pay',
    );
    expect([0, 1e-9, 0.0004, 0.0123, 1.005, 12].map(dollars)).toEqual([
      '0.00',
      '0.00',
      '0.0004',
      '0.01',
      '1.00',
      '12.00',
    ]);
  });
});

describe('waiting', () => {
  it('backoff doubles from half to the whole of its wait, the same for the same ask, up to the longest', () => {
    const retry = { ...RETRY, firstWaitMs: 100, longestWaitMs: 1_000 };
    for (const [failures, full] of [
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 800],
      [5, 1_000],
      [60, 1_000],
    ] as const) {
      const waits = Array.from({ length: 50 }, (_, i) => backoffMs(retry, failures, `key${i}`));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(full / 2);
      expect(Math.max(...waits)).toBeLessThanOrEqual(full);
      expect(new Set(waits).size).toBe(50);
      expect(backoffMs(retry, failures, 'key7')).toBe(waits[7]);
    }
  });

  it('Retry-After: seconds, an HTTP date, milliseconds; nothing else', () => {
    const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT');
    const waitOf = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), now);
    expect(waitOf({ 'retry-after': '120' })).toBe(120_000);
    expect(waitOf({ 'retry-after': '0.5' })).toBe(500);
    expect(waitOf({ 'retry-after': 'Wed, 21 Oct 2015 07:28:07 GMT' })).toBe(7_000);
    expect(waitOf({ 'retry-after': 'Wed, 21 Oct 2015 07:27:00 GMT' })).toBe(0);
    expect(waitOf({ 'retry-after-ms': '250', 'retry-after': '9' })).toBe(250);
    expect(waitOf({})).toBeNull();
    expect(waitOf({ 'retry-after': 'soon' })).toBeNull();
    expect(waitOf({ 'retry-after': '-5', 'retry-after-ms': 'NaN' })).toBeNull();
  });

  it('the throttle begins with one, grows with answers, and halves when told', async () => {
    const throttle = new Throttle(8);
    const { signal } = new AbortController();
    let inside = 0;
    const enter = () => throttle.enter(signal).then(() => inside++);
    for (let i = 0; i < 8; i++) void enter();
    await new Promise(setImmediate);
    expect(inside).toBe(1);
    throttle.leave('answered');
    await new Promise(setImmediate);
    expect(inside).toBe(3);
    throttle.leave('answered');
    throttle.leave('answered');
    await new Promise(setImmediate);
    expect(inside).toBe(7);
  });

  it('a signal ends the wait for a place', async () => {
    const throttle = new Throttle(1);
    const abort = new AbortController();
    expect(await throttle.enter(abort.signal)).toBe(true);
    const waiting = throttle.enter(abort.signal);
    abort.abort();
    expect(await waiting).toBe(false);
    throttle.pause(60_000);
    expect(await throttle.enter(abort.signal)).toBe(false);
  });
});

describe('replies', () => {
  const reply = (value: unknown) => readReply(JSON.stringify(value), ask());
  const choice = (message: unknown, more = {}) => ({ choices: [{ message, ...more }] });

  it('content may be missing, null, or in parts', () => {
    expect(reply(choice({ content: 'x' }))).toMatchObject({
      text: 'x',
      finish: null,
      logProbs: null,
      servedBy: null,
    });
    expect(reply(choice({ content: null }))).toMatchObject({ text: '' });
    expect(reply(choice({}))).toMatchObject({ text: '' });
    const parts = [
      { type: 'thinking', text: 'hm' },
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ];
    expect(reply(choice({ content: parts }))).toMatchObject({ text: 'ab' });
  });

  it('usage that is none is estimated', () => {
    const known = { ...choice({ content: 'abcde' }), usage: { prompt_tokens: 7, completion_tokens: 3 } };
    expect(reply(known)).toMatchObject({ tokens: { prompt: 7, completion: 3, estimated: false } });
    for (const usage of [null, {}, { prompt_tokens: -1, completion_tokens: 3 }, { prompt_tokens: 'x' }])
      expect(reply({ ...known, usage })).toMatchObject({
        tokens: { prompt: 2, completion: 2, estimated: true },
      });
  });

  it.each([
    ['', /not JSON/],
    ['{"choices":[]}', /no chat completion: choices/],
    ['{"choices":[{"message":{"content":5}}]}', /no chat completion/],
    ['{"error":{"message":"overloaded","code":503}}', /is an error: overloaded/],
    ['{"error":"bad"}', /is an error: bad/],
    ['[1]', /no chat completion/],
    ['null', /no chat completion/],
  ])('%s is none', (body, why) => {
    expect(readReply(body, ask())).toMatch(why);
  });

  it('whatever the text, there is a reply or a reason', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (body) => {
        const read = readReply(body, ask());
        expect(typeof read === 'string' ? read.length > 0 : typeof read.text === 'string').toBe(true);
      }),
      seeded(200),
    );
  });
});

describe('claims', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'winnow-claims-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('one has it until it is released', () => {
    const [one, two] = [new Claims(folder), new Claims(folder)];
    expect(one.take('a')).toBe(true);
    expect(one.take('a')).toBe(false);
    expect(two.take('a')).toBe(false);
    two.release('a');
    expect(two.take('a')).toBe(false);
    one.release('a');
    expect(two.take('a')).toBe(true);
    one.close();
    two.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a process that has ended, or was silent for a minute, loses it; another that lives does not', () => {
    const gone = 2 ** 22 - 1; // above pid_max of ordinary machines
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'dead'), `${gone} ${hostname()}`);
    writeFileSync(join(folder, 'alive'), `${process.ppid} ${hostname()}`);
    writeFileSync(join(folder, 'elsewhere'), `1 another-machine`);
    writeFileSync(join(folder, 'silent'), `1 another-machine`);
    const old = new Date(Date.now() - 70_000);
    utimesSync(join(folder, 'silent'), old, old);
    const claims = new Claims(folder);
    expect(['dead', 'alive', 'elsewhere', 'silent'].map((key) => claims.take(key))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    claims.close();
    expect(readdirSync(folder).sort()).toEqual(['alive', 'elsewhere']);
  });
});
