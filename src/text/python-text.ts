/**
 * Python's methods of text, where JavaScript's differ: chat templates are written for Python.
 *
 * *Reference:* Python 3 library reference, "Text Sequence Type"; white space as `str.isspace`.
 */

/** Unlike JavaScript's \s: with U+001C to U+001F and U+0085, without U+FEFF. */
const WHITE_SPACE =
  '\t\n\u000b\f\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

export type Side = 'both' | 'left' | 'right';

/** Without the characters of `set` at its ends. `null` or nothing: white space. */
export function strip(text: string, set: string | null | undefined, side: Side): string {
  const characters = Array.from(text);
  const stripped = new Set(set ?? WHITE_SPACE);
  let [from, to] = [0, characters.length];
  if (side !== 'right') while (from < to && stripped.has(characters[from] as string)) from++;
  if (side !== 'left') while (to > from && stripped.has(characters[to - 1] as string)) to--;
  return characters.slice(from, to).join('');
}

/** The first character in upper case (title case is the same but for a few ligatures), the others in lower case. */
export function capitalize(text: string): string {
  const [first = '', ...others] = Array.from(text);
  return titleCase(first) + others.join('').toLowerCase();
}

/** `str.title`: letters behind anything but a letter in upper case, all others in lower case. */
export function title(text: string): string {
  let inWord = false;
  return Array.from(text, (character) => {
    const cased = inWord ? character.toLowerCase() : titleCase(character);
    inWord = character.toLowerCase() !== character.toUpperCase();
    return cased;
  }).join('');
}

/** Jinja's filter of this name, which is not `str.title`: words begin behind white space, - and brackets. */
export function titleFilter(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .map((part) => (part === '' ? '' : capitalizeUpper(part)))
    .join('');
}

function capitalizeUpper(text: string): string {
  const [first = '', ...others] = Array.from(text);
  return first.toUpperCase() + others.join('').toLowerCase();
}

/** Upper case, where one letter becomes two only the first of them. */
function titleCase(character: string): string {
  const [first = '', ...others] = Array.from(character.toUpperCase());
  return first + others.join('').toLowerCase();
}

/** `str.split`: at white space (runs are one) or at `separator`, at most `most` times. */
export function split(text: string, separator: string | null | undefined, most = -1): string[] {
  if (separator === '') throw new Error('empty separator');
  if (separator != null) {
    const parts = text.split(separator);
    if (most < 0 || parts.length <= most + 1) return parts;
    return [...parts.slice(0, most), parts.slice(most).join(separator)];
  }
  const parts: string[] = [];
  let rest = strip(text, null, 'left');
  while (rest !== '' && (most < 0 || parts.length < most)) {
    const end = Array.from(rest).find((character) => WHITE_SPACE.includes(character));
    const at = end === undefined ? rest.length : rest.indexOf(end);
    parts.push(rest.slice(0, at));
    rest = strip(rest.slice(at), null, 'left');
  }
  return rest === '' ? parts : [...parts, rest];
}

/** Code points, as Python's `len` counts them. */
export function length(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
