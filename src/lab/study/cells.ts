import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { hashOf, type Json } from '../../base/hash.ts';
import { readJson, writeJson } from '../../base/json.ts';
import { deriveSeed } from '../../base/random.ts';
import type { DifficultyProfile } from '../../difficulty/profile.ts';
import type { Reliability } from '../../difficulty/reliability.ts';
import type { StageContext } from '../../pipeline/execute.ts';
import type { TriedRates } from '../../pipeline/learning-rate.ts';
import { profileOf } from '../../pipeline/outlook.ts';
import { ENGINE } from '../../pipeline/version.ts';
import type { BaseSize } from '../base.ts';
import type { WorldDescription } from '../describe.ts';
import { WORLD_DEFAULTS } from '../world.ts';
import { type ArmOutcome, armOutcome, type Outcome, startOutcome } from './outcome.ts';
import {
  LAB_BETA,
  type LabArm,
  type NamedWorld,
  openReplicate,
  type Replicate,
  type Scale,
  tryArms,
} from './replicate.ts';

/**
 * Raised when a study would ask other things of the same cell, so that summaries of an earlier one are not taken for
 * those of this. (What the units hold is known by its own inputs.)
 */
const LAB_VERSION = 5;

/** One replicate of a world for a model, the arms that are tried on it, and what else is looked at. */
export interface Cell {
  /** Unique within a study; its replicates share everything before the index. */
  readonly study: string;
  readonly world: NamedWorld;
  readonly size: BaseSize;
  /** 0, 1, …: pairs, prompts, splits and orders of its own; the base models of a size take turns. */
  readonly index: number;
  readonly arms: (replicate: Replicate) => readonly LabArm[];
  /** Which of the size's base models; default: the index, so that replicates take turns. */
  readonly base?: number;
  readonly beta?: number;
  readonly difficultySeeds?: number;
  readonly checkpoints?: number;
  /** Further numbers, from what only the replicate knows. */
  readonly look?: (replicate: Replicate, context: StageContext) => Promise<Json>;
}

/** What is kept of a cell: small enough to hold all of a study at once. */
export interface CellSummary {
  readonly world: NamedWorld;
  readonly size: BaseSize;
  readonly index: number;
  readonly learningRate: number;
  readonly learningRates: TriedRates | null;
  readonly description: WorldDescription;
  readonly reliability: Omit<Reliability, 'agreement'>;
  readonly profile: DifficultyProfile;
  readonly start: Outcome;
  readonly arms: readonly ArmOutcome[];
  readonly looked: Json;
  /** The run folder, within the lab's: an ordinary one, with the pairs and their difficulty. */
  readonly folder: string;
  /** From start to end in one lane: about seconds of one core, with other cells beside it. */
  readonly seconds: number;
}

export interface Lab {
  readonly dir: string;
  readonly seed: number;
  readonly scale: Scale;
  /** Cells worked on at a time, each by one worker of one thread. */
  readonly lanes: number;
  readonly context: Omit<StageContext, 'runDir'>;
  /** Folder of a base model: the i-th of its size, counted round. */
  readonly baseModel: (size: BaseSize, i: number) => string;
  readonly onCell: (done: number, total: number, cell: CellSummary) => void;
}

/**
 * Works through cells, several at a time. The first replicate of each group chooses the learning rate for its arm of
 * all pairs; the others take it. Cells that were summed up before are read.
 */
export async function runCells(lab: Lab, cells: readonly Cell[]): Promise<CellSummary[]> {
  const summaries = new Map<Cell, CellSummary>();
  const rates = new Map<string, number>();
  const work = async (cell: Cell) => {
    const summary = await oneCell(lab, cell, rates.get(groupOf(cell)));
    summaries.set(cell, summary);
    if (!rates.has(groupOf(cell))) rates.set(groupOf(cell), summary.learningRate);
    lab.onCell(summaries.size, cells.length, summary);
  };
  const firsts = new Map<string, Cell>();
  for (const cell of cells) if (!firsts.has(groupOf(cell))) firsts.set(groupOf(cell), cell);
  const first = new Set(firsts.values());
  await inLanes(lab, [...first], work);
  await inLanes(
    lab,
    cells.filter((cell) => !first.has(cell)),
    work,
  );
  return cells.map((cell) => summaries.get(cell) as CellSummary);
}

/** Replicates of a group differ in nothing but their seeds. */
function groupOf({ world, size, beta }: Cell): string {
  return JSON.stringify([world.name, size, beta ?? LAB_BETA]);
}

/** The largest models first: what takes long must not be what is waited for at the end. */
async function inLanes(
  { lanes }: Lab,
  cells: readonly Cell[],
  work: (cell: Cell) => Promise<void>,
): Promise<void> {
  const sizes: readonly BaseSize[] = ['xl', 'l', 'm', 's'];
  const queue = cells.toSorted((a, b) => sizes.indexOf(a.size) - sizes.indexOf(b.size));
  let failed = false;
  const lane = async () => {
    for (let cell = queue.shift(); cell !== undefined && !failed; cell = queue.shift()) {
      try {
        await work(cell);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const done = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const result of done) if (result.status === 'rejected') throw result.reason;
}

/** Cells of other studies that ask for the same replicate, by whatever name, find its units here. */
function replicateFolder(
  { scale }: Lab,
  { world, size, index, base, difficultySeeds, checkpoints, beta }: Required<Omit<Cell, 'look'>>,
): string {
  const { name: _, ...given } = world;
  const { source, conflict, hardness, labelNoise } = { ...WORLD_DEFAULTS, ...given };
  const replicate = { source, conflict, hardness, labelNoise, scale, size, index, base, beta };
  const key = hashOf({ ...replicate, difficultySeeds, checkpoints } as unknown as Json).slice(0, 8);
  const noise = labelNoise === 0 ? '' : `-n${labelNoise}`;
  return `worlds/${source}-c${conflict}-h${hardness}${noise}-${size}-${index}-${key}`;
}

async function oneCell(lab: Lab, cell: Cell, rate: number | undefined): Promise<CellSummary> {
  const { world, size, index, beta = LAB_BETA, difficultySeeds = 2, checkpoints = 1 } = cell;
  const base = cell.base ?? index;
  const identity = {
    version: LAB_VERSION,
    engine: ENGINE,
    study: cell.study,
    world: world as unknown as Json,
    scale: lab.scale as unknown as Json,
    seed: lab.seed,
    size,
    index,
    base,
    beta,
    difficultySeeds,
    checkpoints,
    rate: rate ?? 'auto',
  };
  const key = hashOf(identity).slice(0, 16);
  const file = join(lab.dir, 'cells', `${cell.study}-${key}.json`);
  if (existsSync(file)) return readJson(file) as CellSummary;
  const begun = performance.now();
  const runDir = join(lab.dir, replicateFolder(lab, { ...cell, base, beta, difficultySeeds, checkpoints }));
  const context: StageContext = { ...lab.context, runDir };
  const opened = await openReplicate(context, {
    world,
    scale: lab.scale,
    modelDir: lab.baseModel(size, base),
    // Where the world has other authors, pairs are the same for every size.
    authorDir: world.source === 'on-policy' ? lab.baseModel(size, base) : lab.baseModel('m', 0),
    seed: deriveSeed(lab.seed, 'replicate', index),
    learningRate: rate ?? 'auto',
    beta,
    difficultySeeds,
    checkpoints,
  });
  const trials = await tryArms(context, opened, cell.arms(opened));
  const { agreement: _, ...reliability } = opened.scored.reliability;
  const summary: CellSummary = {
    world,
    size,
    index,
    learningRate: opened.scored.hyper.learningRate,
    learningRates: opened.scored.learningRates,
    description: opened.world.description,
    reliability,
    profile: profileOf(opened.prepared, opened.scored),
    start: startOutcome(opened),
    arms: trials.map((trial) => armOutcome(opened, trial)),
    looked: (await cell.look?.(opened, context)) ?? null,
    folder: relative(lab.dir, runDir),
    seconds: (performance.now() - begun) / 1000,
  };
  writeJson(file, summary);
  return summary;
}
