import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { inputError } from '../base/errors.ts';
import { readBytes } from '../base/files.ts';
import { sha256 } from '../base/hash.ts';
import { decodeUtf8 } from '../base/json.ts';

/** What a rule does with the pairs that match it. */
export const RULE_ACTIONS = ['keep', 'drop', 'review', 'weight'] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

export interface Rule {
  readonly name: string;
  /** A SQL predicate over the columns of a pair. */
  readonly when: string;
  readonly action: RuleAction;
  /** What the loss of a pair that matches counts, 1 being a pair like others; null of other actions. */
  readonly weight: number | null;
  /** Why there is this rule, in a sentence; null where none was given. */
  readonly because: string | null;
  /** 1-based line of the file on which the rule begins, and on which its predicate does. */
  readonly line: number;
  readonly whenLine: number;
}

/** A file of rules, in the order in which they are asked. */
export interface RuleSet {
  readonly file: string;
  readonly text: string;
  readonly sha256: string;
  readonly rules: readonly Rule[];
}

const KEYS = ['name', 'when', 'action', 'weight', 'because'];
const EXAMPLE = '`- {name: short, when: chosen_chars < 20, action: drop, because: No answer is that short.}`';

/** @throws inputError `rules-yaml`, `rules-value` with the line; those of reading the file. */
export function readRules(file: string): RuleSet {
  return parseRules(decodeUtf8(readBytes(file), { file }), file);
}

/** As `readRules`, from the file's text. */
export function parseRules(text: string, file: string): RuleSet {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (node: unknown, otherwise = 1) =>
    isNode(node) && node.range ? lines.linePos(node.range[0]).line : otherwise;
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined)
    throw inputError('rules-yaml', `this is not valid YAML: ${fault.message}`, {
      file,
      line: lines.linePos(fault.pos[0]).line,
      remedy: `Write a list of rules, such as ${EXAMPLE}; put a predicate with a colon or # into quotes or behind \`when: >-\``,
    });
  const root = document.contents;
  if (root !== null && !isSeq(root) && !(isScalar(root) && root.value === null))
    throw inputError('rules-yaml', 'the file must hold a list of rules', {
      file,
      line: lineOf(root),
      remedy: `Begin each rule with a dash, such as ${EXAMPLE}`,
    });
  const rules: Rule[] = [];
  const seen = new Map<string, number>();
  for (const item of isSeq(root) ? root.items : []) {
    const line = lineOf(item);
    const wrong = (what: string, more: { line?: number; got?: unknown; need?: unknown; remedy?: string }) =>
      inputError('rules-value', what, { file, line, remedy: `A rule is such as ${EXAMPLE}`, ...more });
    if (!isMap(item)) throw wrong('a rule must hold keys and values', { got: String(item) });
    for (const { key } of item.items) {
      const name = isScalar(key) ? String(key.value) : String(key);
      if (!KEYS.includes(name))
        throw wrong('a rule has no such key', { line: lineOf(key, line), got: name, need: KEYS });
    }
    const partOf = (key: string): { readonly value: unknown; readonly line: number } => {
      const node: unknown = item.get(key, true);
      return { value: isScalar(node) ? node.value : node, line: lineOf(node, line) };
    };
    const textOf = (key: string) => {
      const { value, line: at } = partOf(key);
      if (typeof value === 'string' && value.trim() !== '') return value;
      // `when: true` is a predicate too.
      if (key === 'when' && typeof value === 'boolean') return String(value);
      throw wrong(`a rule needs a text as \`${key}\``, { line: at, got: value ?? null });
    };
    const name = textOf('name').trim();
    const before = seen.get(name);
    if (before !== undefined)
      throw wrong('two rules have the same name', {
        line: partOf('name').line,
        got: name,
        need: `another name than the rule in line ${before}`,
        remedy: 'The ledger names the rule that decided: give each its own name',
      });
    seen.set(name, line);
    const action = partOf('action');
    if (!(RULE_ACTIONS as readonly unknown[]).includes(action.value))
      throw wrong('a rule has no such action', {
        line: action.line,
        got: action.value ?? null,
        need: RULE_ACTIONS,
      });
    const weight = partOf('weight');
    const isWeight = action.value === 'weight';
    const isNumber = typeof weight.value === 'number' && weight.value > 0 && Number.isFinite(weight.value);
    if (isWeight && !isNumber)
      throw wrong('a rule that weighs needs a `weight` above 0', {
        line: weight.value === undefined ? action.line : weight.line,
        got: weight.value ?? null,
        remedy: 'Write `weight: 0.5` for half of a pair, 2 for two; to leave pairs out, `action: drop`',
      });
    if (!isWeight && weight.value !== undefined)
      throw wrong('`weight` is of rules that weigh', {
        line: weight.line,
        got: weight.value,
        remedy: 'Write `action: weight`, or leave the weight out',
      });
    const because = partOf('because');
    if (because.value !== undefined && because.value !== null && typeof because.value !== 'string')
      throw wrong('`because` must be a sentence', { line: because.line, got: because.value });
    rules.push({
      name,
      when: textOf('when').trim(),
      action: action.value as RuleAction,
      weight: isWeight ? (weight.value as number) : null,
      because: typeof because.value === 'string' ? because.value.trim() : null,
      line,
      whenLine: partOf('when').line,
    });
  }
  return { file, text, sha256: sha256(text), rules };
}
