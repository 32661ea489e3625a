import type { Both } from './words.ts';

/** Stands for a value that does not exist; its reason is said beside it. Never 0. */
export const MISSING = '–';

type Maybe = number | null | undefined;

/** Whether a number can be shown: JSON turns NaN and infinities into null, so both mean that there is no value. */
export function known(value: Maybe): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** 1234.5 → `1,234.5` with `digits` decimals, a true minus sign, and no negative zero. */
export function fixed(value: Maybe, digits: number): string {
  if (!known(value)) return MISSING;
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return /[1-9]/.test(text) ? text.replace('-', '−') : text.replace('-', '');
}

/** `fixed` with a plus sign before a positive value. */
export function signed(value: Maybe, digits: number): string {
  const text = fixed(value, digits);
  return known(value) && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** A share as a percentage with one decimal: 0.6123 → `61.2%`. */
export function percent(share: Maybe): string {
  return known(share) ? `${fixed(100 * share, 1)}%` : MISSING;
}

/** A keep fraction, which is a round number more often than not: 0.5 → `50%`, 0.637 → `63.7%`. */
export function keepPercent(share: Maybe): string {
  if (!known(share)) return MISSING;
  const tenths = Math.round(1000 * share);
  return `${fixed(tenths / 10, tenths % 10 === 0 ? 0 : 1)}%`;
}

/** A difference of shares in percentage points, signed: 0.043 → `+4.3`. */
export function points(difference: Maybe): string {
  return signed(known(difference) ? 100 * difference : null, 1);
}

export function count(value: Maybe): string {
  return fixed(value, 0);
}

/** Learning rates and the like, short and exact: 0.0004 → `4e-4`. */
export function scientific(value: Maybe): string {
  if (!known(value)) return MISSING;
  if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6)) return String(value);
  return value.toExponential().replace('e+', 'e');
}

export function duration(seconds: Maybe): Both {
  if (!known(seconds)) return { en: MISSING, ja: MISSING };
  if (seconds < 59.95) {
    const text = fixed(seconds, seconds < 10 ? 1 : 0);
    return { en: `${text} s`, ja: `${text} 秒` };
  }
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  if (minutes < 60) return { en: `${minutes} min ${rest} s`, ja: `${minutes} 分 ${rest} 秒` };
  const hours = Math.floor(minutes / 60);
  return { en: `${count(hours)} h ${minutes % 60} min`, ja: `${count(hours)} 時間 ${minutes % 60} 分` };
}
