import type { Json } from '../../base/hash.ts';
import type { BaseSize } from '../base.ts';
import type { Lab } from './cells.ts';
import type { Claim } from './claims.ts';

/** How much is done: minutes on built-in base models, or hours on models of four sizes. */
export type Extent = 'quick' | 'full';

export interface StudyOptions {
  readonly extent: Extent;
  /** Replicates of each cell, instead of the study's own number. */
  readonly seeds: number | null;
}

/** A table as it is printed; the first column names the row. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What it means, in a sentence. */
  readonly meaning: string;
}

/** A line or a row of dots; y with its interval. */
export interface Series {
  readonly name: string;
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    /** Absent or null: not known. An infinite bound comes back from JSON as null. */
    readonly low?: number | null;
    readonly high?: number | null;
  }[];
}

export type Figure =
  | {
      readonly kind: 'lines';
      readonly title: string;
      readonly x: string;
      readonly y: string;
      readonly series: readonly Series[];
      readonly meaning: string;
    }
  | {
      readonly kind: 'heat';
      readonly title: string;
      readonly labels: readonly string[];
      /** [row][column], null where nothing was measured. */
      readonly values: readonly (readonly (number | null)[])[];
      readonly meaning: string;
    }
  | {
      readonly kind: 'dots';
      readonly title: string;
      readonly x: string;
      readonly y: string;
      readonly points: readonly { readonly x: number; readonly y: number; readonly name: string }[];
      /** x and y are the same quantity: zero and the line x = y are drawn. */
      readonly diagonal?: boolean;
      readonly meaning: string;
    };

export interface StudyResult {
  readonly name: string;
  readonly title: string;
  /** The answer, in a sentence or two. */
  readonly verdict: string;
  readonly claims: readonly Claim[];
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  /** Numbers that other programs may want. */
  readonly data?: Json;
}

export interface Study {
  readonly name: string;
  readonly title: string;
  /** What it asks, and by which rule its verdict is reached; docs/lab.md says what was changed after looking. */
  readonly question: string;
  /** Sizes of the base models that it trains; from small to large. */
  readonly sizes: Readonly<Record<Extent, readonly BaseSize[]>>;
  run(lab: Lab, options: StudyOptions): Promise<StudyResult>;
}

/** "+1.2": points of a share; a dash for what is not known. */
export function signedPoints(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const text = Math.abs(100 * value).toFixed(1);
  return text === '0.0' ? text : `${value < 0 ? '−' : '+'}${text}`;
}

/** "+1.2 [−0.3, +2.7]": points of a share, with the interval. */
export function points({ value, low, high }: Pick<Claim, 'value' | 'low' | 'high'>): string {
  return `${signedPoints(value)} [${signedPoints(low)}, ${signedPoints(high)}]`;
}

/** "71.9": percent. */
export function share(value: number): string {
  return (100 * value).toFixed(1);
}

/** How a tested difference is spoken of: at 5 %, after correction for all tests of its study. */
export function direction(claim: Pick<Claim, 'value' | 'p'>): 'better' | 'worse' | 'no difference shown' {
  if (claim.p === undefined || claim.p >= 0.05) return 'no difference shown';
  return claim.value > 0 ? 'better' : 'worse';
}
