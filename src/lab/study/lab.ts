import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson } from '../../base/json.ts';
import { usableCores } from '../../base/machine.ts';
import type { StageContext } from '../../pipeline/execute.ts';
import { ENGINE, VERSION } from '../../pipeline/version.ts';
import type { BaseSize } from '../base.ts';
import { BASE_SEEDS, baseModels } from './base-models.ts';
import { capacity } from './capacity.ts';
import type { Lab } from './cells.ts';
import { effects } from './effects.ts';
import { harm } from './harm.ts';
import { noise } from './noise.ts';
import { prediction } from './prediction.ts';
import type { Scale } from './replicate.ts';
import { stability } from './stability.ts';
import type { Extent, Study, StudyResult } from './study.ts';

export const STUDIES: readonly Study[] = [stability, harm, capacity, noise, effects, prediction];

/** The first study's numbers, and enough of them for minutes. */
export const SCALES: Readonly<Record<Extent, Scale>> = {
  full: { pairs: 4000, evaluationPrompts: 1200, tuningPrompts: 600 },
  quick: { pairs: 2000, evaluationPrompts: 800, tuningPrompts: 400 },
};

export interface LabOptions {
  readonly dir: string;
  readonly extent: Extent;
  readonly seed: number;
  /** Replicates of each cell; null: each study's own number. */
  readonly seeds: number | null;
  readonly studies: readonly Study[];
  /** Default: the extent's. */
  readonly scale?: Scale;
  readonly context: Omit<StageContext, 'runDir'>;
  readonly onStudy: (study: Study) => { cell: Lab['onCell']; end: () => void };
}

/** A study as it is kept, and what it took. */
export interface StudyEntry extends StudyResult {
  readonly question: string;
  /** Of this run; what lay there from an earlier one took none of them. */
  readonly seconds: number;
  /** Of one core, for all of its cells, whenever they were worked on. */
  readonly coreSeconds: number;
}

/** What `lab.json` holds. */
export interface LabResult {
  readonly version: string;
  readonly engine: string;
  readonly extent: Extent;
  readonly seed: number;
  readonly scale: Scale;
  readonly studies: readonly StudyEntry[];
  readonly seconds: number;
}

/** Runs studies, each resumable cell by cell; writes `studies/NAME.json` as each is done, and `lab.json`. */
export async function runLab(options: LabOptions): Promise<LabResult> {
  const { dir, extent, seed, seeds, studies, scale = SCALES[extent] } = options;
  const begun = performance.now();
  const lanes = usableCores();
  for (const folder of ['cells', 'worlds', 'studies']) mkdirSync(join(dir, folder), { recursive: true });
  // Base models that come with the package are enough for the quick lab.
  const trained = (size: BaseSize) => (extent === 'quick' ? [1] : BASE_SEEDS[size]);
  const results: StudyEntry[] = [];
  for (const study of studies) {
    const from = performance.now();
    const wanted = study.sizes[extent].flatMap((size) => trained(size).map((base) => ({ size, seed: base })));
    // The largest first: the last to be waited for should be a small one.
    const models = await baseModels({ ...options.context, runDir: dir }, wanted.toReversed(), lanes);
    const talk = options.onStudy(study);
    let coreSeconds = 0;
    const lab: Lab = {
      dir,
      seed,
      scale,
      lanes,
      context: { ...options.context, onStage: () => ({ event: () => {}, end: () => {} }) },
      baseModel(size, i) {
        const seedsOfSize = trained(size);
        return models(size, seedsOfSize[i % seedsOfSize.length] as number);
      },
      onCell(done, total, cell) {
        coreSeconds += cell.seconds;
        talk.cell(done, total, cell);
      },
    };
    const result = await study.run(lab, { extent, seeds });
    talk.end();
    const seconds = (performance.now() - from) / 1000;
    const entry = { ...result, question: study.question, seconds, coreSeconds };
    writeJson(join(dir, 'studies', `${study.name}.json`), entry);
    results.push(entry);
  }
  const result: LabResult = {
    version: VERSION,
    engine: ENGINE,
    extent,
    seed,
    scale,
    studies: results,
    seconds: (performance.now() - begun) / 1000,
  };
  writeJson(join(dir, 'lab.json'), result);
  return result;
}
