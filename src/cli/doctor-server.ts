import { WinnowError } from '../base/errors.ts';
import { probeServer } from '../pipeline/server/probe.ts';
import { type Finding, finding } from './finding.ts';

/** What a model server can do for a run. */
export async function serverFindings(url: string, model: string | null): Promise<Finding[]> {
  try {
    const { model: name, maxLength, adapters, scoring } = await probeServer(url, model);
    const length = maxLength === null ? '' : `, ${maxLength} tokens`;
    return [
      finding('server', 'ok', `${url} serves ${name}${length}`, { model: name, maxLength }),
      finding(
        'server: arms',
        adapters.why === null ? 'ok' : 'fault',
        adapters.why ?? 'takes adapters while it runs',
      ),
      finding(
        'server: scoring',
        scoring.why === null ? 'ok' : 'warning',
        scoring.why ?? 'gives log-probabilities of what it is sent (server.scoring)',
      ),
    ];
  } catch (error) {
    if (error instanceof WinnowError) return [finding('server', 'fault', error.message)];
    throw error;
  }
}
