import { inputError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import {
  type AnswerSource,
  type Author,
  type BaseAnswer,
  type Candidate,
  candidatesFor,
} from './candidates.ts';
import type { Level } from './family.ts';
import type { LabPrompt } from './prompts.ts';
import { familyShares } from './shares.ts';

export interface WorldConfig {
  readonly seed: number;
  /**
   * How strongly style and correctness disagree: 1, weak answers are the adorned ones (world U40 of the first study),
   * 1.25, without exception; 0, style says nothing of quality (its world U0); negative, good answers are the adorned
   * ones.
   */
  readonly conflict: number;
  /** Default: mixed. */
  readonly source?: AnswerSource;
  /** Share of hard families among the prompts, 0 … 1; default ½: all families alike. */
  readonly hardness?: number;
  /** Probability that a pair's two sides change places; 0 by default. */
  readonly labelNoise?: number;
}

/** What a world has where nothing is said: mixed writers, all families alike, no wrong label. */
export const WORLD_DEFAULTS = { source: 'mixed', hardness: 0.5, labelNoise: 0 } as const;

export interface LabPairMeta {
  readonly family: string;
  readonly level: Level;
  readonly chosenAuthor: Author;
  readonly rejectedAuthor: Author;
  readonly chosenCorrect: boolean;
  readonly rejectedCorrect: boolean;
  /** Share of the style marks, 0, ½ or 1. */
  readonly chosenStyle: number;
  readonly rejectedStyle: number;
  /** Label noise exchanged the sides: the gold judge prefers the rejected one. */
  readonly flipped: boolean;
}

/** A row of a preference file. */
export interface LabPair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  readonly meta: LabPairMeta;
}

export interface PairOptions {
  readonly world: WorldConfig;
  /** About 1.1 times `count`, of which the first usable ones are taken. */
  readonly prompts: readonly LabPrompt[];
  /** Pairs to make; by default one for each usable prompt. */
  readonly count?: number;
  /** Samples of a base model for each prompt, in the order of the prompts. */
  readonly baseAnswers?: readonly (readonly BaseAnswer[])[];
}

/**
 * chosen = the best candidate by gold; rejected = a random strictly worse one. A prompt whose candidates are
 * all equally good makes no pair; the next prompt of its family takes its place, so that families keep equal
 * shares, and other families fill what a family cannot.
 */
export function makePairs({ world, prompts, count, baseAnswers }: PairOptions): LabPair[] {
  checkOptions(world, prompts, baseAnswers);
  const pairs = prompts.map((prompt, i) => pairOf(prompt, world, baseAnswers?.[i]));
  const usable = pairs.filter((pair) => pair !== null);
  if (count === undefined) return usable;
  if (usable.length < count) {
    throw inputError('lab-too-few-prompts', 'too few prompts have answers of different quality', {
      need: count,
      got: usable.length,
      remedy: 'Give more prompts, or ask for fewer pairs',
    });
  }
  return inShares(usable, count, world.hardness);
}

function pairOf(prompt: LabPrompt, world: WorldConfig, baseAnswers?: readonly BaseAnswer[]): LabPair | null {
  const random = new Random(world.seed, 'pair', prompt.prompt);
  const candidates = candidatesFor(prompt, world, baseAnswers);
  if (candidates.length < 2) return null;
  const best = Math.max(...candidates.map(({ grade }) => grade.score));
  const worse = candidates.filter(({ grade }) => grade.score < best);
  if (worse.length === 0) return null;
  const winner = random.pick(candidates.filter(({ grade }) => grade.score === best));
  const loser = random.pick(worse);
  // The last draw: the pairs of a noisy world are those of the clean one, some of them exchanged.
  const flipped = random.uniform() < (world.labelNoise ?? WORLD_DEFAULTS.labelNoise);
  return flipped ? row(prompt, loser, winner, true) : row(prompt, winner, loser, false);
}

function row({ prompt, family, level }: LabPrompt, chosen: Candidate, rejected: Candidate, flipped: boolean) {
  const meta: LabPairMeta = {
    family,
    level,
    chosenAuthor: chosen.author,
    rejectedAuthor: rejected.author,
    chosenCorrect: chosen.grade.correct,
    rejectedCorrect: rejected.grade.correct,
    chosenStyle: chosen.grade.style,
    rejectedStyle: rejected.grade.style,
    flipped,
  };
  return { prompt, chosen: chosen.text, rejected: rejected.text, meta };
}

/** The first pairs of each family up to its share, then the first of the rest; order is kept. */
function inShares(pairs: readonly LabPair[], count: number, hardness: number | undefined): LabPair[] {
  const left = familyShares(count, hardness, (name) => pairs.some(({ meta }) => meta.family === name));
  const withinShare = pairs.map(({ meta }) => {
    const places = left.get(meta.family) ?? 0;
    left.set(meta.family, Math.max(0, places - 1));
    return places > 0;
  });
  let toFill = count - withinShare.filter(Boolean).length;
  return pairs.filter((_pair, i) => withinShare[i] || toFill-- > 0);
}

/** Here the probabilities of style reach 0 and 1. */
const MOST_CONFLICT = 1.25;

function checkOptions(
  world: WorldConfig,
  prompts: readonly LabPrompt[],
  baseAnswers: readonly (readonly BaseAnswer[])[] | undefined,
): void {
  const { conflict, source, hardness, labelNoise } = { ...WORLD_DEFAULTS, ...world };
  for (const [name, value, least, most] of [
    ['conflict', conflict, -MOST_CONFLICT, MOST_CONFLICT],
    ['hardness', hardness, 0, 1],
    ['labelNoise', labelNoise, 0, 1],
  ] as const) {
    if (!(value >= least && value <= most)) {
      throw inputError('lab-setting-out-of-range', `the world's ${name} is out of range`, {
        got: value,
        need: `a number from ${least} to ${most}`,
      });
    }
  }
  if (source === 'on-policy' && baseAnswers === undefined)
    throw inputError('lab-no-base-answers', 'pairs of the base model need answers of the base model');
  if (baseAnswers !== undefined && baseAnswers.length !== prompts.length) {
    throw inputError('lab-base-answers-unaligned', 'there must be base answers for each prompt', {
      got: baseAnswers.length,
      need: prompts.length,
    });
  }
}
