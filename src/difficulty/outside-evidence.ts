import type { PreferencePair } from '../pairs/pair.ts';
import { findConflicts, type LabelledEdge } from '../pairs/survey/conflicts.ts';
import { bareText, plainText, textHash } from '../pairs/survey/text.ts';

/** What speaks for or against a pair's label without any model. */
export interface OutsideEvidence {
  /** Ratings of both sides in the data's own columns (score_chosen beside score_rejected, and the like). */
  readonly ratings: { readonly column: string; readonly chosen: number; readonly rejected: number } | null;
  /** Of annotators, 0 … 1, where a column is named so. */
  readonly agreement: number | null;
  /** Rows of pairs with the same prompt that prefer the same answers the other way round. */
  readonly conflicts: readonly number[];
  /** How near both answers are: shared 5-grams of letters over all of them (Jaccard), 1 where they are the same but for form. */
  readonly similarity: number;
}

/** Similarity is of the first so many letters. */
const LOOKED_AT = 4_000;
const GRAM = 5;

/** Of each pair that is asked for, by id; conflicts are looked for among all pairs. */
export function outsideEvidence(
  pairs: Iterable<PreferencePair>,
  asked: ReadonlySet<string>,
): Map<string, OutsideEvidence> {
  const edges: LabelledEdge[] = [];
  const rows: number[] = [];
  const found = new Map<string, OutsideEvidence>();
  const idOf: (string | null)[] = [];
  for (const pair of pairs) {
    const [prompt, chosen, rejected] = [pair.prompt, pair.chosen, pair.rejected].map((text) =>
      bareText(plainText(text)),
    ) as [string, string, string];
    edges.push({
      place: edges.length,
      prompt: textHash(prompt),
      chosen: textHash(chosen),
      rejected: textHash(rejected),
    });
    rows.push(pair.row);
    idOf.push(asked.has(pair.id) ? pair.id : null);
    if (!asked.has(pair.id)) continue;
    found.set(pair.id, {
      ratings: ratingsOf(pair.meta),
      agreement: agreementOf(pair.meta),
      conflicts: [],
      similarity: similarity(chosen, rejected),
    });
  }
  for (const [a, b] of findConflicts(edges).opposite)
    for (const [own, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const id = idOf[own];
      const known = id == null ? undefined : found.get(id);
      if (id != null && known !== undefined)
        found.set(id, { ...known, conflicts: [...known.conflicts, rows[other] as number] });
    }
  return found;
}

/** J = |A ∩ B| / |A ∪ B| of the sets of 5 letters in a row; 1 for equal texts, of fewer letters too. */
export function similarity(a: string, b: string): number {
  const [left, right] = [gramsOf(a.slice(0, LOOKED_AT)), gramsOf(b.slice(0, LOOKED_AT))];
  if (a === b) return 1;
  let shared = 0;
  for (const gram of left) if (right.has(gram)) shared++;
  const all = left.size + right.size - shared;
  return all === 0 ? 0 : shared / all;
}

function gramsOf(text: string): Set<string> {
  const grams = new Set<string>();
  for (let i = 0; i + GRAM <= text.length; i++) grams.add(text.slice(i, i + GRAM));
  return grams;
}

function ratingsOf(meta: PreferencePair['meta']): OutsideEvidence['ratings'] {
  for (const column of Object.keys(meta)) {
    // score_chosen beside score_rejected; not what counts or measures a side.
    if (!/chosen/i.test(column) || !/scor|rating|reward|grade|quality|preference/i.test(column)) continue;
    const [chosen, rejected] = [meta[column], meta[column.replace(/chosen/i, 'rejected')]].map(numberOf);
    if (chosen != null && rejected != null) return { column, chosen, rejected };
  }
  return null;
}

function agreementOf(meta: PreferencePair['meta']): number | null {
  for (const [column, value] of Object.entries(meta)) {
    if (!/agreement/i.test(column)) continue;
    const share = numberOf(value);
    if (share !== null && share >= 0 && share <= 1) return share;
  }
  return null;
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}
