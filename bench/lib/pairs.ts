import { cumulativeStdNormalProbability } from 'simple-statistics';
import { Random } from '../../src/base/random.ts';
import type { TokenizedPair } from '../../src/text/tokenized.ts';

/** How long the pairs of a benchmark are. */
export type Lengths = 'fixed' | 'hh';

/** Tokens of prompt, chosen and rejected. */
export interface PairLengths {
  readonly prompt: number;
  readonly chosen: number;
  readonly rejected: number;
}

const FIXED: PairLengths = { prompt: 200, chosen: 250, rejected: 200 };

/**
 * Characters of the 5,778 usable pairs in three test files of hh-rlhf (harmless-base, helpful-base, helpful-online),
 * at the quantiles of LEVELS; the longest hundredth, which a limit of 1,024 tokens changes, is left out. A prompt
 * reaches to the last "Assistant:". *Source:* anthropics/hh-rlhf, measured with Python's `len`.
 */
const LEVELS = [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];
const PROMPT_CHARACTERS = [22, 43, 53, 63, 89, 172, 296, 425, 570, 754, 1012, 1461, 2008, 3789];
const CHOSEN_CHARACTERS = [2, 12, 26, 40, 66, 97, 134, 182, 247, 334, 474, 715, 972, 1315];
const REJECTED_CHARACTERS = [3, 10, 24, 38, 66, 95, 133, 179, 239, 323, 461, 737, 1041, 1355];
/**
 * Pearson's correlation of the two normals behind the completions' lengths: 2·sin(π·ρ/6) of Spearman's ρ = 0.51
 * between them. The prompt's length hardly goes with theirs (ρ = 0.2): it is drawn apart.
 */
const COMPLETIONS_CORRELATION = 0.53;
const CHARACTERS_A_TOKEN = 4;
/** The defaults of `text.maxPromptLength` and `text.maxLength`. */
const MAX_PROMPT = 512;
const MAX_LENGTH = 1024;

/** Lengths of `count` pairs; equal counts begin with the same pairs. */
export function drawLengths(lengths: Lengths, count: number): PairLengths[] {
  if (lengths === 'fixed') return Array.from({ length: count }, () => FIXED);
  const random = new Random(1, 'bench', 'hh lengths');
  return Array.from({ length: count }, () => {
    const together = random.normal();
    const correlated = () =>
      Math.sqrt(COMPLETIONS_CORRELATION) * together +
      Math.sqrt(1 - COMPLETIONS_CORRELATION) * random.normal();
    const completion = (table: readonly number[]) =>
      // A completion ends with an end token beside its text.
      tokensAt(table, cumulativeStdNormalProbability(correlated())) + 1;
    const prompt = tokensAt(PROMPT_CHARACTERS, random.uniform());
    const chosen = completion(CHOSEN_CHARACTERS);
    const rejected = completion(REJECTED_CHARACTERS);
    const room = MAX_LENGTH - Math.max(chosen, rejected);
    return { prompt: Math.min(prompt, MAX_PROMPT, room), chosen, rejected };
  });
}

/** Tokens at quantile u in [0, 1], between the table's points in lines. */
function tokensAt(table: readonly number[], u: number): number {
  const at = u * (LEVELS.at(-1) as number);
  const above = Math.max(
    1,
    LEVELS.findIndex((level) => level >= at),
  );
  const [from, to] = [LEVELS[above - 1] as number, LEVELS[above] as number];
  const [low, high] = [table[above - 1] as number, table[above] as number];
  const characters = low + ((at - from) / (to - from)) * (high - low);
  return Math.max(1, Math.round(characters / CHARACTERS_A_TOKEN));
}

/** Pairs of random tokens with these lengths. Ids 0 to 2 are kept for padding and the ends of text. */
export function randomPairs(lengths: readonly PairLengths[], vocabSize: number): TokenizedPair[] {
  const random = new Random(2, 'bench', 'tokens');
  const tokens = (length: number) => Int32Array.from({ length }, () => 3 + random.integer(vocabSize - 3));
  return lengths.map(({ prompt, chosen, rejected }, row) => ({
    id: `pair-${row}`,
    row,
    prompt: tokens(prompt),
    chosen: tokens(chosen),
    rejected: tokens(rejected),
    promptTokensCut: 0,
  }));
}

/** What crosses to worker processes of both sides: lists of ids. */
export interface PlainPair {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

export function toPlain({ prompt, chosen, rejected }: TokenizedPair): PlainPair {
  return { prompt: [...prompt], chosen: [...chosen], rejected: [...rejected] };
}

export function fromPlain(pair: PlainPair, row: number): TokenizedPair {
  return {
    id: `pair-${row}`,
    row,
    prompt: Int32Array.from(pair.prompt),
    chosen: Int32Array.from(pair.chosen),
    rejected: Int32Array.from(pair.rejected),
    promptTokensCut: 0,
  };
}
