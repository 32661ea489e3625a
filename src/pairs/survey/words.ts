/** One text in both languages of pages. */
export interface Both {
  readonly en: string;
  readonly ja: string;
}
