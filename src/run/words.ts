import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The parts of a JSON Schema that {@link typeInWords} and the walk over the keys need. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** JSON Schema (2020-12) of `winnow.yaml`, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: 'winnow.yaml', ...z.toJSONSchema(configSchema, { io: 'input' }) };
}

let keys: ReadonlyMap<string, SchemaNode> | undefined;

/** Every key with its section in front (`training.beta`), sections included, in the order of the schema. */
export function configKeys(): ReadonlyMap<string, SchemaNode> {
  if (keys !== undefined) return keys;
  const found = new Map<string, SchemaNode>();
  const walk = (node: SchemaNode, prefix: string) => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      found.set(prefix + key, child);
      walk(child, `${prefix}${key}.`);
    }
  };
  walk(configJsonSchema(), '');
  keys = found;
  return found;
}

/** Every key with its values, default and meaning, for `--help` and the docs. */
export function explainConfig(): string {
  const lines: string[] = [];
  for (const [key, node] of configKeys()) {
    const depth = key.split('.').length - 1;
    const indent = '  '.repeat(depth);
    const name = key.slice(key.lastIndexOf('.') + 1);
    lines.push(
      node.properties === undefined
        ? `${indent}${name}: ${JSON.stringify(node.default)}   # ${typeInWords(node)}`
        : `${indent}${name}:`,
      ...wrap(node.description ?? '', 100 - 2 * depth).map((line) => `${indent}    ${line}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What a key may be, e.g. `a number above 0, a list of numbers above 0 or auto`. */
export function typeInWords(node: SchemaNode, plural = false): string {
  if (node.anyOf !== undefined) return either(node.anyOf.map((option) => typeInWords(option, plural)));
  // Of a text that must look like something: what it looks like.
  if (node.title !== undefined && node.type === 'string') return node.title;
  if (node.enum !== undefined) return either(node.enum.map(String));
  if (node.const !== undefined) return String(node.const);
  if (node.properties !== undefined) return 'a section of keys';
  const types = [node.type ?? 'anything'].flat();
  return either(
    types.map((type) => {
      if (type === 'null') return 'null';
      if (type === 'object') return 'a map of names';
      if (type === 'array') return `a list of ${typeInWords(node.items ?? {}, true)}`;
      const nouns = { integer: 'whole number', number: 'number', string: 'text', boolean: 'true or false' };
      const noun = nouns[type as keyof typeof nouns] ?? type;
      const words = noun === 'text' || type === 'boolean' ? noun : plural ? `${noun}s` : `a ${noun}`;
      return [words, ...bounds(node)].join(' ');
    }),
  );
}

function bounds(node: SchemaNode): string[] {
  const parts: string[] = [];
  if (node.minimum !== undefined) parts.push(`of at least ${node.minimum}`);
  if (node.exclusiveMinimum !== undefined) parts.push(`above ${node.exclusiveMinimum}`);
  // zod bounds every integer by 2^53 - 1: true, and of no use to a reader.
  if (node.maximum !== undefined && node.maximum !== Number.MAX_SAFE_INTEGER)
    parts.push(`up to ${node.maximum}`);
  if (node.exclusiveMaximum !== undefined) parts.push(`below ${node.exclusiveMaximum}`);
  return parts.length < 2 ? parts : [parts.join(' and ')];
}

function either(options: readonly string[]): string {
  return options.length < 2 ? (options[0] ?? '') : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** The known key that a misspelt one most likely means: the same last part, or the fewest edits. */
export function nearestKey(key: string): string | null {
  const last = (name: string) =>
    name
      .slice(name.lastIndexOf('.') + 1)
      .toLowerCase()
      .replaceAll(/[-_]/g, '');
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const known of configKeys().keys()) {
    // Sections count a little, so that of two equally near names the one in the same section is meant.
    const samePlace = known.slice(0, known.lastIndexOf('.') + 1) === key.slice(0, key.lastIndexOf('.') + 1);
    const shortened = last(key).length >= 3 && last(known).startsWith(last(key));
    const distance = (shortened ? 1 : edits(last(key), last(known))) + (samePlace ? 0 : 0.5);
    if (distance < bestDistance) {
      best = known;
      bestDistance = distance;
    }
  }
  return bestDistance <= Math.max(2, last(key).length / 3) + 0.5 ? best : null;
}

/** Levenshtein distance. */
function edits(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
