import { machineError } from '../base/errors.ts';
import type { UnitRunner } from '../run/worker.ts';
import { RUNNERS } from './runners.ts';
import { TRL_RUNNERS } from './trl/runners.ts';

/** What each kind of unit does, by the engine that the unit is known by. */
export const ALL_RUNNERS: Readonly<Record<string, UnitRunner>> = Object.fromEntries(
  Object.entries(RUNNERS).map(([kind, embedded]): [string, UnitRunner] => [
    kind,
    (inputs, context) => {
      if (!String(inputs.engine).startsWith('trl/')) return embedded(inputs, context);
      const trl = TRL_RUNNERS[kind];
      if (trl !== undefined) return trl(inputs, context);
      throw machineError('unit-kind', 'the engine trl cannot do this kind of unit', {
        got: kind,
        need: Object.keys(TRL_RUNNERS),
      });
    },
  ]),
);
