import { inputError } from '../../base/errors.ts';
import { shellQuote } from '../job-script.ts';

/** A command with words in braces, cut where they are: even pieces are text, odd ones are names of words. */
export interface Template {
  readonly text: string;
  readonly pieces: readonly string[];
}

/**
 * Reads a template. `{word}` stands for a value, `{{word}}` for `{word}` itself; `${word}` is the shell's.
 * Throws for words that are not `known`, and for words between quotes: values come quoted, as one word each, and
 * quotes around them would be part of the value.
 */
export function parseTemplate(key: string, text: string, known: readonly string[]): Template {
  const pieces: string[] = [];
  let plain = '';
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const rest = text.slice(i);
    const doubled = /^\{\{([A-Za-z]\w*)\}\}/.exec(rest);
    const word = text[i - 1] === '$' ? null : /^\{([A-Za-z]\w*)\}/.exec(rest);
    if (doubled !== null) {
      plain += `{${doubled[1]}}`;
      i += doubled[0].length - 1;
    } else if (word !== null) {
      const name = word[1] as string;
      if (!known.includes(name)) {
        throw inputError('executor-template', `${key} has a word in braces that is not known`, {
          need: known.map((one) => `{${one}}`).join(' '),
          got: word[0],
          remedy: `For braces of the shell's own, double them: {{${name}}}`,
        });
      }
      if (quote !== '') {
        throw inputError('executor-template', `${key} has a word in braces between quotes`, {
          got: `${quote}…${word[0]}…${quote}`,
          remedy: 'Leave the quotes out: values are quoted when they are put in. Or call a script with it',
        });
      }
      pieces.push(plain, name);
      plain = '';
      i += word[0].length - 1;
    } else {
      const character = text[i] as string;
      plain += character;
      if (character === '\\' && quote !== "'" && i + 1 < text.length) plain += text[++i];
      else if (quote === '' && (character === "'" || character === '"')) quote = character;
      else if (quote === character) quote = '';
    }
  }
  return { text, pieces: [...pieces, plain] };
}

/** The command with its values in place. */
export function fillTemplate(template: Template, values: Readonly<Record<string, string>>): string {
  return template.pieces
    .map((piece, i) => (i % 2 === 0 ? piece : shellQuote(values[piece] as string)))
    .join('');
}

/** Whether the template has this word. */
export function hasWord(template: Template, word: string): boolean {
  return template.pieces.some((piece, i) => i % 2 === 1 && piece === word);
}
