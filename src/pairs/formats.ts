import { ARGILLA } from './format-argilla.ts';
import { MESSAGES, ORCA } from './format-axolotl.ts';
import { EXPLICIT } from './format-explicit.ts';
import { HH } from './format-hh.ts';
import { IMPLICIT } from './format-implicit.ts';
import { LABELLED } from './format-labelled.ts';
import {
  alpacaRule,
  LLAMA_FACTORY_COLUMNS,
  LLAMA_FACTORY_TAGS,
  sharegptRule,
} from './format-llama-factory.ts';
import { OPENAI } from './format-openai.ts';
import { RATINGS } from './format-ratings.ts';
import type { FormatRule } from './format-rule.ts';
import { isRow } from './shape.ts';

/** In the order in which they are tried: the first one that the columns speak for is it. */
const FORMATS = {
  openai: OPENAI,
  sharegpt: sharegptRule(LLAMA_FACTORY_COLUMNS, LLAMA_FACTORY_TAGS),
  explicit: EXPLICIT,
  messages: MESSAGES,
  alpaca: alpacaRule(LLAMA_FACTORY_COLUMNS),
  orca: ORCA,
  implicit: IMPLICIT,
  'hh-rlhf': HH,
  labelled: LABELLED,
  argilla: ARGILLA,
  ratings: RATINGS,
} as const satisfies Record<string, FormatRule>;

/**
 * - `explicit`: a prompt column, texts or messages (TRL, ultrafeedback_binarized);
 * - `implicit`: whole conversations as messages, no prompt column;
 * - `hh-rlhf`: whole conversations as one string with `\n\nHuman:` and `\n\nAssistant:`;
 * - `sharegpt`, `alpaca`: LLaMA-Factory's two styles;
 * - `messages`, `orca`: axolotl's `chat_template.default` and `chatml` rows;
 * - `openai`: `input`, `preferred_output`, `non_preferred_output`;
 * - `labelled`: two answers and a label (PKU-SafeRLHF, SHP, the arena of LMSYS);
 * - `argilla`: records with replies to ranking, label or rating questions;
 * - `ratings`: several answers with scores.
 */
export type PairFormat = keyof typeof FORMATS;

export const PAIR_FORMATS = Object.keys(FORMATS) as readonly PairFormat[];

/** Other names that people know a format by. */
const ALIASES: Readonly<Record<string, PairFormat>> = {
  trl: 'explicit',
  ultrafeedback_binarized: 'explicit',
  hh: 'hh-rlhf',
  chatml: 'orca',
  llama3: 'orca',
  orca_dpo_pairs: 'orca',
  'chat_template.default': 'messages',
  axolotl: 'messages',
  ultrafeedback: 'ratings',
};

/** The format of this name or alias; null where there is none. */
export function formatNamed(name: string): PairFormat | null {
  if ((PAIR_FORMATS as readonly string[]).includes(name)) return name as PairFormat;
  return Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? null) : null;
}

export function formatRule(format: PairFormat): FormatRule {
  return FORMATS[format];
}

/** The format that the columns of this row speak for, or null. */
export function detectFormat(value: unknown): PairFormat | null {
  if (!isRow(value)) return null;
  return PAIR_FORMATS.find((format) => FORMATS[format].detect(value)) ?? null;
}
