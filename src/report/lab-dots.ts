import * as Plot from '@observablehq/plot';
import type { Figure } from '../lab/study/study.ts';
import { extent, type LabChart, MARGINS, type Range, WIDTH, X_AXIS, Y_AXIS } from './lab-axes.ts';
import { placeLabels } from './lab-labels.ts';
import { known } from './numbers.ts';
import { draw } from './plot.ts';

type Dots = Extract<Figure, { kind: 'dots' }>;

/** Named dots; a name stands where it covers nothing, or shows where the pointer rests. */
export function dots({ x, y, points, diagonal = false }: Dots, labelledBy: string): LabChart {
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

function part(value: number, [low, high]: Range): number {
  return (value - low) / (high - low);
}
