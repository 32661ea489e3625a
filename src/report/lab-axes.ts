import { known } from './numbers.ts';

export type Range = readonly [low: number, high: number];

/** A figure of the lab, drawn. */
export interface LabChart {
  readonly svg: string;
  /** Which colour is which line. */
  readonly keys: readonly { readonly name: string; readonly colour: string }[];
  /** What the drawing itself wants said: how it shows what, and what it leaves out. */
  readonly note: string | null;
}

export const WIDTH = 480;
const AXIS = { labelArrow: 'none', labelAnchor: 'center', grid: true, tickFormat: percent } as const;
export const X_AXIS = { ...AXIS, labelOffset: 36, inset: 24 } as const;
export const Y_AXIS = { ...AXIS, labelOffset: 68 } as const;
export const MARGINS = { marginLeft: 76, marginRight: 24, marginTop: 20, marginBottom: 42 } as const;

/** 0.625 → `62.5 %`, 0.5 → `50 %`: as many decimals as the ticks need to differ. */
function percent(value: number): string {
  return `${String(Number((100 * value).toFixed(2)) || 0).replace('-', '−')} %`;
}

/** Least and greatest of what is known, apart from one another even where there is only one or none. */
export function extent(values: readonly number[]): Range {
  const some = values.filter(known);
  if (some.length === 0) return [0, 1];
  const [low, high] = [Math.min(...some), Math.max(...some)];
  return low < high ? [low, high] : [low - 0.01, high + 0.01];
}
