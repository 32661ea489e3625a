/** Characters that take two columns of a terminal: CJK, kana, hangul, full-width forms (Unicode TR 11, W and F). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /[\p{M}\u200b-\u200d\ufeff]/u;
/** May not begin a line in Japanese. */
const NOT_FIRST = /^[、。，．）」』】〕・：；？！ー％％ゃゅょっャュョッ)\]%.,;:!?]/u;

/** Columns that a text takes on a terminal; ambiguous characters count as one. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

/** Breaks a text into lines of at most `width` columns: at spaces, and between any two wide characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces(text)) {
    if (line !== '' && displayWidth(line + piece.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = piece.trimStart();
    } else {
      line += piece;
    }
  }
  if (line.trim() !== '') lines.push(line.trimEnd());
  return lines;
}

/** The smallest parts that may not be broken: a word with its space, a wide character with what must follow it. */
function pieces(text: string): string[] {
  const out: string[] = [];
  for (const character of text) {
    const last = out.at(-1);
    const glued =
      last !== undefined &&
      !/\s$/u.test(last) &&
      (NOT_FIRST.test(character) ||
        /[「（]$/u.test(last) ||
        /\s/u.test(character) ||
        !(isWide(character) || isWide(last.at(-1)!)));
    if (glued) out[out.length - 1] = last + character;
    else out.push(character);
  }
  return out;
}

function isWide(character: string): boolean {
  return WIDE.test(character);
}
