import { type Both, type Word, words } from './words.ts';

/** Markup that is already escaped; plain strings become it only through `escapeText`. */
export interface Html {
  readonly markup: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

type Part = Html | string | number | null | readonly Html[];

/** Template tag: every inserted string or number is escaped, `Html` is taken as it is, null is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let markup = strings[0]!;
  for (const [i, part] of parts.entries()) markup += render(part) + strings[i + 1]!;
  return { markup };
}

export function raw(markup: string): Html {
  return { markup };
}

/** Both languages, of which the page's style shows one. */
export function both(text: Both): Html {
  if (text.en === text.ja) return html`${text.en}`;
  return html`<span lang="en">${text.en}</span><span lang="ja">${text.ja}</span>`;
}

export function word(name: Word): Html {
  return both(words[name]);
}

function render(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeText(String(part));
  if ('markup' in part) return part.markup;
  return part.map((item) => item.markup).join('');
}
