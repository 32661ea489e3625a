import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../base/errors.ts';
import type { RulePair } from './rule-columns.ts';
import { checkRuleSet, ruleMatches } from './rule-matches.ts';
import { parseRules, type RuleSet } from './rules.ts';

const PAIRS: readonly RulePair[] = [0, 1, 2, 3].map((i) => ({
  id: `pair-${i}`,
  row: 10 + i,
  prompt: i === 3 ? [{ role: 'user', content: 'hello' }] : 'hello 😀',
  chosen: 'x'.repeat(i),
  rejected: 'yy',
  meta: {
    lang: i % 2 === 1 ? 'en' : 'ja',
    n: i,
    score: i === 2 ? 2 : i + 0.5,
    safe: i > 1,
    tags: ['a', String(i)],
    deep: { k: i },
    mixed: i === 0 ? 'text' : i,
    'a.b': i === 1,
    difficulty: 5,
    ...(i === 0 ? {} : { extra: 'here' }),
  },
  tokens: i === 0 ? null : { prompt: 3, chosen: i, rejected: 2 },
  difficulty: i / 4,
  spread: null,
  rank: i + 1,
  suspicion: i === 3 ? 'against' : null,
}));

const setOf = (...predicates: string[]): RuleSet => ({
  file: 'rules.yaml',
  text: '',
  sha256: '',
  rules: predicates.map((when, r) => ({
    name: `rule-${r}`,
    when,
    action: 'keep',
    weight: null,
    because: null,
    line: 1 + 3 * r,
    whenLine: 2 + 3 * r,
  })),
});
const matches = async (when: string) => (await ruleMatches(setOf(when), PAIRS))[0];
const fault = async (when: string): Promise<WinnowError> => {
  try {
    await ruleMatches(setOf(when), PAIRS);
  } catch (error) {
    if (error instanceof WinnowError) return error;
    throw error;
  }
  throw new Error(`${when} was taken`);
};

describe('predicates', () => {
  it.each([
    ["lang = 'en'", [1, 3]],
    ["LANG = 'en'", [1, 3]],
    ["meta.lang = 'ja' and n > 1", [2]],
    ['safe', [2, 3]],
    ['not safe', [0, 1]],
    ['score > 1.9', [2, 3]],
    ['meta."a.b"', [1]],
    ['meta.a.b', [1]],
    // A column of the pair's own goes before a further one of its name.
    ['difficulty > 1', []],
    ['meta.difficulty = 5', [0, 1, 2, 3]],
    ["deep->>'$.k' = '2'", [2]],
    ["(deep->'k') = '2'", [2]],
    ["meta->>'$.deep.k' = '2'", [2]],
    ['json_contains(tags, \'"3"\')', [3]],
    ["mixed = '\"text\"' or mixed = '2'", [0, 2]],
    ['row between 11 and 12', [1, 2]],
    ["chosen like 'x%'", [1, 2, 3]],
    ['chosen_chars = 2 or rejected_chars = 3', [2]],
    ['prompt_chars = 7', [0, 1, 2]],
    ["prompt = 'hello'", [3]],
    ['chosen_tokens >= 2', [2, 3]],
    ['chosen_tokens is null', [0]],
    // NULL is no match, and neither is its negation.
    ["extra = 'here'", [1, 2, 3]],
    ["not (extra = 'here')", []],
    ['percentile <= 50', [0, 1]],
    ["suspicion = 'against'", [3]],
    ["regexp_matches(prompt, '^hello .$')", [0, 1, 2]],
    ['try_cast(mixed as double) > 1', [2, 3]],
    ['case when n = 1 then true else n = 3 end -- with a comment', [1, 3]],
    ["n in (0, 2) and lang in ('ja')", [0, 2]],
    ["md5(id) < 'zzz'", [0, 1, 2, 3]],
    ["id = 'pair-1'", [1]],
    ['true', [0, 1, 2, 3]],
    ["chosen = 'it''s' or n = 0", [0]],
  ])('%s', async (when, expected) => {
    expect(await matches(when)).toEqual(expected);
  });

  it('of several rules each match on its own; no rules match nothing', async () => {
    expect(await ruleMatches(setOf('n = 1', 'false', 'n > 1'), PAIRS)).toEqual([[1], [], [2, 3]]);
    expect(await ruleMatches(setOf(), PAIRS)).toEqual([]);
    expect(await ruleMatches(setOf('row = 1'), [])).toEqual([[]]);
  });

  it.each([
    // Out of the brackets, and more than one statement.
    "1) from read_csv('/etc/passwd') --",
    'true) or (true',
    'true) where (true',
    'true) union all (select true',
    'true; drop table pairs',
    "true; copy pairs to '/tmp/winnow-attack'",
    'true order by 1',
    'true limit 1',
    'true as x',
    'n, n',
    '/* */',
    'true /*',
    '',
    // Queries, tables, files, the environment.
    '(select 1) = 1',
    'n in (select value from duckdb_settings())',
    'exists (from pairs)',
    "exists (from '/etc/passwd')",
    "(from read_text('/etc/passwd')) is not null",
    "read_text('/etc/passwd') is null",
    "glob('/etc/*') is null",
    "getenv('HOME') = 'x'",
    "current_setting('threads') = '1'",
    "set_config('threads', '2', false) = '1'",
    "pragma_version() = ''",
    "query('select 1') = 1",
    "query_table('pairs') = 1",
    "system('ls') = 1",
    "attach '/tmp/x.db'",
    'install httpfs',
    'copy = 1',
    'pragma_table_info = 1',
    // What is not the same each time or on each machine.
    'random() > 0.5',
    "now() > '2020-01-01'",
    "current_date > '2020-01-01'",
    "today() > '2020-01-01'",
    'uuid() = id',
    "nextval('s') = 1",
    "version() = 'x'",
    "'2020-01-01'::timestamptz is not null",
    // What sees other pairs than its own, or is not there.
    'row_number() over () = 1',
    'count(*) > 1',
    'max(n) > 1',
    'rowid = 1',
    'place = 1',
    'c0 = 1',
    'pairs.c0 = 1',
    "columns('*')",
    '* = 1',
    '$1 = 1',
    '? = 1',
    'x -> x',
    'list_transform([1], x -> x + 1)[1] = 2',
    "repeat('x', 1000000000) = 'x'",
    'n = 9007199254740993',
    'n = 123456789012345678901234567890',
    // No predicate.
    'n',
    "'true'",
    'row +',
    'deep.k = 1',
    'cast(lang as integer) = 1',
  ])('%j is refused, with the line', async (when) => {
    const error = await fault(when);
    expect(error).toMatchObject({ kind: 'input', code: 'rule-sql', exitCode: 2 });
    expect(error.fields).toMatchObject({ file: 'rules.yaml', line: 2 });
  });

  it('a fault is told of the rule that has it', async () => {
    const error = await ruleMatches(setOf('true', 'nothing = 1'), PAIRS).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fields: { line: 5, got: 'nothing' } });
    expect((error as Error).message).toMatch(/rule-1: there is no column nothing .*meta\.lang/);
  });

  it('are checked before there are difficulties, but for what only a pair shows', async () => {
    await expect(checkRuleSet(setOf('langs = 1'), PAIRS)).rejects.toMatchObject({ code: 'rule-sql' });
    await expect(checkRuleSet(setOf('n'), PAIRS)).rejects.toMatchObject({ code: 'rule-sql' });
    await expect(checkRuleSet(setOf("difficulty < 1 and lang = 'en'"), PAIRS)).resolves.toBeUndefined();
  });

  it('of the page on rules do what it says', async () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'rules.md'), 'utf8');
    const set = parseRules(/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '', 'docs/rules.md');
    const pair = (row: number, texts: Partial<RulePair>): RulePair => ({
      ...(PAIRS[1] as RulePair),
      ...{ id: `page-${row}`, row, tokens: { prompt: 3, chosen: 4, rejected: 4 } },
      meta: { source: 'manual', lang: 'ja', year: '2024' },
      ...texts,
    });
    const pairs = [
      pair(0, { chosen: 'お答えできません', meta: { source: 'safety', lang: 'ja', year: '2024' } }),
      pair(1, { rejected: 'write to a.b@example.co.jp' }),
      pair(2, { meta: { source: 'manual', lang: 'de', year: 'unknown' } }),
      pair(3, { meta: { source: 'forum', lang: 'en', year: '2012' } }),
      pair(4, { tokens: { prompt: 3, chosen: 13, rejected: 4 } }),
      pair(5, { meta: { source: 'forum', lang: 'en', year: 'unknown' } }),
    ];
    expect(await ruleMatches(set, pairs)).toEqual([[0], [1], [2], [3], [4]]);
  });
});
