/** What a text is written in: an ISO 639-1 code, a script where that is all that can be told, or null without letters. */
export type LanguageGuess = string | null;

/** So much of a text is looked at. */
const LOOKED_AT = 2_000;
/** Letters fewer than this tell nothing. */
const LEAST_LETTERS = 3;

const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['kana', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['han', /\p{Script=Han}/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['Cyrillic', /\p{Script=Cyrillic}/gu],
  ['Arabic', /\p{Script=Arabic}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['Devanagari', /\p{Script=Devanagari}/gu],
  ['latin', /\p{Script=Latin}/gu],
];

/** Small words that are frequent in one language and rare in the others. */
const SMALL_WORDS: Readonly<Record<string, string>> = {
  en: 'the and is are was of to in that it for you with this be have not what how can i do on if or as my your',
  de: 'der die das und ist nicht ein eine zu den mit von für auf sich dem auch wie es im werden sie ich wenn',
  fr: 'le la les et est une des du que pour dans qui pas sur avec plus vous je il ce sont nous au aux cette',
  es: 'el los las y es una de que para con por se del como más pero su lo está qué son al este puede',
  it: 'il di che è un una per non con sono della del alla si più come gli nel anche questo ho da i',
  pt: 'o os as e é um uma de que para com não por se do da no na mais como você são ao isso em',
  nl: 'de het een en is van niet dat op te voor met zijn je ik aan er ook maar om bij wat als',
};
const LANGUAGE_OF = new Map<string, readonly string[]>();
for (const [language, words] of Object.entries(SMALL_WORDS))
  for (const word of words.split(' ')) LANGUAGE_OF.set(word, [...(LANGUAGE_OF.get(word) ?? []), language]);

/**
 * Guesses by script, and among Latin letters by small words of seven languages. Kana makes Japanese, Han without kana
 * Chinese. Where small words do not tell, as in names and code, the answer is `Latin`. Of mixed texts the script with
 * most letters counts; short texts are often not told.
 */
export function guessLanguage(text: string): LanguageGuess {
  const part = text.slice(0, LOOKED_AT);
  const letters = new Map(SCRIPTS.map(([name, pattern]) => [name, part.match(pattern)?.length ?? 0]));
  const total = [...letters.values()].reduce((sum, n) => sum + n, 0);
  if (total < LEAST_LETTERS) return null;
  const of = (name: string) => letters.get(name) ?? 0;
  const east = of('kana') + of('han');
  // A Han letter is a word, a Latin one a fifth of one.
  if (3 * east >= of('latin') && east >= of('ko') && east > 0) return of('kana') >= 0.05 * east ? 'ja' : 'zh';
  const [most] = [...letters]
    .filter(([name]) => name !== 'kana' && name !== 'han')
    .sort((a, b) => b[1] - a[1]);
  const script = (most as [string, number])[0];
  return script === 'latin' ? latinLanguage(part) : script;
}

function latinLanguage(text: string): string {
  const hits = new Map<string, number>();
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  for (const word of words)
    for (const language of LANGUAGE_OF.get(word) ?? []) hits.set(language, (hits.get(language) ?? 0) + 1);
  const [first, second] = [...hits].sort((a, b) => b[1] - a[1]);
  if (first === undefined || first[1] < 2 || first[1] < 0.05 * words.length) return 'Latin';
  return second !== undefined && second[1] === first[1] ? 'Latin' : first[0];
}

/** Whether two guesses contradict each other: what cannot be told contradicts nothing. */
export function differ(a: LanguageGuess, b: LanguageGuess): boolean {
  if (a === null || b === null || a === b) return false;
  const isLatin = (guess: string) => guess === 'Latin' || guess in SMALL_WORDS;
  return !(isLatin(a) && isLatin(b) && (a === 'Latin' || b === 'Latin'));
}
