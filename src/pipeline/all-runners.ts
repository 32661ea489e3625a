import { machineError } from '../base/errors.ts';
import type { UnitRunner } from '../run/worker.ts';
import { RUNNERS } from './runners.ts';
import { SERVER_RUNNERS } from './server/runners.ts';
import { TRL_RUNNERS } from './trl/runners.ts';

const ENGINES: Readonly<Record<string, Readonly<Record<string, UnitRunner>>>> = {
  trl: TRL_RUNNERS,
  server: SERVER_RUNNERS,
};

/** What each kind of unit does, by the engine that the unit is known by. */
export const ALL_RUNNERS: Readonly<Record<string, UnitRunner>> = Object.fromEntries(
  Object.entries(RUNNERS).map(([kind, embedded]): [string, UnitRunner] => [
    kind,
    (inputs, context) => {
      const engine = String(inputs.engine).split('/')[0] as string;
      const runners = ENGINES[engine];
      if (runners === undefined) return embedded(inputs, context);
      const runner = runners[kind];
      if (runner !== undefined) return runner(inputs, context);
      throw machineError('unit-kind', `the engine ${engine} cannot do this kind of unit`, {
        got: kind,
        need: Object.keys(runners),
      });
    },
  ]),
);
