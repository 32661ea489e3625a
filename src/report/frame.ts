import { both, type Html, html, raw } from './html.ts';
import type { Chart } from './plot.ts';
import type { Sentence } from './sentences.ts';
import { SCRIPT, STYLE } from './style.ts';
import type { Both, Language } from './words.ts';

/** What stands around a page's content. */
export interface Frame {
  /** Of the browser's tab. */
  readonly title: string;
  readonly heading: Both;
  readonly subtitle: Both;
  /** The language that is shown first; auto: the reader's. Default auto. */
  readonly language?: ShownFirst;
}

export type ShownFirst = Language | 'auto';

/**
 * A page as one HTML file in English and Japanese. It asks for nothing outside itself (its content policy forbids it to)
 * and needs no script but for the switch of languages.
 */
export function page({ title, heading, subtitle, language = 'auto' }: Frame, main: Html): string {
  const first = language === 'auto' ? 'en' : language;
  const [english, japanese] = [first === 'en', first === 'ja'];
  return html`<!doctype html>
<html lang="${first}" data-show="${first}" data-first="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${title}</title>
<style>${raw(STYLE)}</style>
<noscript><style>html[data-first=auto] [lang=ja]:not(html) { display: revert; } .languages { display: none; }</style></noscript>
</head>
<body>
<header>
<div><h1>${both(heading)}</h1><p>${both(subtitle)}</p></div>
<div class="languages" role="group" aria-label="Language / 言語"><button type="button" value="en" aria-pressed="${String(english)}">English</button><button type="button" value="ja" aria-pressed="${String(japanese)}">日本語</button></div>
</header>
<main>
${main}
</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`.markup;
}

/** The level of a sentence is told by a mark and a word, not by colour alone. */
const LEVELS = {
  good: { mark: '✓', word: { en: 'good: ', ja: '良好：' } },
  neutral: { mark: '•', word: null },
  warn: { mark: '!', word: { en: 'caution: ', ja: '注意：' } },
} as const;

export function findings(sentences: readonly Sentence[]): Html {
  return html`<ul class="findings">${sentences.map((sentence) => {
    const { mark, word: level } = LEVELS[sentence.level];
    return html`<li class="${sentence.level}"><span class="mark" aria-hidden="true">${mark}</span>${
      level === null ? null : html`<span class="hidden">${both(level)}</span>`
    }${both(sentence)}</li>
`;
  })}</ul>`;
}

export function figure({ id, caption, svg }: Chart): Html {
  return html`<figure id="${id}"><figcaption id="chart-${id}">${both(caption)}</figcaption>${raw(svg)}</figure>
`;
}
