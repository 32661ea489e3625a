import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Random } from '../src/base/random.ts';

export interface FakeMessage {
  readonly role: string;
  readonly content: string;
}

/** A question as the server got it. */
export interface FakeRequest {
  /** 0-based, of all requests. */
  readonly index: number;
  /** SHA-256 of the body: the question by content. */
  readonly content: string;
  /** How many requests of this content came before. */
  readonly before: number;
  readonly messages: readonly FakeMessage[];
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FakeAnswer {
  readonly text: string | null;
  readonly finish?: string;
  /** The likeliest tokens in the first place, as [token, log-probability]; left out: as asked for, or none. */
  readonly top?: readonly (readonly [token: string, logProb: unknown])[];
}

export type FakeFault =
  /** Answer with this status and these headers instead. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Hang up before the first byte, or in the middle of a good answer. */
  | 'cut before'
  | 'cut in the middle'
  /** Half of the JSON, but as if it were whole; JSON that is no chat completion. */
  | 'broken JSON'
  | 'no completion'
  /** Never answer. */
  | 'silent'
  /** The server is gone, with all that is under way: `listen(port)` starts it again. */
  | 'die';

/**
 * A service of chat completions on this machine that answers well, or as badly as it is told. It counts what a real
 * one would charge: every answer that was made, whether it arrived or not.
 */
export class FakeJudge {
  /** What it says. Default: the longer answer is better, see `fairAnswer`. */
  answer: (request: FakeRequest) => FakeAnswer | string = fairAnswer;
  /** What goes wrong; null: nothing. */
  fault: (request: FakeRequest) => FakeFault | null = () => null;
  delayMs: number | ((request: FakeRequest) => number) = 0;
  /** What every request must bring as its key; wrong ones are answered with 401, which repeats what was given. */
  key: string | null = null;
  /** Tell tokens with each answer. */
  tellsUsage = true;
  /** Give log-probabilities where they are asked for. */
  givesLogProbs = true;
  /** All requests, in the order of their arrival. */
  readonly requests: FakeRequest[] = [];
  /** How often each content was answered to its end. */
  readonly answered = new Map<string, number>();
  /** Tokens of all answers that were made: what must be paid at most. */
  readonly charged = { prompt: 0, completion: 0 };
  /** Authorization headers that came. */
  readonly authorizations = new Set<string>();
  /** Requests under way at the same time, at most. */
  mostAtOnce = 0;
  #underWay = 0;
  #server: Server | null = null;
  readonly #before = new Map<string, number>();

  /** Starts it. @returns the base URL, which ends in /v1. */
  async listen(port = 0): Promise<string> {
    const server = createServer((request, response) => void this.#take(request, response));
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    this.#server = server;
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  }

  get port(): number {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (address == null) throw new Error('the server is not up');
    return address.port;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = null;
  }

  /** Answers that were made for a content that had one before. */
  get answeredTwice(): number {
    return [...this.answered.values()].reduce((sum, times) => sum + times - 1, 0);
  }

  chargedUsd({ inputUsdPerMillion, outputUsdPerMillion }: FakePrice): number {
    return (this.charged.prompt * inputUsdPerMillion + this.charged.completion * outputUsdPerMillion) / 1e6;
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#underWay++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay);
    let counted = true;
    const left = () => {
      if (counted) this.#underWay--;
      counted = false;
    };
    response.on('close', left);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return; // the client hung up while it asked
    }
    const text = Buffer.concat(chunks).toString('utf8');
    const given = incoming.headers.authorization ?? '';
    this.authorizations.add(given);
    if (this.key !== null && given !== `Bearer ${this.key}`)
      return send(response, 401, {
        error: { message: `Incorrect API key provided: ${given}`, code: 'invalid_api_key' },
      });
    if (incoming.method !== 'POST' || incoming.url?.split('?')[0] !== '/v1/chat/completions')
      return send(response, 404, { error: { message: `no route ${incoming.method} ${incoming.url}` } });
    const body = JSON.parse(text) as Record<string, unknown>;
    const content = createHash('sha256').update(text).digest('hex');
    const before = this.#before.get(content) ?? 0;
    this.#before.set(content, before + 1);
    const messages = body.messages as readonly FakeMessage[];
    const request: FakeRequest = { index: this.requests.length, content, before, messages, body };
    this.requests.push(request);
    const delay = typeof this.delayMs === 'number' ? this.delayMs : this.delayMs(request);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    if (response.destroyed) return;
    this.#reply(request, response);
  }

  #reply(request: FakeRequest, response: ServerResponse): void {
    const fault = this.fault(request);
    if (fault === 'die') {
      this.close();
      return;
    }
    if (fault !== null && typeof fault === 'object') {
      const said = fault.body ?? JSON.stringify({ error: { message: `status ${fault.status} as told` } });
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      response.end(said);
      return;
    }
    const reply = this.#completion(request);
    const whole = JSON.stringify(reply);
    if (fault === 'silent') return;
    if (fault === 'cut before') {
      response.destroy();
      return;
    }
    if (fault === 'no completion') {
      send(response, 200, { object: 'list', data: [] });
      return;
    }
    const half = whole.slice(0, whole.length >> 1);
    if (fault === 'broken JSON') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(half);
      return;
    }
    if (fault === 'cut in the middle') {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(whole),
      });
      response.write(half, () => response.destroy());
      return;
    }
    response.on('finish', () =>
      this.answered.set(request.content, (this.answered.get(request.content) ?? 0) + 1),
    );
    send(response, 200, reply);
  }

  #completion(request: FakeRequest): unknown {
    const said = this.answer(request);
    const answer: FakeAnswer = typeof said === 'string' ? { text: said } : said;
    const prompt = request.messages.reduce((sum, { content }) => sum + tokens(content), 8);
    const limit = Number(request.body.max_tokens ?? request.body.max_completion_tokens ?? 1e9);
    const completion = Math.min(limit, Math.max(1, tokens(answer.text ?? '')));
    this.charged.prompt += prompt;
    this.charged.completion += completion;
    const wanted = request.body.logprobs === true && this.givesLogProbs;
    const top = (answer.top ?? []).map(([token, logprob]) => ({ token, logprob }));
    return {
      id: `chatcmpl-${request.index}`,
      object: 'chat.completion',
      model: `${String(request.body.model)}-as-served`,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: answer.text },
          finish_reason: answer.finish ?? 'stop',
          logprobs: wanted ? { content: [{ token: answer.text, logprob: 0, top_logprobs: top }] } : null,
        },
      ],
      ...(this.tellsUsage
        ? {
            usage: {
              prompt_tokens: prompt,
              completion_tokens: completion,
              total_tokens: prompt + completion,
            },
          }
        : {}),
    };
  }
}

interface FakePrice {
  readonly inputUsdPerMillion: number;
  readonly outputUsdPerMillion: number;
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** Words and marks: fewer than bytes, as of a real tokenizer. */
function tokens(text: string): number {
  return text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)?.length ?? 0;
}

/** Two answers in a prompt, by the marks of Winnow's own templates and of the official ones. */
const FRAMES: readonly RegExp[] = [
  /<answer (?:of model )?[Am] \w+>\n([\s\S]*?)\n<\/answer (?:of model )?[Am] \w+>[\s\S]*<answer (?:of model )?[BM] \w+>\n([\s\S]*?)\n<\/answer/,
  /The Start of Assistant A's Answer\|?[\]>]\n([\s\S]*?)\n[[<]\|?The End[\s\S]*The Start of Assistant B's Answer\|?[\]>]\n([\s\S]*?)\n[[<]\|?The End/,
  /"output": """([\s\S]*?)"""[\s\S]*"output": """([\s\S]*?)"""/,
];

/** The two answers that a request compares; null where it compares none. */
export function comparedAnswers({ messages }: FakeRequest): readonly [a: string, b: string] | null {
  const text = messages.filter(({ role }) => role === 'user')[0]?.content ?? '';
  for (const frame of FRAMES) {
    const found = frame.exec(text);
    if (found !== null) return [found[1] as string, found[2] as string];
  }
  return null;
}

/**
 * A judge without favour, whichever template asks: the longer answer wins, strongly when it is twice as long, and a
 * single answer is rated by its length. `score` judges by something else.
 */
export function answerBy(score: (answer: string) => number): (request: FakeRequest) => FakeAnswer {
  return (request) => {
    const compared = comparedAnswers(request);
    const asked = request.messages.map(({ content }) => content).join('\n');
    if (compared === null) return { text: `Some words first. Rating: [[${1 + (asked.length % 10)}]]` };
    const [a, b] = compared.map(score) as [number, number];
    if (request.body.logprobs === true) {
      const first = 1 / (1 + Math.exp((b - a) / 100));
      const top = [
        ['m', Math.log(first)],
        ['M', Math.log(1 - first)],
        ['Both', -15],
        ['The', -16],
        ['Based', -16.5],
      ] as const;
      return { text: first > 0.5 ? 'm' : 'M', finish: 'length', top };
    }
    const label = asked.includes('A>>B')
      ? a === b
        ? 'A=B'
        : `${a > b ? 'A' : 'B'}${Math.max(a, b) >= 2 * Math.min(a, b) ? '>>' : '>'}${a > b ? 'B' : 'A'}`
      : a === b
        ? 'C'
        : a > b
          ? 'A'
          : 'B';
    return { text: `The first has ${a}, the second ${b}.\n[[${label}]]` };
  };
}

const fairAnswer = answerBy((answer) => answer.length);

/** Each request fails with this probability, in one of these ways, by the seed: again and again if it must. */
export function faultsAt(
  share: number,
  faults: readonly FakeFault[],
  seed = 0,
): (request: FakeRequest) => FakeFault | null {
  return ({ content, before }) => {
    const random = new Random(seed, content, before);
    return random.uniform() < share ? random.pick(faults) : null;
  };
}
