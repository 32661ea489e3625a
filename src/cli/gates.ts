import { WinnowError } from '../base/errors.ts';
import type { ReportData } from '../report/data.ts';
import { gateNumber, gateSentence } from '../report/effect-sentences.ts';

/**
 * @throws WinnowError `gate-failed` (exit code 3) where a gate of the configuration was not passed: the gate, its value
 * with the interval, and the limit. Everything has been written by then.
 */
export function needGates({ gates }: Pick<ReportData, 'gates'>, out: string): void {
  const failed = (gates?.results ?? []).filter(({ outcome }) => outcome === 'failed');
  if (gates === undefined || failed.length === 0) return;
  throw new WinnowError(
    'gate',
    'gate-failed',
    failed.map((result) => gateSentence(result, gates.by).en.replace(/\.$/, '')).join('; '),
    {
      remedy: `Everything was written: ${out}/report.html. Raise the limit only if this is what you want (gates.${failed[0]?.gate}.fail, now ${gateNumber(failed[0]!.gate, failed[0]!.limits.fail as number)})`,
      failed: failed.map(({ gate, value, limits }) => ({ gate, ...value, limit: limits.fail })),
    },
  );
}
