/** One turn of a conversation, as chat templates take it. */
export interface Message {
  readonly role: string;
  readonly content: string;
}

/** Plain text, or a list of messages for the model's chat template. */
export type Text = string | readonly Message[];

/**
 * One human preference: for this prompt, `chosen` was preferred to `rejected`.
 * When the prompt is a list of messages, so are both completions.
 */
export interface PreferencePair {
  /** SHA-256 of the three texts, so that two pairs that share a prompt keep scores of their own. */
  readonly id: string;
  /** 0-based row in the input, over all of its files. */
  readonly row: number;
  readonly prompt: Text;
  readonly chosen: Text;
  readonly rejected: Text;
  /** Columns of the input that Winnow does not interpret. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** A row that was read but cannot be used, and why. */
export interface RefusedRow {
  readonly row: number;
  /** Where the row stands, of a source of several files. */
  readonly place?: { readonly file: string; readonly row: number };
  readonly id?: string;
  /** Stable name of the cause: identical-sides, empty-chosen, duplicate, prompt-too-long, … */
  readonly cause: string;
  /** What is wrong, in words, with the value found. */
  readonly message: string;
  /** How to mend it. */
  readonly remedy: string;
}
