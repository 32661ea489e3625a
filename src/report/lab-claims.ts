import type { Claim } from '../lab/study/claims.ts';
import { points } from '../lab/study/study.ts';
import { fixed, known } from './numbers.ts';

/** Claims as a table of the page and of the Markdown. */
export const CLAIM_HEAD = ['claim', 'value [95 %]', 'n', 'p'] as const;

export const CLAIM_MEANING =
  'With a p: differences, in points of a hundred. Without: the number itself. A dash: not known, as the interval of a single replicate.';

export function claimRow(claim: Claim): readonly [text: string, value: string, n: string, p: string] {
  return [claim.text, claimValue(claim), String(claim.n), claimP(claim)];
}

/** "+1.2 [−0.3, +2.7]" points of a tested difference, else the number. */
function claimValue(claim: Claim): string {
  if (claim.p !== undefined) return points(claim);
  return `${fixed(claim.value, 3)} [${fixed(claim.low, 3)}, ${fixed(claim.high, 3)}]`;
}

function claimP({ p }: Claim): string {
  if (p === undefined) return '';
  return known(p) && p < 0.001 ? '< 0.001' : fixed(p, 3);
}
