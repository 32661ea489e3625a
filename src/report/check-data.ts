import type { RefusedRow } from '../pairs/pair.ts';
import type { DataSurvey } from '../pairs/survey/survey.ts';
import type { TokenSurvey } from '../pipeline/token-survey.ts';

/** What `check.json` holds; its page and its text are drawn from this alone. */
export interface CheckData {
  readonly version: string;
  readonly command: string;
  readonly seed: number;
  readonly source: { readonly file: string; readonly sha256: string; readonly format: string };
  /** null without a model. */
  readonly model: string | null;
  readonly read: number;
  readonly used: number;
  readonly refused: number;
  readonly refusedBy: Readonly<Record<string, number>>;
  /** The first of each cause; the run folder's refused.jsonl has all. */
  readonly refusedRows: readonly RefusedRow[];
  /** Of the run that this model and configuration would make; null without a model. */
  readonly split: { readonly pool: number; readonly heldOut: number } | null;
  readonly survey: DataSurvey;
  /** null without a model. */
  readonly tokens: TokenSurvey | null;
  readonly notes: readonly string[];
}
