import { parse, tokenize } from '@huggingface/jinja';

/** Methods `text.name(…)` and filters `text | name` that are ours instead of the library's. */
const METHODS = new Set(['strip', 'lstrip', 'rstrip', 'split', 'title', 'capitalize']);
const FILTERS: ReadonlyMap<string, string> = new Map([
  ['trim', ' strip'],
  ['capitalize', ' capitalize'],
  ['title', ' title filter'],
  ['length', ' length'],
  ['count', ' length'],
]);

/** A node of the parsed template. */
interface Node {
  readonly type: string;
  [key: string]: unknown;
}

/** Statements; every other node of a block is an expression whose value is written. */
const STATEMENTS = new Set([
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
  'StringLiteral',
]);

/**
 * Replaces what the library computes otherwise than Python by calls of `jinja-functions.ts`, within `node`; what stands
 * in its own place comes back.
 */
export function mend(node: unknown): unknown {
  if (Array.isArray(node)) {
    for (const [i, item] of node.entries()) node[i] = mend(item);
    return node;
  }
  if (node instanceof Map) {
    const entries = [...node].map(([key, value]) => [mend(key), mend(value)] as const);
    node.clear();
    for (const [key, value] of entries) node.set(key, value);
    return node;
  }
  if (!isNode(node)) return node;
  for (const [key, value] of Object.entries(node)) {
    node[key] = mend(value);
    const isBlock = key === 'body' || key === 'alternate' || key === 'defaultBlock';
    if (isBlock && Array.isArray(value)) node[key] = value.map(written);
  }
  if (node.type === 'MemberExpression') node.object = call(' defined', [node.object as Node]);
  if (node.type === 'For') node.body = [newTurn(node), ...(node.body as Node[])];
  return textCall(node) ?? node;
}

function written(node: Node): Node {
  return STATEMENTS.has(node.type) ? node : call(' print', [node]);
}

function newTurn({ loopvar }: Node): Node {
  const target = loopvar as Node;
  const names = target.type === 'TupleLiteral' ? (target.value as Node[]) : [target];
  return call(
    ' new turn',
    names.map(({ value }) => like('StringLiteral', { value })),
  );
}

/** `x.strip(…)`, `x | trim` and `x ~ y` as calls of ours, or undefined. */
function textCall(node: Node): Node | undefined {
  if (node.type === 'BinaryExpression' && (node.operator as Node).value === '~')
    return call(' ~', [node.left as Node, node.right as Node]);
  if (node.type === 'FilterExpression') {
    const filter = node.filter as Node;
    const [name, args] =
      filter.type === 'CallExpression'
        ? [(filter.callee as Node).value, filter.args as Node[]]
        : [filter.value, []];
    const ours = FILTERS.get(String(name));
    return ours === undefined ? undefined : call(ours, [node.operand as Node, ...args]);
  }
  if (node.type !== 'CallExpression') return undefined;
  const { type, object, property, computed } = node.callee as Node;
  if (type !== 'MemberExpression' || computed === true) return undefined;
  const name = String((property as Node).value);
  if (!METHODS.has(name)) return undefined;
  return call(` ${name}`, [object as Node, ...(node.args as Node[])]);
}

function call(name: string, args: readonly Node[]): Node {
  return like('CallExpression', { callee: like('Identifier', { value: name }), args });
}

/** One node of each class that is made here: the library does not export them. */
const PROTOTYPES: ReadonlyMap<string, object> = (() => {
  const [expression] = parse(tokenize("{{ f('') }}")).body as unknown as { callee: object; args: object[] }[];
  if (expression === undefined) throw new Error('an empty template');
  return new Map(
    [expression, expression.callee, expression.args[0] as object].map((node) => [
      (node as Node).type,
      Object.getPrototypeOf(node) as object,
    ]),
  );
})();

function like(type: string, fields: object): Node {
  return Object.assign(Object.create(PROTOTYPES.get(type) ?? null), { type, ...fields }) as Node;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}
