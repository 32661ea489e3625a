import { inputError } from '../base/errors.ts';
import type { Rule } from './rules.ts';
import { SAFE_FUNCTIONS, SAFE_TYPES } from './safe-sql.ts';

/** A node of the tree that DuckDB's parser makes of SQL; null for a part that was left out. */
export type SqlNode = { [key: string]: unknown };

/** Where columns of a predicate lead: from the names as written, `['meta', 'lang']`, to the table's own name. */
export type ResolveColumn = (names: readonly string[]) => string | null;

/** The two ways in which a predicate must parse: the same text cannot leave both the brackets and the WHERE. */
export const PREDICATE_FRAMES = [
  (when: string) => `SELECT (\n${when}\n)`,
  (when: string) => `SELECT 1 WHERE \n${when}\n`,
] as const;

/** Parts of a SELECT that hold something only where a predicate broke out of its brackets. */
const EMPTY_PARTS = ['where_clause', 'having', 'sample', 'qualify'] as const;

/**
 * The one expression that a predicate is, checked against what predicates may use, and with its columns renamed to
 * those of the table. What is not known to be harmless and to give the same result each time is refused: the list
 * names what is allowed (`SAFE_FUNCTIONS`), not what is forbidden.
 *
 * @param parsed what `json_serialize_sql` says of the first of `PREDICATE_FRAMES`.
 * @throws inputError `rule-sql` with the rule's line.
 */
export function checkedExpression(
  parsed: SqlNode,
  rule: Rule,
  file: string,
  resolve: ResolveColumn,
): SqlNode {
  const refuse = refusal(rule, file);
  const statements = (parsed.statements ?? []) as { node: SqlNode }[];
  const node = statements[0]?.node;
  if (parsed.error === true || statements.length !== 1 || node === undefined)
    throw refuse(
      `the predicate is not SQL: ${String(parsed.error_message ?? 'it holds several statements')}`,
    );
  const select = node.select_list as SqlNode[] | undefined;
  const isBare =
    node.type === 'SELECT_NODE' &&
    select?.length === 1 &&
    (node.from_table as SqlNode).type === 'EMPTY' &&
    EMPTY_PARTS.every((part) => node[part] === null) &&
    isEmptyList(node.modifiers) &&
    isEmptyList(node.group_expressions) &&
    isEmptyList((node.cte_map as SqlNode).map);
  if (!isBare) throw refuse('the predicate must be one expression, and is more than that');
  const expression = select[0] as SqlNode;
  walk(expression, refuse, resolve);
  return expression;
}

/** JSON is no type of the parser's own, so that it stands as a name yet to be found. */
function typeName({ id, type_info: info }: SqlNode): string {
  if (id !== 'UNBOUND') return String(id);
  const [, name = 'another type'] = /"(?:name|type_name)":"(\w+)"/.exec(JSON.stringify(info)) ?? [];
  return name.toUpperCase();
}

type Refuse = (what: string, more?: { got?: unknown; need?: unknown; remedy?: string }) => Error;

/** An error about a rule's predicate, with its place. */
export function refusal(rule: Rule, file: string): Refuse {
  return (what, more = {}) =>
    inputError('rule-sql', `rule ${rule.name}: ${what}`, {
      file,
      line: rule.whenLine,
      got: rule.when,
      remedy: 'docs/rules.md has the columns and functions that a predicate may use',
      ...more,
    });
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** Classes of expressions whose parts are expressions again, and nothing else. */
const PLAIN_CLASSES = new Set([
  ...['COMPARISON', 'CONJUNCTION', 'OPERATOR', 'CASE', 'BETWEEN'],
  // `->` of JSON: the parser takes it for a lambda, which none of the functions allowed would be one for.
  'LAMBDA',
]);

function walk(node: SqlNode, refuse: Refuse, resolve: ResolveColumn): void {
  // What follows is written out as SQL again; places in the old text mean nothing there.
  node.query_location = 0;
  const what = String(node.class);
  if (what === 'CONSTANT') {
    checkConstant(node, refuse);
    return;
  }
  if (what === 'COLUMN_REF') {
    const names = node.column_names as string[];
    const column = resolve(names);
    if (column === null) throw refuse(`there is no column ${names.join('.')}`, { got: names.join('.') });
    node.column_names = [column];
    return;
  }
  if (what === 'CAST') {
    const type = typeName(node.cast_type as SqlNode);
    if (!SAFE_TYPES.has(type)) throw refuse(`a predicate cannot cast to ${type}`);
  } else if (what === 'FUNCTION') {
    checkFunction(node, refuse);
  } else if (!PLAIN_CLASSES.has(what)) {
    throw refuse(`a predicate cannot hold ${WORDS[what] ?? `an expression of the kind ${what}`}`);
  }
  for (const child of partsOf(node)) walk(child, refuse, resolve);
}

const WORDS: Readonly<Record<string, string>> = {
  SUBQUERY: 'a query of its own',
  WINDOW: 'a window function',
  STAR: 'a star',
  PARAMETER: 'a parameter',
};

function checkFunction(node: SqlNode, refuse: Refuse): void {
  const name = String(node.function_name).toLowerCase();
  const known =
    SAFE_FUNCTIONS.has(name) && (node.schema === '' || node.schema === 'main') && node.catalog === '';
  if (!known) throw refuse(`a predicate cannot use the function ${name}`);
  const { orders } = node.order_bys as { orders: unknown };
  if (node.filter !== null || node.distinct === true || node.export_state === true || !isEmptyList(orders))
    throw refuse(`a predicate can only call ${name} plainly`);
}

/** Numbers that JSON cannot hold exactly would be others when the expression is written out again. */
function checkConstant(node: SqlNode, refuse: Refuse): void {
  const { value, type } = node.value as { value: unknown; type: { id: string } };
  const exact =
    value === undefined ||
    value === null ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && (type.id === 'DOUBLE' || Number.isSafeInteger(value)));
  if (!exact) throw refuse('a number in the predicate has too many digits');
}

/** The expressions directly inside another. */
function* partsOf(node: SqlNode): Generator<SqlNode> {
  for (const value of Object.values(node))
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item !== 'object' || item === null) continue;
      if (typeof (item as SqlNode).class === 'string') yield item as SqlNode;
      else if ('when_expr' in item)
        yield* [item.when_expr as SqlNode, (item as SqlNode).then_expr as SqlNode];
    }
}
