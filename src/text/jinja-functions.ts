import { Environment } from '@huggingface/jinja';
import { capitalize, length, type Side, split, strip, title, titleFilter } from './python-text.ts';

/**
 * What mended templates call (`mend`): functions under names that no template can write, because they begin with a
 * space. Those of text take JavaScript's values, the raw ones the library's.
 */
type TextFunction = (text: unknown, ...args: (string | number | null | undefined)[]) => unknown;

/** A function of text under a name that no template can write. */
function ofText(name: string, call: (text: string, a: never, b: never) => unknown): [string, TextFunction] {
  const checked: TextFunction = (text, a, b) => {
    if (typeof text !== 'string') throw new Error(`${name}() of what is no text`);
    return call(text, a as never, b as never);
  };
  return [` ${name}`, checked];
}

const stripping = (side: Side) => (text: string, set: string | null | undefined) => strip(text, set, side);

export const TEXT_FUNCTIONS: Readonly<Record<string, TextFunction>> = Object.fromEntries([
  ofText('strip', stripping('both')),
  ofText('lstrip', stripping('left')),
  ofText('rstrip', stripping('right')),
  ofText('split', split),
  ofText('title', title),
  ofText('capitalize', capitalize),
  ofText('title filter', titleFilter),
]);

/** Values of the library, which exports their classes only as types. */
interface RuntimeValue {
  readonly type: string;
  readonly value: unknown;
}
type RawFunction = (args: RuntimeValue[], scope: Environment) => ReturnType<Environment['set']>;
const sample = new Environment();
export const FunctionValue = sample.set('function', () => null).constructor as new (
  call: RawFunction,
) => ReturnType<Environment['set']>;

export const RAW_FUNCTIONS: Readonly<Record<string, RawFunction>> = {
  ' print': ([value]) => made(shown(value as RuntimeValue)),
  ' ~': (values) => made(values.map(shown).join('')),
  ' length': ([value]) => made(lengthOf(value as RuntimeValue)),
  ' defined': ([value]) => {
    if (value?.type === 'UndefinedValue') throw new Error('an attribute of what is undefined');
    return value as unknown as ReturnType<Environment['set']>;
  },
  ' new turn': (kept, scope) => {
    const names = new Set(['loop', 'namespace', ...kept.map(({ value }) => value)]);
    for (const name of [...scope.variables.keys()]) if (!names.has(name)) scope.variables.delete(name);
    return made('');
  },
};

function made(value: string | number): ReturnType<Environment['set']> {
  return new Environment().set('value', value);
}

function lengthOf({ type, value }: RuntimeValue): number {
  if (typeof value === 'string') return length(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  throw new Error(`${type} has no length`);
}

/** As Python's `str`. */
function shown(value: RuntimeValue): string {
  if (value.type === 'StringValue') return value.value as string;
  return value.type === 'UndefinedValue' ? '' : repr(value);
}

/** As Python's `repr`. */
function repr(item: RuntimeValue): string {
  const { type, value } = item;
  if (type === 'NullValue') return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) {
    const items = (value as RuntimeValue[]).map(repr).join(', ');
    return type === 'TupleValue' ? `(${items}${value.length === 1 ? ',' : ''})` : `[${items}]`;
  }
  if (value instanceof Map) {
    const entries = [...(value as Map<string, RuntimeValue>)];
    return `{${entries.map(([key, held]) => `${quoted(key)}: ${repr(held)}`).join(', ')}}`;
  }
  return String(item);
}

function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll(mark, `\\${mark}`);
  return mark + escaped + mark;
}
