import { inputError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Message } from '../pairs/pair.ts';
import type { VerdictRule } from './verdict.ts';

/** What a template can hold, by the names of Winnow's own templates. */
export const SLOTS = [
  'prompt',
  'answer_a',
  'answer_b',
  'reference',
  'answer',
  'prompt_1',
  'answer_1',
  'prompt_2',
  'answer_2',
  'reference_1',
  'reference_2',
  'mark',
] as const;
export type Slot = (typeof SLOTS)[number];

/** A template cut at its placeholders: what is filled in is never looked at again. */
export type Part = string | { readonly slot: Slot };

export interface TemplateMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly parts: readonly Part[];
}

export type TemplateKind =
  | 'pairwise' // two answers, a verdict in words
  | 'preference' // two answers, one token
  | 'grading'; // one answer, a rating

export interface JudgeTemplate {
  readonly name: string;
  /** Where it was read. */
  readonly file: string;
  readonly kind: TemplateKind;
  /** The turn that is judged: 2 where the template holds both turns of a dialogue. */
  readonly turn: 1 | 2;
  readonly messages: readonly TemplateMessage[];
  /** How the verdict stands in the judge's words. */
  readonly verdict: VerdictRule;
  /** What a preference calls the first answer and the second: one token each. */
  readonly labels: { readonly a: string; readonly b: string };
  /** Said to the judge when its words hold no verdict; null: the question is asked anew. */
  readonly again: string | null;
  readonly usesReference: boolean;
  /** What a reader of results should know; null where there is nothing. */
  readonly note: string | null;
  /** SHA-256 of the texts: which wording judged. */
  readonly hash: string;
}

const NEEDED: Readonly<Record<TemplateKind, Readonly<Record<1 | 2, readonly Slot[]>>>> = {
  pairwise: { 1: ['prompt', 'answer_a', 'answer_b'], 2: [] },
  preference: { 1: ['prompt', 'answer_a', 'answer_b'], 2: [] },
  grading: { 1: ['prompt', 'answer'], 2: ['prompt_1', 'answer_1', 'prompt_2', 'answer_2'] },
};
const FREE: readonly Slot[] = ['reference', 'reference_1', 'reference_2', 'mark'];

export interface TemplateSource
  extends Omit<JudgeTemplate, 'messages' | 'turn' | 'usesReference' | 'hash' | 'labels' | 'again' | 'note'> {
  readonly texts: readonly { readonly role: TemplateMessage['role']; readonly text: string }[];
  /** What the file calls the slots. */
  readonly names: Readonly<Record<string, Slot>>;
  /** `{{` and `}}` stand for braces, as in Python's str.format. */
  readonly escapes: boolean;
  readonly labels?: JudgeTemplate['labels'];
  readonly again?: string | null;
  readonly note?: string | null;
}

/**
 * Cuts the texts of a template at their placeholders.
 *
 * @throws inputError `judge-template` when a placeholder is missing, or is none.
 */
export function templateOf(source: TemplateSource): JudgeTemplate {
  const { name, file, kind, verdict, labels = { a: 'm', b: 'M' }, again = null, note = null } = source;
  const messages = source.texts.map(({ role, text }) => ({ role, parts: cut(text, source) }));
  const slots = new Set(
    messages.flatMap(({ parts }) => parts.flatMap((part) => (typeof part === 'string' ? [] : [part.slot]))),
  );
  const turn = kind === 'grading' && slots.has('answer_2') ? 2 : 1;
  const needed = NEEDED[kind][turn];
  const missing = needed.filter((slot) => !slots.has(slot));
  const nameOf = (slot: Slot) =>
    `{${Object.keys(source.names).find((key) => source.names[key] === slot) ?? slot}}`;
  if (missing.length > 0)
    throw inputError('judge-template', `the template ${name} lacks ${missing.map(nameOf).join(' and ')}`, {
      file,
      need: needed.map(nameOf).join(', '),
      remedy: 'Write the placeholder where the text is to stand',
    });
  const idle = [...slots].filter((slot) => !needed.includes(slot) && !FREE.includes(slot));
  if (idle.length > 0)
    throw inputError(
      'judge-template',
      `the template ${name} has no use for ${idle.map(nameOf).join(' and ')}`,
      {
        file,
        need: needed.map(nameOf).join(', '),
        remedy: `A template of the kind ${kind} compares no other texts`,
      },
    );
  return {
    name,
    file,
    kind,
    turn,
    messages,
    verdict,
    labels,
    again,
    usesReference: slots.has('reference') || slots.has('reference_1') || slots.has('reference_2'),
    note,
    hash: sha256(
      JSON.stringify([
        messages,
        verdict.patterns.map(({ source }) => source),
        verdict.take,
        verdict.upperCase,
        labels,
        again,
      ]),
    ),
  };
}

const PLACEHOLDER = /\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

function cut(text: string, { names, escapes, file, name }: TemplateSource): Part[] {
  const parts: Part[] = [];
  let literal = '';
  let from = 0;
  for (const found of text.matchAll(PLACEHOLDER)) {
    literal += text.slice(from, found.index);
    from = found.index + found[0].length;
    const word = found[1];
    if (word === undefined) {
      literal += escapes ? found[0].slice(1) : found[0];
      continue;
    }
    const slot = Object.hasOwn(names, word) ? names[word] : undefined;
    if (slot === undefined)
      throw inputError('judge-template', `the template ${name} has an unknown placeholder {${word}}`, {
        file,
        line: text.slice(0, found.index).split('\n').length,
        need: Object.keys(names)
          .map((known) => `{${known}}`)
          .join(', '),
        remedy: escapes ? 'Braces that are meant as such are written twice: {{ and }}' : 'Correct the name',
      });
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push({ slot });
  }
  literal += text.slice(from);
  if (literal !== '') parts.push(literal);
  return parts;
}

/**
 * The messages of a template with its texts in place. Every text stands as it is: a placeholder's name inside an
 * answer is not filled in. `{mark}` is a short code made of all the texts, which none of them can know beforehand.
 */
export function fillTemplate(
  { messages }: JudgeTemplate,
  values: Readonly<Partial<Record<Exclude<Slot, 'mark'>, string>>>,
): Message[] {
  const mark = sha256(JSON.stringify(values)).slice(0, 8);
  return messages.map(({ role, parts }) => ({
    role,
    content: parts
      .map((part) => {
        if (typeof part === 'string') return part;
        const value = part.slot === 'mark' ? mark : values[part.slot];
        if (value === undefined) throw new Error(`no text for {${part.slot}}`);
        return value;
      })
      .join(''),
  }));
}

/** A prompt as one text: a single message as it is, several as a transcript. */
export function promptText(conversation: readonly Message[]): string {
  if (conversation.length === 1) return (conversation[0] as Message).content;
  return conversation
    .map(({ role, content }) => `[${role.charAt(0).toUpperCase()}${role.slice(1)}]\n${content}`)
    .join('\n\n');
}
