import * as Plot from '@observablehq/plot';
import type { Figure } from '../lab/study/study.ts';
import { placeLabels, textWidth } from './lab-labels.ts';
import { fixed, known } from './numbers.ts';
import { draw } from './plot.ts';

type Lines = Extract<Figure, { kind: 'lines' }>;
type Heat = Extract<Figure, { kind: 'heat' }>;
type Dots = Extract<Figure, { kind: 'dots' }>;
type Range = readonly [low: number, high: number];

/** A figure of the lab, drawn. */
export interface LabChart {
  readonly svg: string;
  /** Which colour is which line. */
  readonly keys: readonly { readonly name: string; readonly colour: string }[];
  /** What the drawing itself wants said: how it shows what, and what it leaves out. */
  readonly note: string | null;
}

/** Okabe and Ito's colours in an order in which neighbours are told apart, and two more. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a939c', '#a05a2c'];
const WIDTH = 480;
const AXIS = { labelArrow: 'none', labelAnchor: 'center', grid: true, tickFormat: percent } as const;
const X_AXIS = { ...AXIS, labelOffset: 36, inset: 24 } as const;
const Y_AXIS = { ...AXIS, labelOffset: 68 } as const;
const MARGINS = { marginLeft: 76, marginRight: 24, marginTop: 20, marginBottom: 42 } as const;

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

/** 0.625 → `62.5 %`, 0.5 → `50 %`: as many decimals as the ticks need to differ. */
function percent(value: number): string {
  return `${String(Number((100 * value).toFixed(2)) || 0).replace('-', '−')} %`;
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

function dots({ x, y, points, diagonal = false }: Dots, labelledBy: string): LabChart {
  const height = 380;
  const fontSize = 11;
  const [insetX, insetY] = [24, 18];
  const shown = points.filter((point) => known(point.x) && known(point.y));
  // Where signs are compared, zero is in sight.
  const zero = diagonal ? [0] : [];
  const xs = extent([...shown.map((point) => point.x), ...zero]);
  const ys = extent([...shown.map((point) => point.y), ...zero]);
  const frame = {
    left: MARGINS.marginLeft,
    right: WIDTH - MARGINS.marginRight,
    top: MARGINS.marginTop,
    bottom: height - MARGINS.marginBottom,
  };
  const spots = shown.map((point) => ({
    name: point.name,
    x: frame.left + insetX + part(point.x, xs) * (frame.right - frame.left - 2 * insetX),
    y: frame.bottom - insetY - part(point.y, ys) * (frame.bottom - frame.top - 2 * insetY),
  }));
  const labels = placeLabels(spots, frame, fontSize);
  const ends: Range = [Math.max(xs[0], ys[0]), Math.min(xs[1], ys[1])];
  const faint = { stroke: 'currentColor', strokeOpacity: 0.4 } as const;
  const svg = draw(
    {
      ...MARGINS,
      width: WIDTH,
      height,
      x: { ...X_AXIS, label: x, domain: xs, inset: insetX },
      y: { ...Y_AXIS, label: y, domain: ys, inset: insetY },
      marks: [
        diagonal ? [Plot.ruleX([0], faint), Plot.ruleY([0], faint)] : null,
        diagonal && ends[0] < ends[1]
          ? Plot.line(
              ends.map((end) => [end, end]),
              { ...faint, strokeDasharray: '4 4' },
            )
          : null,
        shown.map((point, i) => {
          const label = labels[i];
          if (!label?.far) return null;
          const [dx, dy] = [0.5 * label.dx, 0.8 * label.dy];
          return Plot.vectorX([point], {
            x: 'x',
            y: 'y',
            length: Math.hypot(dx, dy),
            rotate: (Math.atan2(dx, -dy) * 180) / Math.PI,
            anchor: 'start',
            shape: STROKE,
            strokeWidth: 0.75,
            ...faint,
          });
        }),
        Plot.dot(shown, { x: 'x', y: 'y', fill: 'var(--accent)', r: 4, title: 'name' }),
        shown.map((point, i) => {
          const label = labels[i];
          if (label == null) return null;
          const { dx, dy } = label;
          return Plot.text([point], {
            x: 'x',
            y: 'y',
            text: 'name',
            dx,
            dy,
            fontSize,
            fill: 'currentColor',
            stroke: 'var(--paper)',
          });
        }),
      ],
    },
    labelledBy,
  );
  const hidden = labels.filter((label) => label === null).length;
  return {
    svg,
    keys: [],
    note: hidden === 0 ? null : 'Names that would cover others show where the pointer rests on a dot.',
  };
}

/** A plain stroke as a vector's shape. */
const STROKE: Plot.VectorShapeImplementation = {
  draw(context, length) {
    context.moveTo(0, 0);
    context.lineTo(0, -length);
  },
};

function hasInterval<T extends { readonly low?: number | null; readonly high?: number | null }>(
  point: T,
): point is T & { readonly low: number; readonly high: number } {
  return known(point.low) && known(point.high);
}

/** Least and greatest of what is known, apart from one another even where there is only one or none. */
function extent(values: readonly number[]): Range {
  const some = values.filter(known);
  if (some.length === 0) return [0, 1];
  const [low, high] = [Math.min(...some), Math.max(...some)];
  return low < high ? [low, high] : [low - 0.01, high + 0.01];
}

function part(value: number, [low, high]: Range): number {
  return (value - low) / (high - low);
}
