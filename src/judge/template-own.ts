import { readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { inputError } from '../base/errors.ts';
import { PACKAGE_DIR } from '../base/package-dir.ts';
import { type JudgeTemplate, SLOTS, type Slot, templateOf } from './template.ts';
import { checked, FORMS, ruleOf, someText, textOf, yamlOf } from './template-parts.ts';

const BUILT_IN = join(PACKAGE_DIR, 'assets', 'judge');

/** Names of Winnow's own templates. */
export function builtInTemplates(): string[] {
  return readdirSync(BUILT_IN)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'))
    .sort();
}

/** One of Winnow's own templates (assets/judge). */
export function builtInTemplate(name: string): JudgeTemplate {
  if (!builtInTemplates().includes(name))
    throw inputError('judge-template', `there is no template ${name}`, {
      need: builtInTemplates().join(', '),
      got: name,
      remedy: 'Give one of these names, or a file',
    });
  const file = join(BUILT_IN, `${name}.yaml`);
  return ownTemplate(file, yamlOf(textOf(file), file));
}

const ownSchema = z.strictObject({
  kind: z.enum(['pairwise', 'preference', 'grading']),
  system: someText.optional(),
  prompt: someText,
  patterns: z.array(someText).min(1).optional(),
  take: z.enum(['first', 'last', 'only']).default('last'),
  labels: z
    .strictObject({ a: someText, b: someText })
    .refine(({ a, b }) => a !== b, 'two labels that are the same')
    .optional(),
  again: someText.optional(),
});
const OWN_NAMES = Object.fromEntries(SLOTS.map((slot) => [slot, slot])) as Record<string, Slot>;

/** Winnow's own form. */
export function ownTemplate(file: string, value: unknown): JudgeTemplate {
  const { kind, system, prompt, patterns, take, labels, again } = checked(ownSchema, value, file);
  if (patterns === undefined && kind !== 'preference')
    throw inputError('judge-template', 'the template does not say how its verdict is found', {
      file,
      need: 'patterns: a list of regular expressions whose first group is the verdict',
      remedy: FORMS,
    });
  return templateOf({
    name: basename(file, extname(file)),
    file,
    kind,
    texts: [...systemText(system), { role: 'user', text: prompt }],
    names: OWN_NAMES,
    escapes: true,
    verdict: ruleOf(patterns ?? [], take, false, file),
    ...(labels === undefined ? {} : { labels }),
    again: again ?? null,
  });
}

const systemText = (system: string | undefined) =>
  system === undefined ? [] : [{ role: 'system', text: system } as const];
