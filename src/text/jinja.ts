import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';

/** A parsed chat template. */
export type Program = ReturnType<typeof parse>;

/**
 * Parses as transformers does: trim_blocks and lstrip_blocks, and every line break of the source is `\n`, also
 * inside its string literals (Python's Jinja does that, @huggingface/jinja does not).
 */
export function parseTemplate(source: string): Program {
  return parse(tokenize(source.replace(/\r\n?/g, '\n'), { lstrip_blocks: true, trim_blocks: true }));
}

/**
 * Runs a template. `Template.render` of @huggingface/jinja is not used because its `strftime_now` tells today's
 * date and cannot be replaced: templates that write the date (Llama 3.1 and later) would give other token ids
 * every day, and a result must not depend on the day.
 */
export function runTemplate(program: Program, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
  const { value } = new Interpreter(environment).run(program);
  return String(value);
}

const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  strftime_now: fixedDate,
  raise_exception: (message: string) => {
    throw new Error(message);
  },
};

function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error('range() step must not be zero');
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
}

/** 26 July 2024, the date that Llama 3's own templates fall back on. */
const DATE_PARTS: Readonly<Record<string, string>> = {
  Y: '2024',
  y: '24',
  m: '07',
  d: '26',
  B: 'July',
  b: 'Jul',
  A: 'Friday',
  a: 'Fri',
  H: '00',
  M: '00',
  S: '00',
  '%': '%',
};

function fixedDate(format: string): string {
  return format.replace(/%-?([A-Za-z%])/g, (whole, part: string) => DATE_PARTS[part] ?? whole);
}
