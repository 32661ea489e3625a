import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** Git's name for a content. */
export const gitHash = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

type Files = Map<string, Buffer>;

/**
 * A hub of one model (dataset, space), `org/tiny`: the routes that @huggingface/hub asks for, answered as the real one does. Large
 * files lie on a second server (the storage network), to which `resolve` leads and which must never see the token.
 */
export class FakeHub {
  /** The files of each commit. */
  readonly commits = new Map<string, Files>([[COMMIT, new Map()]]);
  readonly refs = new Map([['main', COMMIT]]);
  /** `METHOD path` of every request, with the range of bytes if one was asked for. */
  readonly asked: string[] = [];
  token: string | null = null;
  /** Where the token is asked for: at once (a private model), or for the files only (a gated one). */
  gate: 'model' | 'files' = 'model';
  /** Serve this file with its last byte changed. */
  damaged = '';
  /** In the middle of this file: say nothing more, or hang up. */
  stopsIn = '';
  stops: 'silent' | 'hangs up' = 'silent';
  /** Tell this size of every large file. */
  claims: number | null = null;
  readonly #hub: Server = createServer((request, response) => this.#answer(request, response));
  readonly #storage: Server = createServer((request, response) => this.#store(request, response));

  get files(): Files {
    return this.commits.get(COMMIT) as Files;
  }

  /** The files of a folder as `main`, and others that no one here needs. */
  serve(...folders: readonly string[]): void {
    this.files.clear();
    for (const folder of folders)
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isFile() && !entry.name.startsWith('expected'))
          this.files.set(entry.name, readFileSync(join(folder, entry.name)));
    for (const name of ['README.md', 'pytorch_model.bin', 'onnx/model.onnx', 'original/model.safetensors'])
      this.files.set(name, Buffer.from('not needed'));
  }

  async listen(): Promise<string> {
    for (const server of [this.#hub, this.#storage])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return addressOf(this.#hub);
  }

  close(): void {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections();
      server.close();
    }
  }

  /** How often bytes of files were asked for. */
  get fetched(): readonly string[] {
    return this.asked.filter((line) => line.includes('/resolve/') || line.includes('/storage/'));
  }

  #entry(path: string, bytes: Buffer) {
    const size = isLarge(path) ? (this.claims ?? bytes.length) : bytes.length;
    if (!isLarge(path)) return { type: 'file', path, size, oid: gitHash(bytes) };
    const lfs = { oid: sha256(bytes), size, pointerSize: 134 };
    // The object's own name is that of a text that points to it.
    return { type: 'file', path, size, oid: gitHash(Buffer.from(lfs.oid)), lfs, xetHash: lfs.oid };
  }

  #answer(request: IncomingMessage, response: ServerResponse): unknown {
    const url = new URL(request.url ?? '', 'http://hub');
    this.#log(request, url);
    const fail = (status: number, error: string, code: string) => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'X-Error-Code': code });
      response.end(JSON.stringify({ error }));
    };
    const [, model, kind, rest = ''] =
      /^\/api\/(?:models|datasets|spaces)\/(\w+\/\w+)\/(revision|tree|paths-info)\/(.+)$/.exec(
        url.pathname,
      ) ??
      /^\/(?:datasets\/|spaces\/)?(\w+\/\w+)\/(resolve)\/(.+)$/.exec(url.pathname) ??
      [];
    if (model !== 'org/tiny') return fail(404, 'Repository not found', 'RepoNotFound');
    const given = request.headers.authorization;
    if (this.token !== null && given !== `Bearer ${this.token}`) {
      if (this.gate === 'model')
        return fail(401, `Invalid username or password. ${given ?? ''}`, 'RepoNotFound');
      if (kind === 'resolve') {
        const said = 'Access to model org/tiny is restricted. You must have access to it.';
        response.writeHead(given === undefined ? 401 : 403, { 'X-Error-Code': 'GatedRepo' });
        return response.end(said);
      }
    }
    const [revision, ...path] = rest.split('/').map(decodeURIComponent) as [string, ...string[]];
    const commit = this.refs.get(revision) ?? revision;
    const files = this.commits.get(commit);
    if (files === undefined) return fail(404, `Invalid rev id: ${revision}`, 'RevisionNotFound');
    if (kind === 'resolve') return this.#resolve(path.join('/'), files, commit, request, response);
    if (kind === 'paths-info') {
      let asked = '';
      request.on('data', (piece) => {
        asked += piece;
      });
      request.on('end', () => {
        const { paths } = JSON.parse(asked) as { paths: string[] };
        const found = paths.flatMap((name) => {
          const bytes = files.get(name);
          return bytes === undefined ? [] : [this.#entry(name, bytes)];
        });
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(found));
      });
      return;
    }
    const folders = [...files.keys()].filter((name) => name.includes('/')).map((name) => name.split('/')[0]);
    const body =
      kind === 'revision'
        ? {
            _id: '1',
            id: model,
            sha: commit,
            lastModified: '2026-01-01T00:00:00.000Z',
            siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
          }
        : [
            ...folders.map((name) => ({ type: 'directory', path: name, size: 0, oid: gitHash(Buffer.of()) })),
            ...[...files].map(([name, bytes]) => this.#entry(name, bytes)),
          ];
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  #resolve(
    path: string,
    files: Files,
    commit: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): unknown {
    const bytes = files.get(path);
    if (bytes === undefined) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' });
      return response.end('Entry not found');
    }
    const told = { 'X-Repo-Commit': commit };
    if (!isLarge(path))
      return this.#send(path, bytes, request, response, { ...told, ETag: `"${gitHash(bytes)}"` });
    const linked = { ...told, 'X-Linked-Size': `${bytes.length}`, 'X-Linked-ETag': `"${sha256(bytes)}"` };
    if (request.headers.accept?.includes('xet-fileinfo')) {
      const at = addressOf(this.#hub);
      response.writeHead(200, {
        ...linked,
        'Content-Type': 'application/vnd.xet-fileinfo+json',
        'X-Xet-Hash': sha256(bytes),
        Link: `<${at}/xet-token>; rel="xet-auth", <${at}/xet-reconstruction>; rel="xet-reconstruction-info"`,
      });
      return response.end('{}');
    }
    const location = `${addressOf(this.#storage)}/storage/${commit}/${path}?signature=1`;
    response.writeHead(302, { ...linked, Location: location });
    response.end();
  }

  #store(request: IncomingMessage, response: ServerResponse): unknown {
    const url = new URL(request.url ?? '', 'http://storage');
    this.#log(request, url);
    // Such stores refuse a request that is signed twice.
    if (request.headers.authorization !== undefined) return response.writeHead(400).end();
    const [commit = '', ...names] = url.pathname.split('/').slice(2);
    const path = names.join('/');
    this.#send(path, this.commits.get(commit)?.get(path) as Buffer, request, response, {});
  }

  #log(request: IncomingMessage, url: URL): void {
    const { range } = request.headers;
    this.asked.push(`${request.method} ${url.pathname}${range === undefined ? '' : ` ${range}`}`);
  }

  #send(
    path: string,
    content: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Record<string, string>,
  ): unknown {
    const bytes = Buffer.from(content);
    if (path === this.damaged) bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const part = from === undefined ? bytes : bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    response.writeHead(from === undefined ? 200 : 206, {
      ...headers,
      'Content-Length': part.length,
      ...(from === undefined
        ? {}
        : { 'Content-Range': `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}` }),
    });
    if (path !== this.stopsIn || part.length < 2) return response.end(part);
    response.write(part.subarray(0, part.length >> 1), () => {
      if (this.stops === 'hangs up') setTimeout(() => response.destroy(), 50);
    });
  }
}

function isLarge(path: string): boolean {
  return path.endsWith('.safetensors') || path.endsWith('.bin');
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
