/** A pair as token ids of one model, with exact prompt / completion boundaries. */
export interface TokenizedPair {
  readonly id: string;
  /** 0-based row in the input file. */
  readonly row: number;
  /** Includes the BOS token where the model has one. */
  readonly prompt: Int32Array;
  /** Ends with the end-of-turn or EOS token. */
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
  /** Tokens cut from the start of the prompt by the truncation policy. */
  readonly promptTokensCut: number;
}
