import { parseHTML } from 'linkedom';
import { expect, it } from 'vitest';
import type { LabResult } from '../lab/study/lab.ts';
import { renderLab } from './lab-page.ts';
import { labMarkdown, labText } from './lab-text.ts';

const result: LabResult = {
  version: '1',
  engine: 'e',
  extent: 'quick',
  seed: 1,
  scale: { pairs: 10, evaluationPrompts: 5, tuningPrompts: 3 },
  seconds: 61.4,
  studies: [
    {
      name: 'one',
      title: 'A <b> & c',
      verdict: 'It holds.',
      question: 'Does it?',
      seconds: 1,
      claims: [
        { text: 'win rate, a − b', value: 0.012, low: -0.003, high: 0.027, n: 5, p: 0.2 },
        { text: 'Spearman', value: 0.91, low: null, high: null, n: 1 },
      ],
      tables: [{ title: 'T', head: ['world', 'x'], rows: [['c | d', '1']], meaning: 'So.' }],
      figures: [
        {
          kind: 'lines',
          title: 'L',
          x: 'share',
          y: 'win rate',
          series: [
            {
              name: 'easiest',
              points: [
                { x: 0.5, y: 0.6, low: 0.5, high: 0.7 },
                { x: 1, y: 0.65 },
              ],
            },
          ],
          meaning: 'Up.',
        },
        {
          kind: 'heat',
          title: 'H',
          labels: ['s', 'm'],
          values: [
            [1, 0.7],
            [0.7, null],
          ],
          meaning: 'Near.',
        },
        {
          kind: 'dots',
          title: 'D',
          x: 'a',
          y: 'b',
          points: [{ name: 'p<q', x: 0.1, y: 0.2 }],
          meaning: 'There.',
        },
      ],
    },
  ],
};

it('draws every kind of figure, and escapes what it is given', () => {
  const { document } = parseHTML(renderLab(result));
  const figures = [...document.querySelectorAll('figure')];
  expect(figures.map((figure) => figure.querySelectorAll('svg').length)).toEqual([1, 1, 1]);
  const [lines, heat, dots] = figures;
  expect(lines?.querySelector('[aria-label="line"] path')?.getAttribute('d')).toMatch(/^M.*L/);
  expect(lines?.querySelectorAll('[aria-label="rule"] line')).toHaveLength(1);
  expect(heat?.querySelectorAll('[aria-label="cell"] rect')).toHaveLength(3);
  expect(dots?.textContent).toContain('p<q');
  expect(document.querySelector('h2 + p')).not.toBeNull();
  expect(document.querySelector('#one h2')?.textContent).toBe('A <b> & c');
});

it('says claims with and without an interval', () => {
  const { document } = parseHTML(renderLab(result));
  const cells = [...document.querySelectorAll('#one table:last-of-type tr')].map((row) => row.textContent);
  expect(cells.join('\n')).toContain('win rate, a − b+1.2 [−0.3, +2.7]50.200');
  expect(cells.join('\n')).toContain('Spearman0.910 [–, –]1');
});

it('as text and as Markdown', () => {
  expect(labText(result)).toContain('## A <b> & c\n\nIt holds.\n\nT\nworld  x\nc | d  1\nSo.');
  const markdown = labMarkdown(result);
  expect(markdown).toContain('| c \\| d | 1 |');
  expect(markdown).toContain('| win rate, a − b | +1.2 [−0.3, +2.7] | 5 | 0.200 |');
});
