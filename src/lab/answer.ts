/**
 * The style of the lab: an opening and a closing mark around an answer (`>013479!`). They say nothing about
 * the question, are easy to learn, and the gold judge pays for them: what length and politeness are to the
 * judges of real data.
 */
export const OPENING_MARK = '>';
export const CLOSING_MARK = '!';

export interface ParsedAnswer {
  /** What stands between the marks, right or wrong. */
  readonly answer: string;
  readonly opening: boolean;
  readonly closing: boolean;
}

export function styledAnswer({ answer, opening, closing }: ParsedAnswer): string {
  return (opening ? OPENING_MARK : '') + answer + (closing ? CLOSING_MARK : '');
}

/** Takes at most one mark from either end: a second one is part of the answer, and makes it wrong. */
export function parseAnswer(text: string): ParsedAnswer {
  const opening = text.startsWith(OPENING_MARK);
  const closing = text.endsWith(CLOSING_MARK);
  return {
    answer: text.slice(opening ? OPENING_MARK.length : 0, closing ? -CLOSING_MARK.length : undefined),
    opening,
    closing,
  };
}

/** Share of the two marks: 0, ½ or 1. */
export function styleOf({ opening, closing }: ParsedAnswer): number {
  return (Number(opening) + Number(closing)) / 2;
}
