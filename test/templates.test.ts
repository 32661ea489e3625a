import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WinnowError } from '../src/base/errors.ts';
import type { Message } from '../src/pairs/pair.ts';
import { renderChat } from '../src/text/template.ts';
import { tinyTokenizer } from '../src/text/tiny.fixture.ts';

/** Without and with a generation prompt; null where the template refuses. */
type Renders = Readonly<Record<string, readonly [string | null, string | null]>>;

interface Golden {
  readonly own: Readonly<Record<string, Renders>>;
  /** Of templates that are not in the project: length in bytes and the first 16 digits of the SHA-256. */
  readonly shared: Readonly<Record<string, Renders>>;
  readonly compact: Readonly<Record<string, Renders>>;
}

const here = join(import.meta.dirname, 'templates');
const json = (name: string): unknown => JSON.parse(readFileSync(join(here, name), 'utf8'));
const golden = json('golden.json') as Golden;
const conversations = Object.entries(json('conversations.json') as Record<string, Message[]>);

/** What we render, as the golden file has it. Anything but a text or a refusal is thrown on. */
function renders(chatTemplate: string): Renders {
  const tokenizer = tinyTokenizer({ chatTemplate, specials: ['<s>', '</s>', '<unk>'] });
  const render = (messages: readonly Message[], generationPrompt: boolean) => {
    try {
      return renderChat(tokenizer, messages, { generationPrompt });
    } catch (error) {
      if (!(error instanceof WinnowError) || error.code !== 'template-refused') throw error;
      expect(error.kind).toBe('input');
      expect(error.fields.file).toBe(tokenizer.source);
      return null;
    }
  };
  return Object.fromEntries(
    conversations.map(([name, messages]) => [name, [render(messages, false), render(messages, true)]]),
  );
}

function digests(found: Renders): Renders {
  const digest = (text: string | null) =>
    text === null
      ? null
      : `${Buffer.byteLength(text)} ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  return Object.fromEntries(
    Object.entries(found).map(([name, [a, b]]) => [name, [digest(a), digest(b)] as const]),
  );
}

describe('chat templates of our own render as in transformers', () => {
  it.each(Object.entries(golden.own))('%s', (name, expected) => {
    expect(renders(readFileSync(join(here, 'own', `${name}.jinja`), 'utf8'))).toEqual(expected);
  });

  it('every one of them has golden renders of every conversation, and some refuse', () => {
    const names = readdirSync(join(here, 'own')).map((file) => file.replace(/\.jinja$/, ''));
    expect(Object.keys(golden.own).sort()).toEqual(names.sort());
    const refused = Object.values(golden.own).flatMap((found) => {
      expect(Object.keys(found)).toEqual(conversations.map(([name]) => name));
      return Object.values(found).flat();
    });
    expect(refused.filter((text) => text === null).length).toBeGreaterThan(10);
  });
});

const folder = join(import.meta.dirname, '../../shared/data/tokenizers/chat_templates');
describe.skipIf(!existsSync(folder))(
  'chat templates of real models render as in transformers (needs ../shared/data)',
  () => {
    const source = (name: string) => readFileSync(join(folder, `${name}.jinja`), 'utf8');

    it('finds all of them', () => {
      const names = readdirSync(folder).filter((file) => file.endsWith('.jinja'));
      expect(names.map((file) => file.replace(/\.jinja$/, '')).sort()).toEqual(
        Object.keys(golden.shared).sort(),
      );
    });

    it.each(Object.entries(golden.shared))('%s', (name, expected) => {
      expect(digests(renders(source(name)))).toEqual(expected);
    });

    it.each(Object.entries(golden.compact))('%s, without indents and line breaks', (name, expected) => {
      const compact = source(name).replaceAll('    ', '').replaceAll('\n', '');
      expect(digests(renders(compact))).toEqual(expected);
    });
  },
);
