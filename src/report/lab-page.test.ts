import { parseHTML } from 'linkedom';
import { expect, it } from 'vitest';
import type { LabResult } from '../lab/study/lab.ts';
import type { Figure } from '../lab/study/study.ts';
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
      coreSeconds: 90,
      claims: [
        { text: 'win rate, a − b', value: 0.012, low: -0.003, high: 0.027, n: 5, p: 0.2 },
        { text: 'Spearman', value: 0.91, low: null, high: null, n: 1 },
        { text: 'a & <b>, once', value: -0.0002, low: null, high: null, n: 1, p: 1 },
        { text: 'far', value: -0.3, low: -0.32, high: -0.28, n: 5, p: 0.00002 },
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
  expect(document.querySelector('nav a')?.getAttribute('href')).toBe('#one');
  expect(document.querySelector('#one .answer')?.textContent).toBe('It holds.');
  expect(document.querySelector('#one h2')?.textContent).toBe('A <b> & c');
});

it('has a row for each claim: points where it is tested, else numbers, and dashes for what is not known', () => {
  const { document } = parseHTML(renderLab(result));
  const rows = [...document.querySelectorAll('#one table:last-of-type tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  );
  expect(rows.slice(-4)).toEqual([
    ['win rate, a − b', '+1.2 [−0.3, +2.7]', '5', '0.200'],
    ['Spearman', '0.910 [–, –]', '1', ''],
    ['a & <b>, once', '0.0 [–, –]', '1', '1.000'],
    ['far', '−30.0 [−32.0, −28.0]', '5', '< 0.001'],
  ]);
});

/** The result with these figures alone. */
function withFigures(...figures: Figure[]): LabResult {
  return { ...result, studies: result.studies.map((study) => ({ ...study, figures })) };
}

it('reads back what JSON makes of infinite bounds', () => {
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const points = [
    { x: 0.5, y: 0.6, low, high },
    { x: 1, y: 0.65, low: 0.6, high: 0.7 },
  ];
  const fresh = withFigures({
    kind: 'lines',
    title: 'L',
    x: 'x',
    y: 'y',
    series: [{ name: 's', points }],
    meaning: 'M',
  });
  const page = renderLab(JSON.parse(JSON.stringify(fresh)));
  expect(page).toBe(renderLab(fresh));
  expect(page).not.toMatch(/NaN|Infinity|undefined/);
  expect(parseHTML(page).document.querySelectorAll('[aria-label="rule"] line')).toHaveLength(1);
});

it('says where whiskers are cut off, and marks no two ticks alike', () => {
  const points = [0.5, 1].map((x) => ({ x, y: 0.6 + 0.02 * x, low: 0.1, high: 1.1 }));
  const page = renderLab(
    withFigures(
      { kind: 'lines', title: 'L', x: 'x', y: 'y', series: [{ name: 's', points }], meaning: 'M' },
      { kind: 'lines', title: 'Nothing', x: 'x', y: 'y', series: [], meaning: 'M' },
    ),
  );
  expect(page).toContain('Whiskers: 95 %; some reach beyond the edge.');
  for (const svg of parseHTML(page).document.querySelectorAll('svg')) {
    const ticks = [...svg.querySelectorAll('[aria-label="y-axis tick label"] text')].map(
      (text) => text.textContent,
    );
    expect(ticks.length).toBeGreaterThan(2);
    expect(new Set(ticks).size).toBe(ticks.length);
  }
});

it('draws zero and the diagonal where both axes are one quantity', () => {
  const points = [
    { name: 'up', x: 0.02, y: 0.03 },
    { name: 'down', x: -0.02, y: -0.01 },
  ];
  const drawn = (diagonal: boolean) => {
    const figure = { kind: 'dots', title: 'D', x: 'x', y: 'y', points, diagonal, meaning: 'M' } as const;
    const { document } = parseHTML(renderLab(withFigures(figure)));
    return ['rule', 'line'].map((mark) => document.querySelectorAll(`svg [aria-label="${mark}"]`).length);
  };
  expect(drawn(true)).toEqual([2, 1]);
  expect(drawn(false)).toEqual([0, 0]);
});

it('has the command that made it, escaped, and Japanese marked as such', () => {
  const { document } = parseHTML(renderLab(result, "winnow lab --out '<a&b>'"));
  expect(document.querySelector('code')?.textContent).toBe("winnow lab --out '<a&b>'");
  expect(document.documentElement.getAttribute('lang')).toBe('en');
  for (const element of document.querySelectorAll('body *'))
    if (element.children.length === 0 && /[ぁ-ん]/.test(element.textContent ?? ''))
      expect(element.closest('[lang]')?.getAttribute('lang')).toBe('ja');
  expect(document.querySelector('[lang=ja]')?.textContent).toMatch(/[ぁ-ん]/);
  expect(parseHTML(renderLab(result)).document.querySelector('code')).toBeNull();
});

it('as text and as Markdown', () => {
  expect(labText(result)).toContain('## A <b> & c\n\nIt holds.\n\nT\nworld  x\nc | d  1\nSo.');
  const markdown = labMarkdown(result);
  expect(markdown).toContain('| c \\| d | 1 |');
  expect(markdown).toContain('| win rate, a − b | +1.2 [−0.3, +2.7] | 5 | 0.200 |');
  expect(markdown).toContain('| far | −30.0 [−32.0, −28.0] | 5 | < 0.001 |');
});
