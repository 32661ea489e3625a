import { inputError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { Random } from '../base/random.ts';
import { styledAnswer } from './answer.ts';
import type { Level, TaskFamily } from './family.ts';
import { familyShares } from './shares.ts';
import { FAMILIES, promptText } from './tasks.ts';

/**
 * The prompt space is cut into parts by a hash of the prompt's text alone, never by a seed: what one run
 * evaluates on, no run has trained on. Base texts and pairs share the training part, as a real model's
 * preference prompts resemble what it was pre-trained on. A part holds its hundredths of every family, so the
 * smallest ones (sum3 and mul1, 1,000 questions each) have about 100 prompts for tuning and 200 for evaluation.
 * Only the text is unseen: `47+38` may be evaluated where `38+47` was trained.
 */
export type Part = 'training' | 'tuning' | 'evaluation';

/** Hundredths of each family's questions, as half-open ranges of `hash mod 100`. */
const PARTS: readonly { readonly part: Part; readonly from: number; readonly to: number }[] = [
  { part: 'training', from: 0, to: 70 },
  { part: 'tuning', from: 70, to: 80 },
  { part: 'evaluation', from: 80, to: 100 },
];

export function partOf(prompt: string): Part {
  const bucket = Number.parseInt(sha256(prompt).slice(0, 8), 16) % 100;
  const found = PARTS.find(({ from, to }) => bucket >= from && bucket < to);
  if (found === undefined) throw new Error(`no part holds bucket ${bucket}`);
  return found.part;
}

export interface LabPrompt {
  readonly prompt: string;
  readonly family: string;
  readonly level: Level;
  readonly question: string;
  /** The right answer, without style marks. */
  readonly answer: string;
}

export interface PromptOptions {
  readonly seed: number;
  readonly count: number;
  /** Names the draw, so that two uses of one seed get different prompts. */
  readonly label: string;
  readonly part: Part;
  /** Prompts that must not be drawn. */
  readonly exclude?: ReadonlySet<string>;
  /** Share of hard families, 0 … 1; default ½: all families alike. */
  readonly hardness?: number;
}

export interface PromptDraw {
  /** Shuffled; no prompt twice. */
  readonly prompts: readonly LabPrompt[];
  /** How many prompts each exhausted family is short of its share; empty when every one was filled. */
  readonly short: Readonly<Record<string, number>>;
}

/**
 * A family is given up after this many draws for each question it has: a question of the part has then been
 * missed with probability e^-30.
 */
const DRAWS_PER_QUESTION = 30;

/** Families in their shares. Exhausted ones are not made up for. */
export function makePrompts({ seed, count, label, part, exclude, hardness }: PromptOptions): PromptDraw {
  const prompts: LabPrompt[] = [];
  const short: Record<string, number> = {};
  const shares = familyShares(count, hardness);
  FAMILIES.forEach((family) => {
    const share = shares.get(family.name) ?? 0;
    const drawn = drawDistinct(family, share, new Random(seed, 'prompts', label, family.name), part, exclude);
    if (drawn.length < share) short[family.name] = share - drawn.length;
    prompts.push(...drawn);
  });
  return { prompts: new Random(seed, 'prompts', label, 'order').shuffle(prompts), short };
}

function drawDistinct(
  family: TaskFamily,
  share: number,
  random: Random,
  part: Part,
  exclude: ReadonlySet<string> | undefined,
): LabPrompt[] {
  const seen = new Set<string>();
  const drawn: LabPrompt[] = [];
  const draws = DRAWS_PER_QUESTION * family.questions;
  for (let i = 0; i < draws && drawn.length < share; i++) {
    const candidate = makePrompt(family, random);
    if (seen.has(candidate.prompt)) continue;
    seen.add(candidate.prompt);
    if (partOf(candidate.prompt) === part && !exclude?.has(candidate.prompt)) drawn.push(candidate);
  }
  return drawn;
}

export interface BaseText {
  readonly prompt: string;
  /** Right, with each style mark at even odds. */
  readonly completion: string;
  readonly family: string;
  readonly level: Level;
}

export interface BaseTextOptions {
  readonly seed: number;
  readonly count: number;
  /** How often a family of level 0, 1, 2 is drawn, relative to the others. */
  readonly levelWeights?: readonly [number, number, number];
}

/** Hard families are shown less, so that a small base model ends imperfect and preferences can teach it. */
const LEVEL_WEIGHTS = [1, 1, 0.5] as const;

/**
 * Texts that train the base model: always right, and in style neither for nor against the marks. All from the
 * training part; prompts repeat, as small families have fewer questions than a base training has texts.
 */
export function makeBaseText({ seed, count, levelWeights = LEVEL_WEIGHTS }: BaseTextOptions): BaseText[] {
  const random = new Random(seed, 'base-text');
  const total = FAMILIES.reduce((sum, family) => sum + levelWeights[family.level], 0);
  if (levelWeights.some((weight) => !(weight >= 0)) || !(total > 0)) {
    throw inputError('lab-level-weights', 'level weights must not be negative, and not all zero', {
      got: levelWeights,
    });
  }
  return Array.from({ length: count }, () => {
    const { prompt, family, level, answer } = trainingPrompt(drawFamily(random, levelWeights, total), random);
    const opening = random.uniform() < 0.5;
    const closing = random.uniform() < 0.5;
    return { prompt, completion: styledAnswer({ answer, opening, closing }), family, level };
  });
}

function drawFamily(random: Random, weights: readonly [number, number, number], total: number): TaskFamily {
  let left = random.uniform() * total;
  // The last family with a weight also takes what rounding leaves over.
  let drawn = FAMILIES[0] as TaskFamily;
  for (const family of FAMILIES) {
    if (weights[family.level] <= 0) continue;
    drawn = family;
    left -= weights[family.level];
    if (left < 0) break;
  }
  return drawn;
}

function trainingPrompt(family: TaskFamily, random: Random): LabPrompt {
  for (;;) {
    const candidate = makePrompt(family, random);
    if (partOf(candidate.prompt) === 'training') return candidate;
  }
}

function makePrompt(family: TaskFamily, random: Random): LabPrompt {
  const { question, answer } = family.make(random);
  return { prompt: promptText(family, question), family: family.name, level: family.level, question, answer };
}
