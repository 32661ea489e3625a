import { codePoints } from '../../base/code-points.ts';
import { clusteredProportion, type Proportion } from '../../stats/proportion.ts';
import { linearQuantile } from '../../stats/quantile.ts';
import type { PreferencePair } from '../pair.ts';
import { findConflicts, type LabelledEdge } from './conflicts.ts';
import { DEFECTS, type Defect, defectsOf } from './defects.ts';
import { FEATURES, featuresOf, isRefusal } from './features.ts';
import { differ, guessLanguage } from './language.ts';
import { MetaColumns, type MetaSurvey } from './meta.ts';
import { MOST_TEXTS, NEAR, nearDuplicateGroups, Sketches } from './near-duplicates.ts';
import { type Shortcut, shortcutTest } from './shortcut.ts';
import { bareText, plainText, textHash } from './text.ts';

/** What is in preference data, told without any model. Rows are those of the input. */
export interface DataSurvey {
  readonly pairs: number;
  /** Prompts that differ in more than form. */
  readonly prompts: number;
  readonly turns: { readonly single: number; readonly multi: number; readonly withSystem: number };
  /** In characters. */
  readonly lengths: {
    readonly prompt: Spread | null;
    readonly chosen: Spread | null;
    readonly rejected: Spread | null;
    /** Chosen minus rejected. */
    readonly difference: Spread | null;
    /** Share of the pairs whose chosen answer is the longer one, equal ones left out. */
    readonly chosenLonger: Proportion | null;
    readonly equal: number;
  };
  readonly shortcut: Shortcut;
  readonly refusals: { readonly chosen: number; readonly rejected: number };
  readonly nearDuplicates: {
    readonly threshold: number;
    /** Groups of pairs whose prompts are near and whose answers are: rows, at most so many groups. */
    readonly pairs: Groups;
    /** Groups of pairs whose prompts are near, but not the same but for form. */
    readonly prompts: Groups;
  };
  readonly conflicts: {
    /** Rows of pairs that prefer the same two answers the other way round. */
    readonly opposite: { readonly pairs: number; readonly rows: readonly (readonly number[])[] };
    readonly circles: { readonly pairs: number; readonly rows: readonly (readonly number[])[] };
  };
  readonly defects: Readonly<Record<Defect, { readonly pairs: number; readonly rows: readonly number[] }>>;
  readonly languages: {
    readonly prompt: Readonly<Record<string, number>>;
    readonly chosen: Readonly<Record<string, number>>;
    readonly rejected: Readonly<Record<string, number>>;
    /** Pairs with an answer in another language than its prompt. */
    readonly mismatch: {
      readonly chosen: number;
      readonly rejected: number;
      readonly rows: readonly number[];
    };
  };
  readonly meta: MetaSurvey;
}

export interface Spread {
  readonly mean: number;
  readonly min: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
}

export interface Groups {
  readonly groups: number;
  /** Pairs in groups, the first of each not counted. */
  readonly extra: number;
  readonly rows: readonly (readonly number[])[];
}

/** So many rows or groups are named as examples. */
const EXAMPLES = 20;
/** What is called so where a text has no letters to tell its language by. */
const UNTOLD = 'none';

/** Looks at pairs one at a time and keeps numbers of them, not texts. */
export class Surveyor {
  readonly #seed: number;
  readonly #rows: number[] = [];
  readonly #promptHash: number[] = [];
  readonly #edges: LabelledEdge[] = [];
  readonly #lengths: { prompt: number; chosen: number; rejected: number }[] = [];
  #differences = new Float32Array(1024 * FEATURES.length);
  readonly #promptSketches = new Sketches();
  readonly #answerSketches = new Sketches();
  readonly #defects = new Map<Defect, number[]>(DEFECTS.map((defect) => [defect, []]));
  readonly #languages = { prompt: new Tally(), chosen: new Tally(), rejected: new Tally() };
  readonly #mismatch = { chosen: 0, rejected: 0, rows: [] as number[] };
  readonly #refusals = { chosen: 0, rejected: 0 };
  readonly #turns = { single: 0, multi: 0, withSystem: 0 };
  readonly #meta = new MetaColumns();

  constructor(seed: number) {
    this.#seed = seed;
  }

  add(pair: PreferencePair): void {
    const place = this.#rows.length;
    const texts = {
      prompt: plainText(pair.prompt),
      chosen: plainText(pair.chosen),
      rejected: plainText(pair.rejected),
    };
    const bare = {
      prompt: bareText(texts.prompt),
      chosen: bareText(texts.chosen),
      rejected: bareText(texts.rejected),
    };
    const prompt = textHash(bare.prompt);
    this.#rows.push(pair.row);
    this.#promptHash.push(prompt);
    // Answers as they stand but for white space: two that differ in case or punctuation may well be a preference.
    this.#edges.push({
      place,
      prompt,
      chosen: answerHash(texts.chosen),
      rejected: answerHash(texts.rejected),
    });
    this.#lengths.push({
      prompt: codePoints(texts.prompt),
      chosen: codePoints(texts.chosen),
      rejected: codePoints(texts.rejected),
    });
    this.#addFeatures(place, texts);
    if (place < MOST_TEXTS) {
      this.#promptSketches.add([bare.prompt]);
      this.#answerSketches.add([bare.chosen, bare.rejected]);
    }
    for (const defect of defectsOf(texts, bare)) this.#defects.get(defect)?.push(pair.row);
    this.#addLanguages(pair.row, texts);
    this.#addTurns(pair);
    this.#meta.add(pair);
  }

  #addFeatures(place: number, { chosen, rejected }: { chosen: string; rejected: string }): void {
    const width = FEATURES.length;
    if ((place + 1) * width > this.#differences.length) {
      const grown = new Float32Array(2 * this.#differences.length);
      grown.set(this.#differences);
      this.#differences = grown;
    }
    const [one, other] = [featuresOf(chosen), featuresOf(rejected)];
    for (let k = 0; k < width; k++)
      this.#differences[place * width + k] = (one[k] as number) - (other[k] as number);
    if (isRefusal(chosen)) this.#refusals.chosen++;
    if (isRefusal(rejected)) this.#refusals.rejected++;
  }

  #addLanguages(row: number, texts: { prompt: string; chosen: string; rejected: string }): void {
    const [prompt, chosen, rejected] = [texts.prompt, texts.chosen, texts.rejected].map(guessLanguage) as [
      string | null,
      string | null,
      string | null,
    ];
    this.#languages.prompt.add(prompt ?? UNTOLD);
    this.#languages.chosen.add(chosen ?? UNTOLD);
    this.#languages.rejected.add(rejected ?? UNTOLD);
    const other = { chosen: differ(prompt, chosen), rejected: differ(prompt, rejected) };
    if (other.chosen) this.#mismatch.chosen++;
    if (other.rejected) this.#mismatch.rejected++;
    if ((other.chosen || other.rejected) && this.#mismatch.rows.length < EXAMPLES)
      this.#mismatch.rows.push(row);
  }

  #addTurns({ prompt }: PreferencePair): void {
    if (typeof prompt === 'string') {
      this.#turns.single++;
      return;
    }
    if (prompt.some(({ role }) => role === 'system')) this.#turns.withSystem++;
    if (prompt.filter(({ role }) => role === 'user').length > 1) this.#turns.multi++;
    else this.#turns.single++;
  }

  done(): DataSurvey {
    const rows = this.#rows;
    const rowsOf = (places: readonly number[]) => places.map((place) => rows[place] as number);
    const near = (a: number, b: number) => this.#promptSketches.similarity(a, b) >= NEAR;
    const pairGroups = nearDuplicateGroups(this.#answerSketches, near);
    const promptGroups = nearDuplicateGroups(this.#promptSketches).filter(
      (group) => new Set(group.map((place) => this.#promptHash[place])).size > 1,
    );
    const groups = (all: readonly (readonly number[])[]): Groups => ({
      groups: all.length,
      extra: all.reduce((sum, group) => sum + group.length - 1, 0),
      rows: all.slice(0, EXAMPLES).map((group) => rowsOf(group.slice(0, EXAMPLES))),
    });
    const { opposite, circles } = findConflicts(this.#edges);
    const conflict = (all: readonly (readonly number[])[]) => ({
      pairs: new Set(all.flat()).size,
      rows: all.slice(0, EXAMPLES).map(rowsOf),
    });
    return {
      pairs: rows.length,
      prompts: new Set(this.#promptHash).size,
      turns: { ...this.#turns },
      lengths: this.#lengthSurvey(),
      shortcut: shortcutTest(this.#differences, this.#promptHash, this.#seed),
      refusals: { ...this.#refusals },
      nearDuplicates: { threshold: NEAR, pairs: groups(pairGroups), prompts: groups(promptGroups) },
      conflicts: { opposite: conflict(opposite), circles: conflict(circles) },
      defects: Object.fromEntries(
        [...this.#defects].map(([defect, own]) => [
          defect,
          { pairs: own.length, rows: own.slice(0, EXAMPLES) },
        ]),
      ) as unknown as DataSurvey['defects'],
      languages: {
        prompt: this.#languages.prompt.shares(),
        chosen: this.#languages.chosen.shares(),
        rejected: this.#languages.rejected.shares(),
        mismatch: { ...this.#mismatch },
      },
      meta: this.#meta.done(),
    };
  }

  #lengthSurvey(): DataSurvey['lengths'] {
    const of = (value: (lengths: { prompt: number; chosen: number; rejected: number }) => number) =>
      spread(this.#lengths.map(value));
    const unequal = this.#lengths.flatMap(({ chosen, rejected }, place) =>
      chosen === rejected ? [] : [{ longer: chosen > rejected ? 1 : 0, place }],
    );
    return {
      prompt: of(({ prompt }) => prompt),
      chosen: of(({ chosen }) => chosen),
      rejected: of(({ rejected }) => rejected),
      difference: of(({ chosen, rejected }) => chosen - rejected),
      chosenLonger: clusteredProportion(
        unequal.map(({ longer }) => longer),
        unequal.map(({ place }) => this.#promptHash[place] as number),
      ),
      equal: this.#lengths.length - unequal.length,
    };
  }
}

function answerHash(text: string): number {
  return textHash(text.replace(/\s+/gu, ' ').trim());
}

/** null for nothing. */
export function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (p: number) => linearQuantile(sorted, p);
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    min: sorted[0] as number,
    median: at(0.5),
    p95: at(0.95),
    max: sorted.at(-1) as number,
  };
}

/** Counts by name. */
class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, 1 + (this.#counts.get(name) ?? 0));
  }

  /** Most frequent first. */
  shares(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
  }
}
