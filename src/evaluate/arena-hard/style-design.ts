import { type LogisticFit, ridgeLogistic, type SparseRows, sparseRows } from '../../stats/ridge-logistic.ts';
import type { Battle } from './battles.ts';
import type { ArenaGroup } from './groups.ts';
import { tally } from './rates.ts';
import { type Standard, type Style, type StyleFeature, standardOf, styleDifference } from './style.ts';
import type { ArenaVersion } from './verdict.ts';

export interface DesignOptions {
  readonly version: ArenaVersion;
  readonly features: readonly StyleFeature[];
  /** Styles of both answers of a battle, a's first. */
  readonly stylesOf: (battle: Battle) => readonly [Style, Style];
}

/**
 * Bradley–Terry with features of style, as a logistic regression:
 * logit P(first wins) = θ_first − θ_second + Σ_j s_j z_j,  z_j = (difference of style j − its mean) / its deviation
 *
 * v0.1: first is a, second b; θ = c ln 10, and all c and s bear the penalty ½ β² against twice the likelihood (the
 * official program writes each battle twice). v2.0: first is the model, second the baseline with θ = 0; no penalty.
 * *Reference:* lmarena/arena-hard-auto, utils_math.py at 0489bf3 (scikit-learn's defaults), show_result.py and
 * utils/math_utils.py at 196f6b8.
 */
export interface StyleDesign {
  /** The baseline first. */
  readonly models: readonly string[];
  readonly features: readonly StyleFeature[];
  readonly standards: readonly Standard[];
  /** Models of each battle, in the order of the battles. */
  readonly sides: readonly { readonly first: string; readonly second: string }[];
  /** The fit of all battles, or of as many of each as `counts` says; `start` saves steps. */
  readonly fit: (counts?: Uint32Array, start?: Float64Array) => LogisticFit;
  /** θ of a model. */
  readonly theta: (beta: Float64Array, model: string) => number;
  /** s of a feature; null for one in which all battles are alike, which has no column. */
  readonly style: (beta: Float64Array, feature: number) => number | null;
}

export function styleDesign(
  { baseline, battles }: ArenaGroup,
  { version, features, stylesOf }: DesignOptions,
): StyleDesign {
  const old = version === 'v0.1';
  const models = [...new Set([baseline, ...battles.flatMap(({ a, b }) => [a, b])])];
  // v2.0 leaves the baseline out: without a penalty a constant added to all θ changes nothing.
  const columnOf = new Map((old ? models : models.slice(1)).map((model, column) => [model, column]));
  const sides = battles.map((battle) => {
    const { a, b, shareOfA } = battle;
    const [ofA, ofB] = stylesOf(battle);
    const [first, second, share, x, y] =
      old || b === baseline ? [a, b, shareOfA, ofA, ofB] : [b, a, 1 - shareOfA, ofB, ofA];
    return { first, second, share, difference: styleDifference(x, y, features, version) };
  });
  const standards = features.map((_, j) =>
    standardOf(
      sides.map(({ difference }) => difference[j] as number),
      old ? 0 : 1,
    ),
  );
  const varying = features.map((_, j) => j).filter((j) => standards[j]?.scale !== null);
  const scale = old ? Math.LN10 : 1;

  const { kindOf, rows } = kindsOf(sides, columnOf.size + varying.length, ({ first, second, difference }) => {
    const [plus, minus] = [columnOf.get(first), columnOf.get(second)];
    return [
      ...(plus === undefined ? [] : [[plus, scale] as const]),
      ...(minus === undefined ? [] : [[minus, -scale] as const]),
      ...varying.map((j, place) => {
        const { centre, scale: deviation } = standards[j] as Standard;
        return [columnOf.size + place, ((difference[j] as number) - centre) / (deviation as number)] as const;
      }),
    ];
  });
  const shareOf = Float64Array.from(sides, ({ share }) => share);
  return {
    models,
    features,
    standards,
    sides,
    fit: (counts, start) => {
      const { weights, wins } = tally(rows.starts.length - 1, kindOf, shareOf, counts);
      const times = old ? 2 : 1;
      return ridgeLogistic(
        rows,
        weights.map((weight) => times * weight),
        wins.map((won) => times * won),
        { penalty: old ? 1 : 0, ...(start === undefined ? {} : { start }) },
      );
    },
    theta: (beta, model) => scale * (beta[columnOf.get(model) ?? -1] ?? 0),
    style: (beta, feature) => {
      const place = varying.indexOf(feature);
      return place === -1 ? null : (beta[columnOf.size + place] as number);
    },
  };
}

interface Side {
  readonly first: string;
  readonly second: string;
  readonly difference: readonly number[];
}

/** Battles with the same models and the same difference of style are one row, counted. */
function kindsOf(
  sides: readonly Side[],
  width: number,
  rowOf: (side: Side) => readonly (readonly [number, number])[],
): { readonly kindOf: Int32Array; readonly rows: SparseRows } {
  const kinds = new Map<string, number>();
  const rows: (readonly (readonly [number, number])[])[] = [];
  const kindOf = Int32Array.from(sides, (side) => {
    const key = JSON.stringify([side.first, side.second, side.difference]);
    const known = kinds.get(key);
    if (known !== undefined) return known;
    kinds.set(key, rows.length);
    rows.push(rowOf(side));
    return rows.length - 1;
  });
  return { kindOf, rows: sparseRows(width, rows) };
}
