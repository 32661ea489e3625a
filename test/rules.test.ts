import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../src/base/hash.ts';
import type { DifficultyRow } from '../src/difficulty/scores.ts';
import type { PreferencePair } from '../src/pairs/pair.ts';
import type { DryRun } from '../src/pipeline/dry-run.ts';
import type { Replay } from '../src/pipeline/replay.ts';
import type { ReviewQueue } from '../src/pipeline/review-queue.ts';
import type { Why } from '../src/pipeline/why.ts';
import type { Decision } from '../src/select/decisions.ts';
import type { LedgerRow } from '../src/select/ledger.ts';
import {
  argumentsOf,
  CLI,
  type Ended,
  readRows,
  readText,
  tinyPairs,
  tinyWorld,
  until,
  winnow,
  winnowOk,
  writeRows,
} from './tiny-world.ts';

const world = tinyWorld('rules');
const out = join(world.dir, 'out');
const data = join(world.dir, 'sources.jsonl');
const rules = join(world.dir, 'rules.yaml');
const SOURCES = ['forum', 'manual', 'safety', 'forum', 'manual'];
const RULES = `- name: safety
  when: source = 'safety' and not contains(prompt, 'kelp')
  action: keep
  because: Refusals stay.
- name: no limes
  when: contains(chosen, 'lime') or contains(rejected, 'lime')
  action: drop
- name: long
  when: chosen_chars > 7
  action: review
- name: never
  when: prompt = ''
  action: drop
`;

beforeAll(async () => {
  const rows = tinyPairs().map((pair, row) => ({ ...pair, source: SOURCES[row % SOURCES.length] }));
  writeRows(data, rows);
  writeFileSync(rules, RULES);
  const more = ['--rules', rules, '--quiet'];
  await winnowOk(
    argumentsOf('train', { ...world, data }, { out, arms: 'selected,full,random,hardest', more }),
  );
});

const ledger = () => readRows<LedgerRow>(out, 'selection', 'ledger.jsonl');
const selected = () => readRows<{ id: string; rank: number }>(out, 'selection', 'selected.jsonl');
const pairs = () => readRows<PreferencePair & { role: string; meta: { source: string } }>(out, 'pairs.jsonl');
const difficulties = () => readRows<DifficultyRow>(out, 'difficulty.jsonl');
const json = async <T>(...args: string[]) => JSON.parse((await winnowOk([...args, '--json'])).stdout) as T;

/** The rules said again in JavaScript. */
function ruled(): Map<string, 'keep' | 'drop' | 'review' | null> {
  const scored = new Set(difficulties().map(({ id }) => id));
  return new Map(
    pairs()
      .filter(({ id }) => scored.has(id))
      .map(({ id, prompt, chosen, rejected, meta }) => {
        const [p, c, r] = [prompt, chosen, rejected] as string[] as [string, string, string];
        const fate =
          meta.source === 'safety' && !p.includes('kelp')
            ? 'keep'
            : c.includes('lime') || r.includes('lime')
              ? 'drop'
              : c.length > 7
                ? 'review'
                : null;
        return [id, fate];
      }),
  );
}

/** All files of the run with their content, to see that nothing was written. */
function photograph(dir: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(dir, name)).isFile())
      .map((name) => [name, sha256(readFileSync(join(dir, name)))]),
  );
}

describe('winnow select --rules', () => {
  it('keeps and drops by rule, fills up by difficulty, and is as large as was asked', () => {
    const fates = ruled();
    const ranked = difficulties().sort((a, b) => a.rank - b.rank);
    const of = (fate: string | null) => ranked.filter(({ id }) => fates.get(id) === fate);
    // The test is worth something only where the rules do something, and leave something.
    for (const fate of ['keep', 'drop', 'review', null]) expect(of(fate).length).toBeGreaterThan(2);
    const places = Math.floor(ranked.length / 2);
    const free = ranked.filter(({ id }) => fates.get(id) === 'review' || fates.get(id) === null);
    const expected = new Set(
      [...of('keep'), ...free.slice(0, places - of('keep').length)].map(({ id }) => id),
    );
    expect(selected().map(({ id }) => id)).toEqual(
      ranked.filter(({ id }) => expected.has(id)).map(({ id }) => id),
    );
    expect(selected()).toHaveLength(places);
  });

  it('no arm trains on what is dropped, every arm on what is kept', () => {
    const fates = ruled();
    const of = (fate: string) => [...fates].flatMap(([id, own]) => (own === fate ? [id] : []));
    for (const arm of ['selected', 'full', 'random', 'hardest']) {
      const order = new Set(readRows<string>(out, 'arms', arm, 'order.jsonl'));
      expect(of('drop').filter((id) => order.has(id))).toEqual([]);
      expect(of('keep').filter((id) => !order.has(id))).toEqual([]);
      expect(order.size).toBe(arm === 'full' ? fates.size - of('drop').length : selected().length);
    }
  });

  it('the ledger names who decided each row, and the receipt holds rules and hashes', () => {
    const fates = ruled();
    for (const { id, by, rule, reason, decision } of ledger()) {
      // A refused duplicate has the id of the pair that stands for it.
      const fate = id === null || decision === 'refused' ? undefined : fates.get(id);
      if (fate === 'keep') expect([by, rule, decision]).toEqual(['rule', 'safety', 'keep']);
      else if (fate === 'drop') expect([by, rule, decision]).toEqual(['rule', 'no limes', 'drop']);
      else if (fate === 'review') expect([by, rule]).toEqual(['threshold', 'long']);
      else expect([by, rule]).toEqual([fate === undefined ? null : 'threshold', null]);
      expect(reason).not.toBe('');
    }
    const receipt = JSON.parse(readText(out, 'selection', 'receipt.json')) as {
      rules: { file: string; sha256: string; text: string; coverage: { name: string; matched: number }[] };
      files: Record<string, string>;
    };
    expect(receipt.rules).toMatchObject({ file: 'rules.yaml', sha256: sha256(RULES), text: RULES });
    expect(receipt.rules.coverage.map(({ name }) => name)).toEqual(['safety', 'no limes', 'long', 'never']);
    for (const [name, hash] of Object.entries(receipt.files))
      expect(sha256(readFileSync(join(out, name)))).toBe(hash);
  });

  it('says before any work where a rule is wrong', async () => {
    const bad = join(world.dir, 'bad.yaml');
    writeFileSync(bad, `${RULES}- name: typo\n  when: sorce = 'x'\n  action: keep\n`);
    const fresh = join(world.dir, 'fresh');
    const ended = await winnow(
      argumentsOf('score', { ...world, data }, { out: fresh, more: ['--rules', bad] }),
    );
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/bad\.yaml, line 15: rule typo: there is no column sorce .*meta\.source/);
    expect(existsSync(join(fresh, 'units'))).toBe(false);
  });
});

describe('winnow select --dry-run', () => {
  it('tells what would change, by rule, category and length, and writes nothing', async () => {
    const before = photograph(out);
    const other = join(world.dir, 'other.yaml');
    writeFileSync(other, RULES.replace("source = 'safety'", "source = 'manual'"));
    const run = await json<DryRun>(
      'select',
      '--out',
      out,
      '--rules',
      other,
      '--dry-run',
      '--by',
      'meta.source',
    );
    expect(photograph(out)).toEqual(before);
    const kept = new Set(selected().map(({ id }) => id));
    for (const { id, change } of run.changed)
      expect(change).toBe(kept.has(id) ? 'kept to dropped' : 'dropped to kept');
    expect(run.keptBefore).toBe(kept.size);
    expect(run.kept - kept.size).toBe(run.droppedToKept - run.keptToDropped);
    expect(run.droppedToKept).toBeGreaterThan(0);
    const sources = pairs().filter(({ role }) => role === 'pool');
    for (const { name, pairs: count, keptBefore } of run.categories?.groups ?? []) {
      const own = sources.filter(({ meta }) => `meta.source ${JSON.stringify(meta.source)}` === name);
      expect(count).toBe(own.length);
      expect(keptBefore).toBe(own.filter(({ id }) => kept.has(id)).length);
    }
    expect(run.lengths.reduce((sum, { kept: number }) => sum + number, 0)).toBe(run.kept);
    const safety = run.rules.find(({ name }) => name === 'safety');
    expect(safety?.decided).toBe(
      sources.filter(({ meta, prompt }) => meta.source === 'manual' && !String(prompt).includes('kelp'))
        .length,
    );
    expect(run.warnings).toContainEqual(
      expect.stringMatching(/other\.yaml, line 11: rule never matches no pair/),
    );
  });

  it('of the same configuration nothing changes', async () => {
    const run = await json<DryRun>('select', '--out', out, '--dry-run');
    expect(run).toMatchObject({ keptToDropped: 0, droppedToKept: 0, changed: [], kept: selected().length });
    const { stdout } = await winnowOk(['select', '--out', out, '--dry-run']);
    expect(stdout).toMatch(/0 kept → dropped, 0 dropped → kept/);
  });
});

describe('winnow why', () => {
  it('tells all of a pair, by row or by the beginning of its id', async () => {
    const row = ledger().find(({ by }) => by === 'rule') as LedgerRow;
    const [story] = (await json<Why[]>('why', String(row.row), '--out', out)) as [Why];
    expect(await json<Why[]>('why', (row.id as string).slice(0, 16), '--out', out)).toEqual([story]);
    expect(story).toMatchObject({ id: row.id, row: row.row, role: 'pool' });
    expect(story.selection).toMatchObject({ decision: row.decision, by: 'rule', reason: row.reason });
    expect(story.rules[0]).toMatchObject({ name: row.rule, decides: true });
    expect(story.scores).toHaveLength(2);
    for (const {
      margin,
      loss,
      chosenLogProb,
      refChosenLogProb,
      rejectedLogProb,
      refRejectedLogProb,
    } of story.scores) {
      const beta = 0.5;
      expect(margin).toBeCloseTo(
        beta * (chosenLogProb - refChosenLogProb - rejectedLogProb + refRejectedLogProb),
        6,
      );
      expect(loss).toBeCloseTo(Math.log1p(Math.exp(-margin)), 6);
    }
    expect(
      story.neighbours
        .map(({ rank }) => Math.abs(rank - (story.difficulty?.rank ?? 0)))
        .every((far) => far <= 2),
    ).toBe(true);
    const { stdout } = await winnowOk(['why', String(row.row), '--out', out]);
    expect(stdout).toContain(row.reason);
  });

  it('knows held-out and refused rows, and says what it cannot find', async () => {
    const held = ledger().find(({ decision }) => decision === 'held-out') as LedgerRow;
    expect((await json<Why[]>('why', String(held.row), '--out', out))[0]).toMatchObject({
      role: 'held-out',
      difficulty: null,
    });
    const refused = ledger().find(({ decision }) => decision === 'refused') as LedgerRow;
    expect((await json<Why[]>('why', String(refused.row), '--out', out))[0]?.role).toBe('refused');
    expect(await winnow(['why', '9999', '--out', out])).toMatchObject({ code: 2 });
    expect((await winnow(['why', '', '--out', out])).stderr).toMatch(/several ids begin like this/);
    expect((await winnow(['why', '1', '--out', join(world.dir, 'nowhere')])).code).toBe(2);
  });
});

const receipt = join(out, 'selection', 'receipt.json');

describe('winnow replay', () => {
  it('gives the same files again, byte for byte', async () => {
    const to = join(world.dir, 'again');
    expect(await json<Replay>('replay', receipt, '--to', to)).toMatchObject({ same: true, changed: [] });
    for (const name of ['selected.jsonl', 'ledger.jsonl'])
      expect(readFileSync(join(to, name)).equals(readFileSync(join(out, 'selection', name)))).toBe(true);
  });

  it.each([
    ['pairs.jsonl', 'pairs.jsonl'],
    ['scores.jsonl', 'scores.jsonl'],
    ['difficulty.jsonl', 'difficulty.jsonl'],
    ['refused.jsonl', 'refused.jsonl'],
    ['selection/selected.jsonl', 'selection/selected.jsonl'],
    ['selection/ledger.jsonl', 'selection/ledger.jsonl'],
  ])('a digit changed in %s: exit code 3, and it is named', async (name, what) => {
    const file = join(out, name);
    const text = readText(file);
    writeFileSync(
      file,
      text.replace(/"row":(\d+)/, (_, row) => `"row":${Number(row) + 1000}`),
    );
    try {
      const ended = await winnow(['replay', receipt, '--json']);
      expect(ended.code).toBe(3);
      const { same, changed } = JSON.parse(ended.stdout) as Replay;
      expect(same).toBe(false);
      expect(changed.map((change) => change.what)).toEqual([what]);
    } finally {
      writeFileSync(file, text);
    }
  });

  it('data and rules that are others by now: exit code 3 with both hashes; the receipt’s own rules are replayed', async () => {
    writeFileSync(rules, `${RULES}# a word more\n`);
    appendFileSync(data, '\n');
    const ended = await winnow(['replay', receipt, '--json']);
    writeFileSync(rules, RULES);
    writeFileSync(data, readText(data).replace(/\n\n$/, '\n'));
    expect(ended.code).toBe(3);
    const { changed, outputs } = JSON.parse(ended.stdout) as Replay;
    expect(changed).toEqual([
      { what: `data ${data}`, was: sha256(readFileSync(data)), is: sha256(`${readText(data)}\n`) },
      { what: `rules ${rules}`, was: sha256(RULES), is: sha256(`${RULES}# a word more\n`) },
    ]);
    expect(outputs.every(({ same }) => same)).toBe(true);
    expect(await winnow(['replay', receipt])).toMatchObject({ code: 0 });
  });

  it('what is no receipt is told', async () => {
    expect(await winnow(['replay', join(out, 'reliability.json')])).toMatchObject({ code: 2 });
    expect(await winnow(['replay', join(out, 'nothing.json')])).toMatchObject({ code: 2 });
  });
});

const decisionsFile = join(out, 'decisions.jsonl');
const decisions = () => readRows<Decision>(decisionsFile);

/** Reviews with these keys; the pipe is closed behind them unless `open`. */
function reviewing(keys: string, { open = false } = {}) {
  const child = spawn(process.execPath, [CLI, 'review', '--out', out, '--reviewer', 'Aoi'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += String(text);
  });
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  );
  child.stdin.write(keys);
  if (!open) child.stdin.end();
  return { child, ended };
}

describe('winnow review', () => {
  let queue: ReviewQueue;

  it('lists what rules ask for first, and within a cause what a look is worth most at', async () => {
    queue = await json<ReviewQueue>('review', '--out', out);
    const asked = [...ruled()].flatMap(([id, fate]) => (fate === 'review' ? [id] : []));
    const own = queue.items.filter(({ cause }) => cause === 'rule');
    expect(own.map(({ id }) => id).sort()).toEqual(asked.sort());
    expect(queue.items.slice(0, own.length)).toEqual(own);
    expect(own.map(({ worth }) => worth)).toEqual(own.map(({ worth }) => worth).sort((a, b) => b - a));
    const dropped = [...ruled()].flatMap(([id, fate]) => (fate === 'drop' ? [id] : []));
    expect(queue.items.filter(({ id }) => dropped.includes(id))).toEqual([]);
    const { stdout } = await winnowOk(['review', '--out', out, '--list', '--only', 'rule']);
    expect(stdout.split('\n').filter((line) => /^[0-9a-f]{12}/.test(line))).toHaveLength(own.length);
  });

  it('writes each decision at once: a kill in the middle loses none, and the next session goes on behind them', async () => {
    const { child, ended } = reviewing('d too long\nn see there\nw\n', { open: true });
    await until(
      'three lines',
      () => existsSync(decisionsFile) && readFileSync(decisionsFile, 'utf8').split('\n').length === 4,
    );
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    const [first, second] = queue.items as [ReviewQueue['items'][0], ReviewQueue['items'][0]];
    expect(decisions()).toEqual([
      expect.objectContaining({
        id: first.id,
        row: first.row,
        decision: 'drop',
        note: 'too long',
        reviewer: 'Aoi',
      }),
      expect.objectContaining({ id: second.id, decision: 'note', note: 'see there' }),
      expect.objectContaining({ id: second.id, decision: 'swap', note: null }),
    ]);
    // As a kill in the middle of a write would leave it.
    appendFileSync(decisionsFile, '{"id":"abc","decis');
    const rest = await json<ReviewQueue>('review', '--out', out);
    expect(rest).toMatchObject({ decided: 2, cutShort: true });
    expect(rest.items.map(({ id }) => id)).not.toContain(first.id);
    const third = rest.items[0] as ReviewQueue['items'][0];
    const next = await reviewing('what?\n\nKEEP\ns\nq\n').ended;
    expect(next.code).toBe(0);
    expect(next.stdout).toMatch(/"what\?" is none of these/);
    expect(next.stdout).toMatch(/the last line was cut short/);
    expect(decisions().map(({ decision }) => decision)).toEqual(['drop', 'note', 'swap', 'keep', 'skip']);
    expect(decisions()[3]?.id).toBe(third.id);
  });

  it('Ctrl-C ends it with 130; the end of the pipe ends it well', async () => {
    const before = decisions().length;
    const { child, ended } = reviewing('k\n', { open: true });
    await until('the line', () => decisions().length === before + 1);
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(decisions()).toHaveLength(before + 1);
    expect(await reviewing('').ended).toMatchObject({ code: 0 });
  });

  it('the next select goes by it, before every rule; swapped pairs become corrections', async () => {
    const old = readFileSync(receipt);
    const safety = ledger().find(({ rule }) => rule === 'safety') as LedgerRow;
    const line = {
      id: safety.id,
      row: safety.row,
      decision: 'drop',
      note: 'a duplicate',
      time: '',
      reviewer: null,
    };
    appendFileSync(decisionsFile, `${JSON.stringify(line)}\n`);
    const dry = await json<DryRun>('select', '--out', out, '--dry-run');
    await winnowOk(['select', '--out', out, '--quiet']);
    const standing = new Map(
      decisions().flatMap(({ id, decision }) =>
        ['keep', 'drop', 'swap'].includes(decision) ? [[id, decision] as const] : [],
      ),
    );
    for (const { id, by, decision } of ledger().filter(({ by: who }) => who === 'person'))
      expect([by, decision]).toEqual(['person', standing.get(id as string) === 'keep' ? 'keep' : 'drop']);
    expect(ledger().filter(({ by }) => by === 'person')).toHaveLength(standing.size);
    expect(ledger().find(({ id }) => id === safety.id)?.reason).toMatch(
      /^a person dropped it: a duplicate; rank /,
    );
    expect(dry.kept).toBe(selected().length);
    const swapped = decisions().find(({ decision }) => decision === 'swap') as Decision;
    const was = pairs().find(({ id }) => id === swapped.id) as PreferencePair;
    const corrections = readRows<PreferencePair & { was: string }>(out, 'selection', 'corrections.jsonl');
    expect(corrections).toEqual([
      expect.objectContaining({ was: was.id, chosen: was.rejected, rejected: was.chosen }),
    ]);
    const again = await json<Replay>('replay', receipt);
    expect(again.same).toBe(true);
    // Decisions that come later change nothing of what was.
    appendFileSync(decisionsFile, `${JSON.stringify({ ...line, decision: 'keep' })}\n`);
    expect((await json<Replay>('replay', receipt)).notes.join()).toMatch(/1 decisions were made since/);
    const copy = join(world.dir, 'old-receipt.json');
    writeFileSync(copy, old);
    const earlier = await winnow(['replay', copy, '--out', out, '--json']);
    expect(earlier.code).toBe(3);
    const { outputs, changed } = JSON.parse(earlier.stdout) as Replay;
    expect(outputs.every(({ same }) => same)).toBe(true);
    expect(changed.map(({ what }) => what)).toEqual(['selection/selected.jsonl', 'selection/ledger.jsonl']);
    rmSync(decisionsFile);
    expect(await winnow(['replay', receipt])).toMatchObject({ code: 3 });
  });
});
