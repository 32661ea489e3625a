import * as Plot from '@observablehq/plot';
import type { Figure } from '../lab/study/study.ts';
import { extent, type LabChart, MARGINS, type Range, WIDTH, X_AXIS, Y_AXIS } from './lab-axes.ts';
import { dots } from './lab-dots.ts';
import { textWidth } from './lab-labels.ts';
import { fixed, known } from './numbers.ts';
import { draw } from './plot.ts';

type Lines = Extract<Figure, { kind: 'lines' }>;
type Heat = Extract<Figure, { kind: 'heat' }>;

/** Okabe and Ito's colours in an order in which neighbours are told apart, and two more. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a939c', '#a05a2c'];
/** A figure of the lab as SVG markup; shares are shown in percent. */
export function labChart(figure: Figure, labelledBy: string): LabChart {
  switch (figure.kind) {
    case 'lines':
      return lines(figure, labelledBy);
    case 'heat':
      return heat(figure, labelledBy);
    case 'dots':
      return dots(figure, labelledBy);
  }
}

function lines({ x, y, series }: Lines, labelledBy: string): LabChart {
  const points = series.flatMap((line) => line.points);
  const [least, most] = extent(points.map((point) => point.y));
  // Few replicates have whiskers that would leave no room to the values.
  const room = 0.4 * (most - least) + 0.01;
  const domain: Range = [least - room, most + room];
  const bounds = points.filter(hasInterval);
  const cut = bounds.some(({ low, high }) => low < domain[0] || high > domain[1]);
  const keys = series.map(({ name }, i) => ({ name, colour: COLOURS[i % COLOURS.length] as string }));
  const marks = series.map((line, i) => {
    const stroke = keys[i]?.colour as string;
    // Side by side, or whiskers of lines that share their x would be one; all within a few pixels of their x.
    const apart = bounds.length === 0 ? 0 : Math.min(4, 12 / series.length);
    const place = { x: 'x', dx: apart * (i - (series.length - 1) / 2) };
    return [
      Plot.ruleX(line.points.filter(hasInterval), {
        ...place,
        // Cut here: a clip of Plot's has an id that depends on what was drawn before.
        y1: ({ low }: { low: number }) => Math.max(low, domain[0]),
        y2: ({ high }: { high: number }) => Math.min(high, domain[1]),
        stroke,
        strokeOpacity: 0.6,
        strokeWidth: 1.5,
      }),
      Plot.lineY(line.points, { ...place, y: 'y', stroke, strokeWidth: 2 }),
      Plot.dot(line.points, { ...place, y: 'y', fill: stroke, r: 3.5 }),
    ];
  });
  const svg = draw(
    {
      ...MARGINS,
      width: WIDTH,
      height: 320,
      x: { ...X_AXIS, label: x, domain: extent(points.map((point) => point.x)) },
      y: { ...Y_AXIS, label: y, domain },
      marks,
    },
    labelledBy,
  );
  const whiskers = bounds.length === 0 ? null : 'Whiskers: 95 %';
  return { svg, keys, note: whiskers && `${whiskers}${cut ? '; some reach beyond the edge' : ''}.` };
}

function heat({ labels, values }: Heat, labelledBy: string): LabChart {
  const cells = values.flatMap((row, i) =>
    row.map((value, j) => ({ row: labels[i], column: labels[j], value: known(value) ? value : null })),
  );
  const measured = cells.filter(({ value }) => value !== null);
  const longest = Math.max(0, ...labels.map((label) => textWidth(label, 12)));
  const marginLeft = 24 + longest;
  const svg = draw(
    {
      marginLeft,
      marginTop: 30,
      marginRight: 10,
      width: Math.max(WIDTH, marginLeft + labels.length * Math.max(52, longest + 8) + 10),
      height: 50 + 48 * labels.length,
      x: { label: null, domain: [...labels], axis: 'top', tickSize: 0 },
      y: { label: null, domain: [...labels], tickSize: 0 },
      color: { type: 'linear', domain: [0, 1], clamp: true, range: ['#e6eef5', '#0072b2'] },
      marks: [
        Plot.cell(measured, { x: 'column', y: 'row', fill: 'value', inset: 1 }),
        Plot.text(cells, {
          x: 'column',
          y: 'row',
          text: ({ value }: { value: number | null }) => fixed(value, 2),
          fill: ({ value }: { value: number | null }) =>
            value === null ? 'currentColor' : value > 0.6 ? 'white' : 'black',
        }),
      ],
    },
    labelledBy,
  );
  return { svg, keys: [], note: null };
}

function hasInterval<T extends { readonly low?: number | null; readonly high?: number | null }>(
  point: T,
): point is T & { readonly low: number; readonly high: number } {
  return known(point.low) && known(point.high);
}
