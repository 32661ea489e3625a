import { isRefusal } from '../../pairs/survey/features.ts';

/** What an answer looks like: each is there, or it is not. */
export const TRAITS = ['list', 'markdown', 'code', 'refusal'] as const;

export type Trait = (typeof TRAITS)[number];

const LIST = /^[ \t]*(?:[-*+][ \t]+|[•・][ \t]*|\d{1,3}[.)][ \t]+|\d{1,3}[．）][ \t]*)\S/mu;
const MARKDOWN = /^#{1,6}[ \t]|\*\*[^*\n]+\*\*|^\|.*\|[ \t]*$/mu;
const CODE = /^[ \t]*(?:```|~~~)/mu;

/**
 * list: a line begins as a bulleted or numbered item does; markdown: a heading, bold type or a table; code: a fenced
 * block; refusal: the first 300 characters hold a phrase of refusal, English or Japanese (`isRefusal`).
 */
export function hasTrait(answer: string, trait: Trait): boolean {
  switch (trait) {
    case 'list':
      return LIST.test(answer);
    case 'markdown':
      return MARKDOWN.test(answer);
    case 'code':
      return CODE.test(answer);
    case 'refusal':
      return isRefusal(answer);
  }
}
