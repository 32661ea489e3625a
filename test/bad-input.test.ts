import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../src/model/safetensors-write.ts';
import { fill, mountTmpfs, unmount } from './small-disk.ts';
import {
  argumentsOf,
  type Ended,
  makeFolder,
  readRows,
  readText,
  scratch,
  tinyPairs,
  tinyWeights,
  tinyWorld,
  winnow,
  writeRows,
} from './tiny-world.ts';

const world = tinyWorld('bad');
const { dir } = world;
let names = 0;
const fresh = () => join(dir, `out-${names++}`);

/** `winnow check` with this model or data, into a fresh run folder. */
async function check(change: Partial<typeof world>, more: readonly string[] = []) {
  const out = fresh();
  const ended = await winnow(argumentsOf('check', { ...world, ...change }, { out, more }));
  return { ...ended, out };
}

/** What a fault of the input must look like, whatever it is. */
function expectRefused({ code, stdout, stderr, out }: Ended & { out: string }): void {
  expect(stderr.trim()).not.toBe('');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toMatch(/unexpected failure|\n\s+at /);
  // The mark of a run folder may be there, but nothing that looks like pairs, scores or a configuration.
  expect(existsSync(out) ? readdirSync(out) : []).toEqual(existsSync(out) ? ['winnow-run.json'] : []);
}

/** A model folder in which one file is replaced; null takes it away. */
function modelWith(file: string, content: Uint8Array | string | null): string {
  const copy = join(dir, `model-${names++}`);
  cpSync(world.model, copy, { recursive: true });
  if (content === null) rmSync(join(copy, file));
  else writeFileSync(join(copy, file), content);
  return copy;
}

const weights = () => readFileSync(join(world.model, 'model.safetensors'));

function headerLength(length: bigint): Buffer {
  const bytes = weights();
  bytes.writeBigUInt64LE(length, 0);
  return bytes;
}

/** The weights with one tensor changed. */
function changed(name: string, change: (tensor: { shape: readonly number[]; data: Float32Array }) => object) {
  const file = join(dir, `weights-${names++}`);
  const tensors = Object.fromEntries(
    [...tinyWeights()].map(([key, tensor]) => [
      key,
      { dtype: 'F32' as const, ...tensor, ...(key === name ? change(tensor) : {}) },
    ]),
  );
  writeSafetensors(file, tensors as Parameters<typeof writeSafetensors>[1]);
  return readFileSync(file);
}

/** The same bytes under another name of their type. */
function renamedDtype(to: string): Buffer {
  const bytes = weights();
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString();
  const text = header.replace('"F32"', `"${to}"`);
  expect(text).not.toBe(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  return Buffer.concat([length, Buffer.from(text), bytes.subarray(8 + Buffer.byteLength(header))]);
}

describe('a model that cannot be used', () => {
  const LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n';
  const NORM = 'model.norm.weight';
  const cases: readonly [string, () => string, RegExp][] = [
    ['is not there', () => join(dir, 'nowhere'), /nowhere: no such folder\. Give the folder/],
    [
      'has no tokenizer.json',
      () => modelWith('tokenizer.json', null),
      /tokenizer\.json: the model folder has no such file\. Save the tokenizer/,
    ],
    [
      'has weights that are cut short',
      () => modelWith('model.safetensors', weights().subarray(0, -100)),
      /model\.safetensors: .*need .*bytes.*fetch/i,
    ],
    [
      'has a header longer than the file',
      () => modelWith('model.safetensors', headerLength(10_000_000n)),
      /model\.safetensors: the file is too short \(need .*10000008.*got/,
    ],
    [
      'has a header beyond all bounds',
      () => modelWith('model.safetensors', headerLength(2n ** 63n)),
      /model\.safetensors: the header length is beyond all bounds/,
    ],
    [
      'has a dtype that cannot be trained',
      () => modelWith('model.safetensors', renamedDtype('I32')),
      /model\.safetensors: tensor \S+ has the wrong dtype \(need .*F32.*got "I32"\)\. .*full-precision/,
    ],
    [
      'has a dtype that does not fit its bytes',
      () => modelWith('model.safetensors', renamedDtype('F64')),
      /model\.safetensors: .*do not fit dtype and shape/,
    ],
    [
      'has a tensor of the wrong shape',
      () =>
        modelWith(
          'model.safetensors',
          changed(NORM, ({ data }) => ({ shape: [16], data: data.slice(0, 16) })),
        ),
      /model\.safetensors: tensor model\.norm\.weight has the wrong shape \(need \[32\], got \[16\]\)\. .*fetch both again/,
    ],
    [
      'is a git-lfs pointer',
      () => modelWith('model.safetensors', LFS),
      /model\.safetensors: a git-lfs pointer, not the weights.*git lfs pull/,
    ],
    [
      'has a config.json that is not JSON',
      () => modelWith('config.json', '{\n  "model_type": "llama",\n  oops\n}'),
      /config\.json, line 3: this is not valid JSON/,
    ],
    [
      'is of another architecture',
      () => modelWith('config.json', '{"model_type": "mamba"}'),
      /config\.json: .*need "llama, .*smollm3", got "mamba"/,
    ],
  ];
  for (const [name, model, message] of cases)
    it.concurrent(name, async () => {
      const ended = await check({ model: model() });
      expect(ended.stderr).toMatch(message);
      expectRefused(ended);
    });
});

describe('data that cannot be used', () => {
  const good = tinyPairs();
  const lines = good.map((pair) => `${JSON.stringify(pair)}\n`);
  const file = (name: string, content: string | Uint8Array) => {
    const path = join(dir, `${names++}-${name}`);
    writeFileSync(path, content);
    return path;
  };
  const cases: readonly [string, () => string, RegExp][] = [
    ['is not there', () => join(dir, 'no.jsonl'), /no\.jsonl: no such file\. Check the path/],
    [
      'is a folder without files',
      () => makeFolder(dir, 'folder.jsonl'),
      /folder\.jsonl: there is no file of rows in the folder.*got "an empty folder"/,
    ],
    [
      'is not JSON in a line',
      () => file('bad.jsonl', [...lines.slice(0, 6), "{'prompt': 1}\n", ...lines.slice(6)].join('')),
      /bad\.jsonl, line 7: this is not JSON.*got "\{'prompt': 1\}".*Mend or remove this line/,
    ],
    [
      'ends in the middle of a line',
      () => file('cut.jsonl', lines.slice(0, 5).join('').slice(0, -9)),
      /cut\.jsonl, line 5: this is not JSON/,
    ],
    [
      'is a gzip file cut short',
      () => file('cut.jsonl.gz', gzipSync(lines.join('')).subarray(0, 300)),
      /cut\.jsonl\.gz: the gzip data is cut short or damaged.*again/,
    ],
    [
      'is in no known format',
      () => file('odd.jsonl', '{"question": "a", "answer": "b"}\n'),
      /odd\.jsonl, row 0: the first row is in no known format.*columns question, answer.*Rename the columns/,
    ],
    ['is empty', () => file('empty.jsonl', '\n\n'), /empty\.jsonl: there is no row in the file/],
    [
      'holds nothing that a model can learn from',
      () => file('same.jsonl', '{"prompt": "a", "chosen": "b", "rejected": "b"}\n'.repeat(9)),
      /same\.jsonl: too few pairs.*need "at least 4".*got "0 of 9 rows; refused: 9 identical-sides".*winnow check/,
    ],
  ];
  for (const [name, data, message] of cases)
    it.concurrent(name, async () => {
      const ended = await check({ data: data() });
      expect(ended.stderr).toMatch(message);
      expectRefused(ended);
    });

  it.concurrent('names a format that does not exist', async () => {
    const ended = await check({}, ['--format', 'parquet']);
    expect(ended.stderr).toMatch(/format.*need .*explicit.*hh-rlhf.*got "parquet"/);
    expectRefused(ended);
  });

  it.concurrent('refuses a prompt beyond the context by name, and counts it', async () => {
    const long = [
      { prompt: 'p'.repeat(300), chosen: ' yes', rejected: ' no' },
      { prompt: 'short', chosen: ` ${'c'.repeat(200)}`, rejected: ' no' },
    ];
    const data = writeRows(join(dir, 'long.jsonl'), [...long, ...good]);
    const refuse = await check({ data }, ['--json', '--set', 'text.onLong=refuse']);
    expect(refuse.code).toBe(0);
    const told = JSON.parse(refuse.stdout);
    expect(told).toMatchObject({
      read: good.length + 2,
      used: good.length - 3,
      refused: 5,
      promptsCut: 0,
      refusedBy: { 'prompt-too-long': 1, 'completion-too-long': 1 },
    });
    const rows = readRows<{ row: number; cause: string; message: string; remedy: string }>(
      refuse.out,
      'refused.jsonl',
    );
    expect(rows).toEqual(told.refusedRows);
    expect(rows[0]).toMatchObject({ row: 0, cause: 'prompt-too-long' });
    expect(rows[0]?.message).toMatch(/301/);
    expect(rows[0]?.remedy).toMatch(/text\.onLong|onLong|longer/i);
    expect(rows[1]).toMatchObject({ row: 1, cause: 'completion-too-long' });

    const cut = await check({ data }, ['--json']);
    expect(JSON.parse(cut.stdout)).toMatchObject({ refused: 4, promptsCut: 1 });
  });
});

describe('usage that cannot be meant', () => {
  const cases: readonly [string, readonly string[], RegExp][] = [
    ['a flag that does not exist', ['--lerning-rate', '1'], /unknown option '--lerning-rate'/],
    [
      'a keep fraction of 0',
      ['--keep', '0'],
      /selection\.keepFraction.*need "a number above 0 and up to 1 or auto", got 0/,
    ],
    ['a keep fraction above 1', ['--keep', '1.5'], /selection\.keepFraction.*got 1\.5/],
    ['a keep fraction that is no number', ['--keep', 'abc'], /selection\.keepFraction.*got "abc"/],
    ['strata that do not exist', ['--within', 'category'], /within.*none, length or meta\.FIELD.*"category"/],
    ['strata of a field in data without any', ['--within', 'meta.source'], /no meta.*Add a column source/],
    ['a limit of 0', ['--limit', '0'], /limit.*need "a whole number of at least 1 or null", got 0/],
    ['a negative learning rate', ['--learning-rate', '-1'], /training\.learningRate.*number above 0.*got -1/],
    ['an arm that does not exist', ['--arms', 'selected,best'], /arms.*hardest.*got "best"/],
    ['an arm twice', ['--arms', 'full,full'], /arms.*twice/],
    ['--set without a value', ['--set', 'seed'], /--set takes KEY=VALUE.*got "seed"/],
    ['--set of an unknown key', ['--set', 'training.bta=1'], /no such key.*Did you mean training\.beta\?/],
    ['one fold', ['--folds', '1'], /difficulty\.folds.*at least 2.*got 1/],
  ];
  for (const [name, more, message] of cases)
    it.concurrent(name, async () => {
      const ended = await check({}, more);
      expect(ended.stderr).toMatch(message);
      expectRefused(ended);
    });

  it.concurrent('an unknown key in winnow.yaml: its line and the nearest key', async () => {
    const config = join(dir, 'typo.yaml');
    writeFileSync(config, `model: ${world.model}\ndata: ${world.data}\ntraining:\n  learningrate: 0.1\n`);
    const out = fresh();
    const ended = await winnow(['check', '--config', config, '--out', out]);
    expect(ended.stderr).toMatch(
      /typo\.yaml, line 4: there is no such key.*Did you mean training\.learningRate\?/,
    );
    expectRefused({ ...ended, out });
  });

  it.concurrent('a bad value in winnow.yaml: its line, what is needed and what was found', async () => {
    const config = join(dir, 'value.yaml');
    writeFileSync(config, `model: ${world.model}\n\ndata: ${world.data}\ndifficulty:\n  seeds: many\n`);
    const out = fresh();
    const ended = await winnow(['check', '--config', config, '--out', out]);
    expect(ended.stderr).toMatch(/value\.yaml, line 5: difficulty\.seeds.*whole number.*got "many"/);
    expectRefused({ ...ended, out });
  });

  it.concurrent('no model and no data', async () => {
    const out = fresh();
    const ended = await winnow(['score', '--out', out]);
    expect(ended.stderr).toMatch(/model is not given.*--model PATH/);
    expectRefused({ ...ended, out });
  });

  it.concurrent('a verb that does not exist', async () => {
    const { code, stderr } = await winnow(['scroe']);
    expect(stderr).toMatch(/unknown command 'scroe'/);
    expect(code).toBe(2);
  });

  it.concurrent('a run folder that holds other things: nothing is written among them', async () => {
    const out = makeFolder(dir, 'thesis');
    writeFileSync(join(out, 'thesis.txt'), 'years of work');
    const { code, stderr } = await winnow(argumentsOf('run', world, { out }));
    expect(stderr).toMatch(/thesis: this folder is not empty and is not a run.*got "thesis\.txt".*--out/);
    expect(code).toBe(2);
    expect(readdirSync(out)).toEqual(['thesis.txt']);
    expect(readText(out, 'thesis.txt')).toBe('years of work');
  });

  it.concurrent('a run folder that is a file', async () => {
    const { code, stderr } = await winnow(argumentsOf('run', world, { out: world.data }));
    expect(stderr).toMatch(/pairs\.jsonl: a run needs a folder here, and this is a file.*--out/);
    expect(code).toBe(2);
  });

  it.concurrent('tells programs of a fault in JSON', async () => {
    const { code, stdout, stderr } = await winnow([
      ...argumentsOf('check', { ...world, data: join(dir, 'no.jsonl') }, { out: fresh() }),
      '--json',
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(JSON.parse(stderr).error).toMatchObject({
      kind: 'input',
      code: 'file-missing',
      fields: { file: join(dir, 'no.jsonl') },
    });
  });

  it.concurrent('a mistyped path does not take the place of the configuration of the run', async () => {
    const { out } = await check({});
    const before = readText(out, 'winnow.yaml');
    const ended = await winnow(argumentsOf('check', { ...world, model: join(dir, 'typo') }, { out }));
    expect(ended.code).toBe(2);
    expect(readText(out, 'winnow.yaml')).toBe(before);
  });
});

describe('a machine that does not do its part', () => {
  const isRoot = process.getuid?.() === 0;
  const disk = join(scratch('disk'), 'small');
  const mounted = mountTmpfs(disk, 2 ** 20);
  afterAll(() => {
    if (mounted) unmount(disk);
  });

  it.skipIf(!mounted)(
    'a full disk: exit 1 with what to do; after making room the same command finishes (needs root, to mount one)',
    async () => {
      const out = join(disk, 'run');
      const ballast = join(disk, 'ballast');
      const args = argumentsOf('train', world, { out, seeds: 1, arms: 'selected' });
      // Room for the first files, then for none.
      for (const room of [0, 40_000, 120_000]) {
        fill(ballast, disk, room);
        const { code, stderr, stdout } = await winnow([...args, '--quiet']);
        expect(stderr).toMatch(/disk is full|ENOSPC/);
        expect(stderr).toMatch(/Free some space/);
        expect(stderr).not.toMatch(/unexpected/);
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(existsSync(join(out, 'arms', 'selected', 'adapter_model.safetensors'))).toBe(false);
      }
      rmSync(ballast, { force: true });
      const after = await winnow(args);
      expect(after).toMatchObject({ code: 0 });

      const elsewhere = fresh();
      const same = await winnow(argumentsOf('score', world, { out: elsewhere, seeds: 1 }));
      expect(same.code).toBe(0);
      expect(readText(out, 'scores.jsonl')).toBe(readText(elsewhere, 'scores.jsonl'));
    },
  );

  it.skipIf(!isRoot)('a folder that may not be written to (needs root, to be another user)', async () => {
    const closed = makeFolder(dir, 'closed');
    chmodSync(closed, 0o555);
    const { model, data } = world;
    chmodSync(dir, 0o755);
    const out = join(closed, 'run');
    const { code, stderr } = await winnow(argumentsOf('check', { ...world, model, data }, { out }), {
      uid: 65534,
    });
    expect(stderr).toMatch(/closed\/run.*EACCES.*write permission/);
    expect(stderr).not.toMatch(/unexpected/);
    expect(code).toBe(1);
  });
});
