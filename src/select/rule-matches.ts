import { machineError } from '../base/errors.ts';
import { sqlText } from '../pairs/duckdb.ts';
import { checkedExpression, PREDICATE_FRAMES, refusal, type SqlNode } from './predicate.ts';
import { findColumn, metaColumns, OWN_COLUMNS, type RuleColumn, type RulePair } from './rule-columns.ts';
import type { Rule, RuleSet } from './rules.ts';

type Connection = import('@duckdb/node-api').DuckDBConnection;

/** A rule whose predicate is checked and written out as SQL over the columns of the table. */
interface CheckedRule {
  readonly rule: Rule;
  readonly sql: string;
}

/**
 * The pairs that each rule matches, by their places in `pairs`; a predicate that is NULL matches no pair, as in a
 * WHERE. Predicates run in a DuckDB of their own, of one table, which cannot reach files, the network or settings.
 *
 * @throws inputError `rule-sql` with the rule's line: what is no predicate, uses what a predicate may not, names no
 * column, or fails on a pair.
 */
export async function ruleMatches(set: RuleSet, pairs: readonly RulePair[]): Promise<number[][]> {
  if (set.rules.length === 0) return [];
  return withLockedDuckDb(async (connection, lock) => {
    const meta = metaColumns(pairs);
    const { used, checked } = await checkRules(connection, set, meta);
    await connection.run(
      `CREATE TABLE pairs (place INTEGER${used.map(({ type }, i) => `, c${i} ${type}`).join('')})`,
    );
    await fill(connection, used, pairs);
    await lock();
    const matches: number[][] = [];
    for (const { rule, sql } of checked) {
      const result = await asked(
        connection,
        `SELECT place FROM pairs WHERE ${sql} ORDER BY place`,
        rule,
        set.file,
      );
      matches.push(result.getRowsJson().map(([place]) => Number(place)));
    }
    return matches;
  });
}

/**
 * Whether the rules could be asked about pairs with such further columns: the same faults as `ruleMatches`, but for
 * those of a single pair, before any work.
 */
export async function checkRuleSet(set: RuleSet, sample: Iterable<Pick<RulePair, 'meta'>>): Promise<void> {
  if (set.rules.length === 0) return;
  await withLockedDuckDb(async (connection, lock) => {
    const { used, checked } = await checkRules(connection, set, metaColumns(sample));
    await connection.run(
      `CREATE TABLE pairs (place INTEGER${used.map(({ type }, i) => `, c${i} ${type}`).join('')})`,
    );
    await lock();
    for (const { rule, sql } of checked)
      await asked(connection, `SELECT place FROM pairs WHERE ${sql}`, rule, set.file);
  });
}

/** A DuckDB without files, network or extensions; after `lock` no statement changes a setting. */
async function withLockedDuckDb<T>(
  work: (connection: Connection, lock: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    enable_external_access: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  });
  const connection = await instance.connect();
  try {
    return await work(connection, async () => {
      await connection.run('SET lock_configuration = true');
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function checkRules(
  connection: Connection,
  { rules, file }: RuleSet,
  meta: readonly RuleColumn[],
): Promise<{ readonly used: readonly RuleColumn[]; readonly checked: readonly CheckedRule[] }> {
  const used: RuleColumn[] = [];
  const checked: CheckedRule[] = [];
  for (const rule of rules) {
    const resolve = (names: readonly string[]) => {
      const column = findColumn(names, OWN_COLUMNS, meta);
      if (column === null) throw unknownColumn(rule, file, names, meta);
      const at = used.indexOf(column);
      return `c${at >= 0 ? at : used.push(column) - 1}`;
    };
    const [parsed, framed] = await Promise.all(
      PREDICATE_FRAMES.map((frame) => scalarOf(connection, 'json_serialize_sql', frame(rule.when))),
    );
    const second = JSON.parse(framed as string) as SqlNode;
    const first = JSON.parse(parsed as string) as SqlNode;
    const expression = checkedExpression(first, rule, file, resolve);
    // `a) OR (b` is one expression inside the brackets, and none without them.
    if (second.error === true)
      throw refusal(rule, file)('the predicate closes brackets that it did not open');
    const sql = await expressionSql(connection, first, expression);
    checked.push({ rule, sql });
  }
  return { used, checked };
}

/** What was checked, written out as SQL again: it and nothing else is run. */
async function expressionSql(connection: Connection, tree: SqlNode, expression: SqlNode): Promise<string> {
  const [{ node }] = tree.statements as [{ node: SqlNode }];
  node.select_list = [expression];
  (node.from_table as SqlNode).query_location = 0;
  const sql = await scalarOf(connection, 'json_deserialize_sql', JSON.stringify(tree));
  if (!sql.startsWith('SELECT '))
    throw machineError('rule-sql', 'a predicate came out otherwise than it went in', { got: sql });
  return `(${sql.slice('SELECT '.length)})`;
}

async function scalarOf(connection: Connection, name: string, text: string): Promise<string> {
  const result = await connection.runAndReadAll(`SELECT ${name}(${sqlText(text)})`);
  return String(result.getRowsJson()[0]?.[0]);
}

async function fill(
  connection: Connection,
  used: readonly RuleColumn[],
  pairs: readonly RulePair[],
): Promise<void> {
  const appender = await connection.createAppender('pairs');
  for (const [place, pair] of pairs.entries()) {
    appender.appendInteger(place);
    for (const { type, read } of used) {
      const value = read(pair, pairs.length);
      if (value === null) appender.appendNull();
      else if (type === 'BOOLEAN') appender.appendBoolean(value as boolean);
      else if (type === 'BIGINT') appender.appendBigInt(BigInt(value as number));
      else if (type === 'DOUBLE') appender.appendDouble(value as number);
      else appender.appendVarchar(value as string);
    }
    appender.endRow();
  }
  appender.closeSync();
}

/** Runs the query of a rule. Its predicate must be true or false: DuckDB would take a number or a text for one. */
async function asked(connection: Connection, query: string, rule: Rule, file: string) {
  const refuse = refusal(rule, file);
  try {
    const predicate = query
      .slice(query.indexOf(' WHERE ') + ' WHERE '.length)
      .replace(/ ORDER BY place$/, '');
    const typed = await connection.prepare(`SELECT ${predicate} FROM pairs`);
    const type = typed.columnType(0).toString();
    if (type !== 'BOOLEAN')
      throw refuse('the predicate is neither true nor false', {
        need: 'a comparison, or columns that are true or false',
        got: `${rule.when} (${type})`,
      });
    return await connection.runAndReadAll(query);
  } catch (error) {
    if (!(error instanceof Error) || 'kind' in error) throw error;
    const said = (error.message.split('\n', 1)[0] ?? '').replaceAll(/\bc\d+\b/g, 'a column');
    throw refuse(`DuckDB cannot compute the predicate: ${said}`, {
      remedy: 'Where a text is not always a number, use try_cast(… AS DOUBLE)',
    });
  }
}

function unknownColumn(
  rule: Rule,
  file: string,
  names: readonly string[],
  meta: readonly RuleColumn[],
): Error {
  const known = [...meta.map(({ name }) => `meta.${name}`), ...OWN_COLUMNS.map(({ name }) => name)];
  return refusal(rule, file)(`there is no column ${names.join('.')}`, {
    got: names.join('.'),
    need: `one of ${known.join(', ')}`,
    remedy: "Texts stand in single quotes; what lies deeper in a further column is meta.FIELD->>'$.KEY'",
  });
}
