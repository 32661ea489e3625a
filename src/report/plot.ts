import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeText } from './html.ts';
import type { Both } from './words.ts';

/** Between the two languages of a text inside a chart, until `draw` takes them apart. */
const BETWEEN = '\u001f';

/** A chart's text in both languages, drawn as one text of which the page's style shows one half. */
export function bilingual({ en, ja }: Both): string {
  return en === ja ? en : en + BETWEEN + ja;
}

/** Draws a plot as SVG markup without a browser; `labelledBy` is the id of the figure's caption. */
export function draw(options: Plot.PlotOptions, labelledBy: string): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({ width: 480, style: { fontSize: '12px' }, ...options, document });
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', labelledBy);
  for (const text of svg.querySelectorAll('text')) {
    const [en, ja] = (text.textContent ?? '').split(BETWEEN);
    if (en === undefined || ja === undefined) continue;
    text.innerHTML = `<tspan lang="en">${escapeText(en)}</tspan><tspan lang="ja">${escapeText(ja)}</tspan>`;
  }
  return withShortNumbers(svg.outerHTML);
}

/** A hundredth of a pixel is enough; full doubles would make up most of the page. */
function withShortNumbers(markup: string): string {
  return markup.replace(/ (?:c?[xy][12]?|width|height|d|transform)="[^"]*"/g, (attribute) =>
    attribute.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(2)))),
  );
}

export interface Chart {
  readonly id: string;
  readonly caption: Both;
  readonly svg: string;
}
