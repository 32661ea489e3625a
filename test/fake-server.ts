import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readAdapter } from '../src/model/adapter.ts';
import { openCheckpoint } from '../src/model/checkpoint.ts';
import { loraOf, setAdapter } from '../src/policy/adapter.ts';
import { generate } from '../src/policy/generate.ts';
import { completionLogProbs } from '../src/policy/log-probs.ts';
import { packPass } from '../src/policy/pack.ts';
import { openPolicy, type Policy } from '../src/policy/policy.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';

export interface FakeRequest {
  /** 0-based, of all completions. */
  readonly index: number;
  /** SHA-256 of the prompts: the question by content. */
  readonly content: string;
  /** How many requests of this content came before. */
  readonly before: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export type FakeFault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Hangs up before the first byte, or in the middle of a good answer; or never answers. */
  | 'cut before'
  | 'cut in the middle'
  | 'silent'
  /** One choice too few; a BOS in front of what was sent; other tokens than were sent. */
  | 'too few'
  | 'bos'
  | 'other tokens'
  /** A log-probability that is Python's NaN, null, or what vLLM gives for −∞. */
  | 'nan'
  | 'null'
  | 'floor'
  /** As llama.cpp: echo is passed over. */
  | 'no echo';

/** A model server on this machine with vLLM's routes, around the embedded engine; as bad as it is told. */
export class FakeServer {
  readonly name: string;
  fault: (request: FakeRequest) => FakeFault | null = () => null;
  delayMs = 0;
  /** What every request must bring; wrong ones are answered with 401, which repeats what was given. */
  key: string | null = null;
  /** Takes and gives adapters (VLLM_ALLOW_RUNTIME_LORA_UPDATING). */
  takesAdapters = true;
  /** Tells ids: by `return_token_ids`, by the tokens of logprobs, or not. */
  tellsIds: 'both' | 'logprobs' | 'no' = 'both';
  maxModelLen: number | null = 96;
  /** Completions, in the order of their arrival. */
  readonly requests: FakeRequest[] = [];
  /** How often each content was answered to its end. */
  readonly answered = new Map<string, number>();
  readonly loaded: string[] = [];
  readonly unloaded: string[] = [];
  mostAtOnce = 0;
  #underWay = 0;
  #server: Server | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #dir: string;
  readonly #policies = new Map<string, Policy>();
  readonly #before = new Map<string, number>();

  /** @param name of the start model at the server. */
  constructor(modelDir: string, name = 'tiny') {
    this.#dir = modelDir;
    this.name = name;
  }

  /** @returns the base URL, which ends in /v1. */
  async listen(port = 0): Promise<string> {
    this.#policies.set(
      this.name,
      openPolicy(openCheckpoint(this.#dir), { trained: { method: 'none' }, threads: 1 }),
    );
    const server = createServer((request, response) => void this.#take(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    this.#server = server;
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = null;
    await this.#turn;
    for (const policy of this.#policies.values()) await policy.dispose();
    this.#policies.clear();
  }

  /** Names of adapters that are there now. */
  get adapters(): string[] {
    return [...this.#policies.keys()].filter((name) => name !== this.name);
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const given = incoming.headers.authorization ?? '';
    if (this.key !== null && given !== `Bearer ${this.key}`)
      return send(response, 401, { error: { message: `Incorrect API key provided: ${given}` } });
    const text = Buffer.concat(chunks).toString('utf8');
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    const route = `${incoming.method} ${incoming.url}`;
    if (route === 'GET /v1/models') return send(response, 200, { object: 'list', data: this.#models() });
    if (route === 'POST /v1/completions') {
      this.#underWay++;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay);
      response.once('close', () => this.#underWay--);
      return this.#complete(body, response);
    }
    if (route === 'POST /v1/load_lora_adapter' && this.takesAdapters) return this.#load(body, response);
    if (route === 'POST /v1/unload_lora_adapter' && this.takesAdapters) return this.#unload(body, response);
    send(response, 404, { detail: 'Not Found' });
  }

  #models() {
    return [...this.#policies.keys()].map((id) => ({
      id,
      object: 'model',
      parent: id === this.name ? null : this.name,
      max_model_len: id === this.name ? this.maxModelLen : null,
    }));
  }

  async #load(body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const [name, path] = [String(body.lora_name), String(body.lora_path)];
    if (this.#policies.has(name))
      return send(response, 400, {
        error: { message: `The lora adapter '${name}' has already been loaded.`, code: 400 },
      });
    try {
      const adapter = readAdapter(path);
      const policy = openPolicy(openCheckpoint(this.#dir), { trained: loraOf(adapter), threads: 1 });
      setAdapter(policy, adapter);
      this.#policies.set(name, policy);
    } catch (error) {
      return send(response, 404, { error: { message: `No adapter found for ${path}: ${error}`, code: 404 } });
    }
    this.loaded.push(name);
    response.end(`Success: LoRA adapter '${name}' added successfully.`);
  }

  async #unload(body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const name = String(body.lora_name);
    const policy = this.#policies.get(name);
    if (policy === undefined || name === this.name)
      return send(response, 404, {
        error: { message: `The lora adapter '${name}' cannot be found.`, code: 404 },
      });
    this.#policies.delete(name);
    this.unloaded.push(name);
    await this.#inTurn(() => policy.dispose());
    response.end(`Success: LoRA adapter '${name}' removed successfully.`);
  }

  async #complete(body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const content = createHash('sha256')
      .update(JSON.stringify([body.model, body.prompt]))
      .digest('hex');
    const before = this.#before.get(content) ?? 0;
    this.#before.set(content, before + 1);
    const request: FakeRequest = { index: this.requests.length, content, before, body };
    this.requests.push(request);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    if (response.destroyed) return;
    const fault = this.fault(request);
    if (fault === 'silent') return;
    if (fault === 'cut before') {
      response.destroy();
      return;
    }
    if (fault !== null && typeof fault === 'object') {
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      response.end(fault.body ?? JSON.stringify({ error: { message: `status ${fault.status} as told` } }));
      return;
    }
    const policy = this.#policies.get(String(body.model));
    if (policy === undefined)
      return send(response, 404, { error: { message: `The model ${body.model} does not exist.` } });
    if (body.add_special_tokens !== false)
      return send(response, 400, { error: { message: 'this test wants add_special_tokens: false' } });
    const prompts = body.prompt as number[][];
    const tooLong = prompts.find(({ length }) => length > (this.maxModelLen ?? Number.POSITIVE_INFINITY));
    if (tooLong !== undefined)
      return send(response, 400, {
        error: { message: `This model's maximum context length is ${this.maxModelLen} tokens.` },
      });
    const choices = await this.#inTurn(async () => {
      const made: object[] = [];
      for (const [index, ids] of prompts.entries())
        made.push(await this.#choice(policy, index, ids, body, fault));
      return made;
    });
    if (fault === 'too few') choices.pop();
    const prompt = prompts.reduce((sum, { length }) => sum + length, fault === 'bos' ? prompts.length : 0);
    const usage = { prompt_tokens: prompt };
    const whole = JSON.stringify({ object: 'text_completion', choices, usage }).replaceAll('"NaN"', 'NaN');
    if (fault === 'cut in the middle') {
      response.writeHead(200, { 'content-length': Buffer.byteLength(whole) });
      response.write(whole.slice(0, whole.length >> 1), () => response.destroy());
      return;
    }
    response.on('finish', () => this.answered.set(content, (this.answered.get(content) ?? 0) + 1));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(whole);
  }

  async #choice(
    policy: Policy,
    index: number,
    sent: readonly number[],
    body: Record<string, unknown>,
    fault: FakeFault | null,
  ): Promise<object> {
    const bos = fault === 'bos';
    const read = bos ? [256, ...sent] : fault === 'other tokens' ? sent.map((id) => id ^ 1) : [...sent];
    const named = body.return_tokens_as_token_ids === true && this.tellsIds !== 'no';
    const tokenOf = (id: number) => (named ? `token_id:${id}` : String.fromCharCode(id));
    const ids = body.return_token_ids === true && this.tellsIds === 'both';
    if (body.echo === true) {
      const values: unknown[] = [null, ...(await logProbsOf(policy, read))];
      if (fault === 'nan') values[values.length - 1] = 'NaN';
      if (fault === 'null') values[values.length - 1] = null;
      if (fault === 'floor') values[values.length - 1] = -9999;
      const echoed = { tokens: read.map(tokenOf), token_logprobs: values };
      const none = { tokens: [], token_logprobs: [] };
      const logprobs = fault === 'no echo' ? none : echoed;
      return { index, text: '', finish_reason: 'length', ...(ids && { prompt_token_ids: read }), logprobs };
    }
    const stopIds = body.stop_token_ids as number[];
    const [made] = await generate(policy, [Int32Array.from(read)], {
      maxNewTokens: body.max_tokens as number,
      temperature: body.temperature as number,
      topP: body.top_p as number,
      seed: body.seed as number,
      stopIds,
    });
    const { tokens, ended } = made as { tokens: Int32Array; ended: boolean };
    const all = [...tokens, ...(ended ? [stopIds[0] as number] : [])];
    return {
      index,
      text: loadTokenizer(this.#dir).decode(tokens),
      finish_reason: ended ? 'stop' : 'length',
      stop_reason: null,
      ...(ids && { token_ids: all, prompt_token_ids: read }),
      logprobs: { tokens: all.map(tokenOf), token_logprobs: all.map(() => -1) },
    };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** log π of each token but the first. */
async function logProbsOf(policy: Policy, ids: readonly number[]): Promise<number[]> {
  const [first, ...rest] = ids as [number, ...number[]];
  if (rest.length === 0) return [];
  const row = { prompt: Int32Array.of(first), completions: [Int32Array.from(rest)] };
  const [found] = await completionLogProbs(policy, packPass(policy, [row]));
  return [...(found?.byToken ?? [])];
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
