/** What may be wrong with a pair that can be used all the same. */
export const DEFECTS = [
  'same-but-form',
  'prefix',
  'replacement-character',
  'mojibake',
  'control-character',
  'open-code-fence',
  'prompt-repeated',
] as const;

export type Defect = (typeof DEFECTS)[number];

/** UTF-8 that was read as Latin-1 or as Shift-JIS. */
const MOJIBAKE =
  /Ã[\u0080-\u00bf]|Â[\u00a0-\u00bf]|â€[\u0080-\u00bf\u2018-\u2122]|ï»¿|縺[\u3040-\u9fff\uff61-\uff9f]|繧[\u3040-\u9fff\uff61-\uff9f]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
/** A completion that is the beginning of the other is told from here on; shorter ones are short answers. */
const LEAST_PREFIX = 20;
/** A prompt that is repeated at the start of an answer is told from here on. */
const LEAST_PROMPT = 20;

/** Defects of a pair's texts; `bare` are the completions as `bareText` gives them. */
export function defectsOf(
  texts: { readonly prompt: string; readonly chosen: string; readonly rejected: string },
  bare: { readonly chosen: string; readonly rejected: string },
): Defect[] {
  const { prompt, chosen, rejected } = texts;
  const all = [prompt, chosen, rejected];
  const sides = [chosen, rejected];
  const [short, long] = chosen.length < rejected.length ? [chosen, rejected] : [rejected, chosen];
  const start = prompt.trim();
  const found: [Defect, boolean][] = [
    ['same-but-form', bare.chosen === bare.rejected],
    [
      'prefix',
      short.trim().length >= LEAST_PREFIX && short.length < long.length && long.startsWith(short.trimEnd()),
    ],
    ['replacement-character', all.some((text) => text.includes('\uFFFD'))],
    ['mojibake', all.some((text) => MOJIBAKE.test(text))],
    ['control-character', all.some((text) => CONTROL.test(text))],
    ['open-code-fence', sides.some((text) => (text.match(/^\s*```/gm)?.length ?? 0) % 2 === 1)],
    [
      'prompt-repeated',
      start.length >= LEAST_PROMPT && sides.some((text) => text.trimStart().startsWith(start)),
    ],
  ];
  return found.flatMap(([name, is]) => (is ? [name] : []));
}
