import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseLines } from '../base/own-lines.ts';
import { aggregate } from '../difficulty/aggregate.ts';
import { crossFitPlan } from '../difficulty/cross-fit.ts';
import { measuredBy, SCORERS } from '../difficulty/scorers.ts';
import type { ScoreRow } from '../difficulty/scores.ts';
import { readDone, resultFile, type UnitResult } from '../run/done.ts';
import { type UnitSpec, unitDir, unitId } from '../run/unit.ts';
import { planArm } from '../select/arms.ts';
import { writeIds } from './inputs.ts';
import { selectionOptions } from './keep-share.ts';
import { firstRates } from './learning-rate.ts';
import { lengthsOf, type Prepared, pairTokensOf } from './prepare.ts';
import { firstOf } from './score.ts';
import { fixedHyper } from './start.ts';
import { type Hyper, referenceUnit, scoringUnit, trainingUnit } from './units.ts';

/** Units that can be named before they run. */
export interface KnownUnits {
  /** Finished ones of each stage whose units are known. */
  readonly done: ReadonlyMap<string, number>;
  /** Finished passes over pairs, with what they were. */
  readonly reference: UnitResult | null;
  readonly scoring: readonly UnitResult[];
}

/**
 * The reference pass, scoring runs once the learning rate is fixed, and arms once all scoring runs are done and neither
 * rules nor people nor a search have a say in what is kept.
 */
export function knownUnits(prepared: Prepared, runDir: string): KnownUnits {
  const { config, base, pool, strata, checkpoint } = prepared;
  const done = new Map<string, number>();
  const precision = config.engine === 'embedded' ? config.difficulty.precision : 'f32';
  const spec = referenceUnit(base, { loss: config.training.loss });
  const reference = readDone(runDir, spec);
  done.set('Reference log-probabilities', reference === null ? 0 : 1);
  const rates = firstRates(config, checkpoint.parameters);
  if (rates.length > 1) return { done, reference, scoring: [] };

  const learningRate = rates[0] as number;
  const hyper: Hyper = { ...fixedHyper(config, checkpoint, prepared.start, pool.length), learningRate };
  const { scorer, folds, seeds, checkpoints, learnedMargin } = config.difficulty;
  if (SCORERS[scorer].needs !== 'scoring-runs') return { done, reference, scoring: [] };
  const items = pool.map(({ tokens, duplicateKey }) => ({ id: tokens.id, duplicateKey }));
  const ids = (places: readonly number[]) =>
    writeIds(
      runDir,
      places.map((place) => (items[place] as (typeof items)[number]).id),
    );
  const training = toCome(runDir, spec);
  const references = {
    training,
    scoring: precision === 'f32' ? training : toCome(runDir, referenceUnit(base, { precision })),
  };
  const runs = crossFitPlan(items, { folds, seeds, firstSeed: config.seed }).map((run) =>
    readDone(
      runDir,
      scoringUnit(base, references, {
        ...{ hyper, seed: run.seed, part: run.part, checkpoints, precision },
        trainOn: ids(run.trainOn),
        score: ids(run.score),
      }),
    ),
  );
  const scoring = runs.filter((run) => run !== null);
  done.set('Scoring runs', scoring.length);
  const decided = config.selection.rules !== null || config.selection.decisions !== null;
  const people = existsSync(join(runDir, 'decisions.jsonl'));
  const auto = config.selection.keepFraction === 'auto';
  if (scoring.length < runs.length || decided || people || auto) return { done, reference, scoring };

  const scores = scoring.flatMap((run) => [...parseLines<ScoreRow>(resultFile(run, 'scores.jsonl'))]);
  const of = { beta: hyper.beta, first: firstOf(config), learnedMargin };
  const input = {
    difficulties: aggregate(measuredBy(scorer, scores, of)),
    lengths: lengthsOf(pool),
    strata,
    tokens: pairTokensOf(pool),
    forced: { keep: new Set<string>(), drop: new Set<string>() },
  };
  const trained = config.arms.flatMap((name) =>
    Array.from({ length: config.trainingSeeds }, (_, i) => {
      const { ids, seed, shuffleSeed } = planArm(name, input, selectionOptions(config), config.seed + i);
      return readDone(
        runDir,
        trainingUnit(base, training, { hyper, seed, order: writeIds(runDir, ids), shuffleSeed }),
      );
    }),
  );
  done.set('Training the arms', trained.filter((unit) => unit !== null).length);
  return { done, reference, scoring };
}

/** A unit's result as far as others are known by it: by its id. */
function toCome(runDir: string, spec: UnitSpec): UnitResult {
  const files = [{ path: 'log-probs.jsonl', bytes: 0, sha256: '' }];
  return { id: unitId(spec), dir: unitDir(runDir, spec), files, durationMs: 0 };
}
