import type { ArenaVersion } from './verdict.ts';

/** Length and layout of an answer. */
export interface Style {
  /** In what unit, `AnswerStyles` says. */
  readonly tokens: number;
  readonly headers: number;
  readonly lists: number;
  readonly bold: number;
}

/** In the order of the official programs. */
export const STYLE_FEATURES = ['tokens', 'headers', 'lists', 'bold'] as const;
export type StyleFeature = (typeof STYLE_FEATURES)[number];

/** What is held constant: all four features, the length alone, or the layout alone. */
export const STYLE_CONTROLS = {
  style: STYLE_FEATURES,
  length: ['tokens'],
  markdown: ['headers', 'lists', 'bold'],
} as const satisfies Record<string, readonly StyleFeature[]>;
export type StyleControl = keyof typeof STYLE_CONTROLS;

/**
 * How far the first answer's style is from the second's, feature by feature.
 *
 * v0.1, every feature: (x − y) / (x + y + 1).
 * v2.0, tokens: (x − y) / (x + y); marks by their density d = count / (tokens + 1): (d_x − d_y) / (d_x + d_y + 1).
 * *Reference:* lmarena/arena-hard-auto, utils_math.py at 0489bf3 and show_result.py at 196f6b8.
 * Two empty answers are equally long: 0, where the official program of v2.0 ends.
 */
export function styleDifference(
  x: Style,
  y: Style,
  features: readonly StyleFeature[],
  version: ArenaVersion,
): number[] {
  return features.map((feature) => {
    if (version === 'v0.1') return (x[feature] - y[feature]) / (x[feature] + y[feature] + 1);
    if (feature === 'tokens') {
      const sum = x.tokens + y.tokens;
      return sum === 0 ? 0 : (x.tokens - y.tokens) / sum;
    }
    const [ofX, ofY] = [x[feature] / (x.tokens + 1), y[feature] / (y.tokens + 1)];
    return (ofX - ofY) / (ofX + ofY + 1);
  });
}

/** Mean and standard deviation of a feature over the battles; one that is the same everywhere has scale null. */
export interface Standard {
  readonly centre: number;
  readonly scale: number | null;
}

/**
 * centre = (1 / n) Σ x,  scale = √(Σ (x − centre)² / (n − dof))
 *
 * The official programs take the population's scale in v0.1 (NumPy, dof = 0) and the sample's in v2.0 (torch, dof = 1).
 */
export function standardOf(values: readonly number[], dof: 0 | 1): Standard {
  const first = values[0];
  if (first === undefined) throw new RangeError('standardOf: need at least one value');
  const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.every((value) => value === first)) return { centre, scale: null };
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return { centre, scale: Math.sqrt(squares / (values.length - dof)) };
}
