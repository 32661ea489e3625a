import type { Text } from '../../pairs/pair.ts';
import { guessLanguage } from '../../pairs/survey/language.ts';
import { MetaColumns } from '../../pairs/survey/meta.ts';
import { plainText } from '../../pairs/survey/text.ts';
import { auc } from '../../stats/auc.ts';
import type { Interval } from '../../stats/interval.ts';
import { holm } from '../../stats/student-t.ts';
import { fisherExact, rankSumTest, shareDifference } from '../../stats/two-groups.ts';
import { tagsOf } from './tags.ts';
import { hasTrait, TRAITS } from './traits.ts';
import { Vocabulary, type VocabularyLoss } from './vocabulary.ts';

/** A pair of the pool as its texts, its further columns and its lengths show it. */
export interface EffectPair {
  readonly id: string;
  readonly row: number;
  readonly prompt: Text;
  readonly chosen: Text;
  readonly rejected: Text;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly tokens: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

export const LENGTHS = ['prompt', 'chosen', 'rejected', 'difference'] as const;

/** Of which side a length is; difference: chosen minus rejected. */
export type LengthOf = (typeof LENGTHS)[number];

/** A group of pairs, and whether the selection drops more of it than of the others. */
export interface GroupEffect {
  /** category: a value of a further column; language: of the prompt; trait: of the chosen answer; safety: a tag. */
  readonly kind: 'category' | 'language' | 'trait' | 'safety';
  /** Column of a category; else the kind. */
  readonly of: string;
  readonly value: string;
  readonly pairs: number;
  readonly dropped: number;
  /** Share of the group's pairs that was dropped minus that of all other pairs, with its 95 % interval (Newcombe). */
  readonly effect: Interval;
  /** Fisher's exact test; corrected for the number of all tests of the selection (Holm). */
  readonly p: number;
  readonly pHolm: number;
}

/** Lengths in tokens of kept and of dropped pairs. */
export interface LengthEffect {
  readonly of: LengthOf;
  readonly keptMean: number;
  readonly droppedMean: number;
  /** How often a dropped pair's is the longer than a kept one's, ties half: ½ says nothing. 95 % interval (DeLong). */
  readonly effect: Interval;
  /** Mann and Whitney's rank test; corrected likewise. */
  readonly p: number;
  readonly pHolm: number;
}

export interface SelectionEffects {
  readonly pairs: number;
  readonly dropped: number;
  /** Tests that were made, and corrected for. */
  readonly tests: number;
  /** Groups of fewer than `LEAST_PAIRS` pairs, in or out: not tested, as no test of so few can find anything. */
  readonly untested: number;
  readonly lengths: readonly LengthEffect[];
  /** Most marked first. */
  readonly groups: readonly GroupEffect[];
  readonly vocabulary: (VocabularyLoss & { readonly pHolm: number }) | null;
}

/** Fewer pairs than this make no group. */
export const LEAST_PAIRS = 10;

interface Count {
  readonly kind: GroupEffect['kind'];
  readonly of: string;
  readonly value: string;
  pairs: number;
  dropped: number;
}

/**
 * What a selection does to the data: which groups of pairs it drops more than their share of, whether it prefers length,
 * and which words are lost. All tests are against a random selection of as many pairs, and corrected together: where
 * the selection sees none of these things, something is called found in at most 5 % of all cases.
 * null where nothing was dropped or nothing kept.
 * @param safety a further column that tags pairs (a value, a list of values, or an object of yes and no).
 */
export function selectionEffects(
  pairs: Iterable<EffectPair>,
  kept: ReadonlySet<string>,
  { seed, safety = null }: { readonly seed: number; readonly safety?: string | null },
): SelectionEffects | null {
  const counts = new Map<string, Count>();
  const columns = new MetaColumns();
  const categories: { readonly meta: EffectPair['meta']; readonly isKept: boolean }[] = [];
  const lengths: Record<LengthOf, number[]> = { prompt: [], chosen: [], rejected: [], difference: [] };
  const isDropped: boolean[] = [];
  const vocabulary = new Vocabulary();
  const count = (kind: Count['kind'], of: string, value: string, isKept: boolean) => {
    const key = JSON.stringify([kind, of, value]);
    const own = counts.get(key) ?? { kind, of, value, pairs: 0, dropped: 0 };
    own.pairs++;
    if (!isKept) own.dropped++;
    counts.set(key, own);
  };
  for (const pair of pairs) {
    const isKept = kept.has(pair.id);
    isDropped.push(!isKept);
    const { prompt, chosen, rejected } = pair.tokens;
    lengths.prompt.push(prompt);
    lengths.chosen.push(chosen);
    lengths.rejected.push(rejected);
    lengths.difference.push(chosen - rejected);
    const [asked, answer] = [plainText(pair.prompt), plainText(pair.chosen)];
    const language = guessLanguage(asked);
    if (language !== null) count('language', 'language', language, isKept);
    for (const trait of TRAITS) if (hasTrait(answer, trait)) count('trait', 'trait', trait, isKept);
    if (safety !== null) for (const tag of tagsOf(pair.meta[safety])) count('safety', safety, tag, isKept);
    columns.add(pair);
    categories.push({ meta: namesIn(pair.meta), isKept });
    vocabulary.add(`${asked}\n${answer}`, isKept);
  }
  const named = columns.done().categories.filter(({ column }) => column !== safety);
  for (const { meta, isKept } of categories)
    for (const { column } of named) {
      const value = meta[column];
      if (value !== undefined && value !== null && typeof value !== 'object')
        count('category', column, String(value), isKept);
    }
  const n = isDropped.length;
  const dropped = isDropped.filter(Boolean).length;
  if (dropped === 0 || dropped === n) return null;

  const isGroup = ({ pairs }: Count) => Math.min(pairs, n - pairs) >= LEAST_PAIRS;
  const groups = once([...counts.values()].filter(isGroup)).map((group) => {
    const others = { pairs: n - group.pairs, dropped: dropped - group.dropped };
    return {
      ...group,
      effect: shareDifference([group.dropped, group.pairs], [others.dropped, others.pairs]) as Interval,
      p: fisherExact(
        group.dropped,
        group.pairs - group.dropped,
        others.dropped,
        others.pairs - others.dropped,
      ),
    };
  });
  const ranked = LENGTHS.map((of) => lengthEffect(of, lengths[of], isDropped));
  const lost = vocabulary.loss(seed);
  const adjusted = holm([...groups, ...ranked, ...(lost === null ? [] : [lost])].map(({ p }) => p));
  return {
    pairs: n,
    dropped,
    tests: adjusted.length,
    untested: [...counts.values()].filter((group) => !isGroup(group)).length,
    lengths: ranked.map((effect, i) => ({ ...effect, pHolm: adjusted[groups.length + i] as number })),
    groups: groups
      .map((group, i) => ({ ...group, pHolm: adjusted[i] as number }))
      .sort((a, b) => a.pHolm - b.pHolm || Math.abs(b.effect.value) - Math.abs(a.effect.value)),
    vocabulary: lost === null ? null : { ...lost, pHolm: adjusted.at(-1) as number },
  };
}

/** What may name a category: of other columns, which may hold whole texts, nothing is kept in memory. */
function namesIn(meta: EffectPair['meta']): EffectPair['meta'] {
  const isName = (value: unknown) =>
    typeof value === 'boolean' ||
    Number.isInteger(value) ||
    (typeof value === 'string' && value.length <= 100);
  return Object.fromEntries(Object.entries(meta).filter(([, value]) => isName(value)));
}

/** Of two values that divide a column between them one says all, and testing both would be paid for twice. */
function once(groups: readonly Count[]): Count[] {
  const of = (group: Count) => `${group.kind} ${group.of}`;
  const values = new Map<string, Count[]>();
  for (const group of groups) values.set(of(group), [...(values.get(of(group)) ?? []), group]);
  return groups.filter((group) => {
    const own = values.get(of(group)) as Count[];
    const rest = own.find((other) => other !== group);
    if (group.kind === 'trait' || group.kind === 'safety' || own.length !== 2 || rest === undefined)
      return true;
    const isTrue = (one: Count) => /^(true|1|yes)$/iu.test(one.value);
    if (isTrue(group) !== isTrue(rest)) return isTrue(group);
    return group.pairs === rest.pairs ? group === own[0] : group.pairs < rest.pairs;
  });
}

function lengthEffect(
  of: LengthOf,
  values: readonly number[],
  isDropped: readonly boolean[],
): Omit<LengthEffect, 'pHolm'> {
  const mean = (wanted: boolean) => {
    const own = values.filter((_, i) => isDropped[i] === wanted);
    return own.reduce((sum, value) => sum + value, 0) / own.length;
  };
  const area = auc(values, isDropped);
  const value = area?.value ?? 0.5;
  return {
    of,
    keptMean: mean(false),
    droppedMean: mean(true),
    effect: { value, low: area?.low ?? value, high: area?.high ?? value },
    p: rankSumTest(values, isDropped),
  };
}
