import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { strftime } from './fixed-date.ts';
import { FunctionValue, RAW_FUNCTIONS, TEXT_FUNCTIONS } from './jinja-functions.ts';
import { mend } from './jinja-mend.ts';

/** A parsed chat template. */
export type Program = ReturnType<typeof parse>;

/**
 * Parses as transformers does: trim_blocks and lstrip_blocks, and every line break of the source is `\n`, also
 * inside its string literals (Python's Jinja does that, @huggingface/jinja does not).
 *
 * The library gives another text than Python in these points, which are mended in the parsed template: methods and
 * filters of text (`strip('\n')` strips all white space, `trim` also U+FEFF), the length of text (UTF-16 units), what
 * `{{ none }}`, `{{ true }}` and lists are written as, variables set in one turn of a loop (they would still be set in
 * the next), and attributes of what is undefined (no error). Held to transformers by test/templates.test.ts.
 */
export function parseTemplate(source: string): Program {
  const text = source.replace(/\r\n?/g, '\n');
  const program = parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
  mend(program);
  return program;
}

/**
 * Runs a template. `Template.render` of @huggingface/jinja is not used because its `strftime_now` tells today's
 * date and cannot be replaced: templates that write the date (Llama 3.1 and later) would give other token ids
 * every day, and a result must not depend on the day.
 */
export function runTemplate(program: Program, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...TEXT_FUNCTIONS, ...variables }))
    environment.set(name, value);
  for (const [name, call] of Object.entries(RAW_FUNCTIONS))
    environment.setVariable(name, new FunctionValue(call));
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
  strftime_now: strftime,
  raise_exception: (message: string) => {
    throw new Error(message);
  },
};

function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error('range() step must not be zero');
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
}
