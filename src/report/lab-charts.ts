import * as Plot from '@observablehq/plot';
import type { Figure } from '../lab/study/study.ts';
import { draw } from './plot.ts';

/** Okabe and Ito's colours in an order in which neighbours are told apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const AXIS = { labelArrow: 'none', labelAnchor: 'center', grid: true } as const;
const percent = (value: number) => `${Math.round(100 * value)} %`;

/** Which colour is which line; none for other figures. */
export function labKeys(figure: Figure): readonly { readonly name: string; readonly colour: string }[] {
  return figure.kind === 'lines'
    ? figure.series.map(({ name }, i) => ({ name, colour: COLOURS[i % COLOURS.length] as string }))
    : [];
}

/** A figure of the lab as SVG markup; shares are shown in percent. */
export function labChart(figure: Figure, labelledBy: string): string {
  switch (figure.kind) {
    case 'lines':
      return lines(figure, labelledBy);
    case 'heat':
      return heat(figure, labelledBy);
    case 'dots':
      return dots(figure, labelledBy);
  }
}

function lines({ x, y, series }: Extract<Figure, { kind: 'lines' }>, labelledBy: string): string {
  const rows = series.flatMap(({ name, points }) => points.map((point) => ({ ...point, name })));
  const bounded = rows.filter(({ low, high }) => low !== undefined && high !== undefined);
  // Few replicates have whiskers that would leave no room to the values.
  const values = rows.map((row) => row.y);
  const room = 0.4 * (Math.max(...values) - Math.min(...values)) + 0.01;
  return draw(
    {
      marginLeft: 60,
      marginBottom: 42,
      height: 320,
      color: { domain: series.map(({ name }) => name), range: COLOURS, legend: false },
      x: { ...AXIS, label: x, labelOffset: 36, tickFormat: percent, inset: 24 },
      y: {
        ...AXIS,
        label: y,
        labelOffset: 52,
        tickFormat: percent,
        domain: [Math.min(...values) - room, Math.max(...values) + room],
      },
      marks: [
        Plot.ruleX(bounded, {
          x: 'x',
          y1: 'low',
          y2: 'high',
          stroke: 'name',
          strokeOpacity: 0.5,
          clip: true,
        }),
        Plot.lineY(rows, { x: 'x', y: 'y', stroke: 'name', z: 'name', strokeWidth: 2 }),
        Plot.dot(rows, { x: 'x', y: 'y', fill: 'name', r: 3.5 }),
      ],
    },
    labelledBy,
  );
}

function heat({ labels, values }: Extract<Figure, { kind: 'heat' }>, labelledBy: string): string {
  const cells = values.flatMap((row, i) =>
    row.flatMap((value, j) => (value === null ? [] : [{ row: labels[i], column: labels[j], value }])),
  );
  return draw(
    {
      marginLeft: 60,
      width: 120 + 72 * labels.length,
      height: 90 + 56 * labels.length,
      x: { label: null, domain: [...labels], axis: 'top' },
      y: { label: null, domain: [...labels] },
      color: { type: 'linear', domain: [0, 1], range: ['#eef3f8', '#0072b2'] },
      marks: [
        Plot.cell(cells, { x: 'column', y: 'row', fill: 'value', inset: 1 }),
        Plot.text(cells, {
          x: 'column',
          y: 'row',
          text: ({ value }: { value: number }) => value.toFixed(2),
          fill: ({ value }: { value: number }) => (value > 0.6 ? 'white' : 'black'),
        }),
      ],
    },
    labelledBy,
  );
}

function dots({ x, y, points }: Extract<Figure, { kind: 'dots' }>, labelledBy: string): string {
  const named = points.length <= NAMED;
  return draw(
    {
      marginLeft: 60,
      marginBottom: 42,
      marginRight: 24,
      height: 380,
      x: { ...AXIS, label: x, labelOffset: 36, tickFormat: percent, inset: 24 },
      y: { ...AXIS, label: y, labelOffset: 52, tickFormat: percent, inset: 16 },
      marks: [
        named ? null : Plot.ruleX([0], { stroke: 'currentColor', strokeOpacity: 0.4 }),
        named ? null : Plot.ruleY([0], { stroke: 'currentColor', strokeOpacity: 0.4 }),
        Plot.dot(points, { x: 'x', y: 'y', fill: 'var(--accent)', r: 4, title: 'name' }),
        named
          ? Plot.text(points, {
              x: 'x',
              y: 'y',
              text: 'name',
              dy: -9,
              fill: 'currentColor',
              stroke: 'var(--paper)',
              fontSize: 10,
            })
          : null,
      ],
    },
    labelledBy,
  );
}

/** More names than these would cover one another; they are then shown where the pointer rests. */
const NAMED = 20;
