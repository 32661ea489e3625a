import * as Plot from '@observablehq/plot';
import type { ArmResult, Interval, ReportData } from './data.ts';
import { fixed, known } from './numbers.ts';
import { bilingual, type Chart, draw } from './plot.ts';
import { armLabel } from './table.ts';
import { type Both, words } from './words.ts';

/** A value axis whose label stays clear of its ticks. */
const VALUES = { labelArrow: 'none', labelAnchor: 'center', labelOffset: 36, grid: true } as const;

/** One share of every arm: a dot for the value, whiskers for its interval. */
export function armChart(
  { arms }: ReportData,
  id: string,
  caption: Both,
  of: (arm: ArmResult) => Interval | null,
  rule: number | null,
): Chart | null {
  const rows = arms.flatMap((arm) => {
    const interval = of(arm);
    if (interval === null || ![interval.value, interval.low, interval.high].every(known)) return [];
    const { value, low, high } = interval;
    return [
      { ...armRow(arm), value: 100 * value, low: 100 * low, high: 100 * high, text: fixed(100 * value, 1) },
    ];
  });
  if (rows.length === 0) return null;
  return {
    id,
    caption,
    svg: draw(
      {
        ...armAxis(rows),
        x: { ...VALUES, label: '%', ticks: 6, inset: 12 },
        marks: [
          rule === null ? null : Plot.ruleX([rule], { stroke: 'currentColor', strokeDasharray: '4 3' }),
          Plot.ruleY(rows, { y: 'arm', x1: 'low', x2: 'high', stroke: 'colour', strokeWidth: 2 }),
          Plot.tickX(rows, { y: 'arm', x: 'low', stroke: 'colour', inset: 9 }),
          Plot.tickX(rows, { y: 'arm', x: 'high', stroke: 'colour', inset: 9 }),
          Plot.dot(rows, { y: 'arm', x: 'value', fill: 'colour', r: 4.5 }),
          Plot.text(rows, {
            y: 'arm',
            x: 'value',
            text: 'text',
            dy: -12,
            fill: 'currentColor',
            stroke: 'var(--paper)',
            fontSize: 11,
          }),
        ],
      },
      `chart-${id}`,
    ),
  };
}

export function pairLengthChart({ selection: { lengths } }: ReportData): Chart | null {
  const rows = ([words.pool, words.kept] as const).flatMap((set, i) =>
    (['chosen', 'rejected'] as const).map((side) => ({
      set: bilingual(set),
      side,
      value: (i === 0 ? lengths.pool : lengths.kept)[side],
    })),
  );
  if (!rows.every((row) => known(row.value))) return null;
  return {
    id: 'pair-lengths',
    caption: {
      en: 'Mean length of the pairs’ answers before and after selection: a selection that only picks long or short answers shows here.',
      ja: '選別の前後でのペアの回答の平均長。長い（短い）回答ばかりを選んでいないかを確認できます。',
    },
    svg: draw(
      {
        height: 180,
        marginLeft: 150,
        marginBottom: 42,
        x: {
          ...VALUES,
          label: bilingual(words.tokens),
          domain: [0, 1.12 * Math.max(...rows.map((row) => row.value), 1)],
        },
        y: { label: null, padding: 0.2 },
        fy: {
          label: null,
          domain: [bilingual(words.pool), bilingual(words.kept)],
          axis: 'left',
          padding: 0.15,
        },
        marks: [
          Plot.barX(rows, {
            fy: 'set',
            y: 'side',
            x: 'value',
            fill: (row: { side: string }) => (row.side === 'chosen' ? 'var(--accent)' : 'var(--second)'),
          }),
          Plot.text(rows, {
            fy: 'set',
            y: 'side',
            x: 'value',
            text: (row: { value: number }) => fixed(row.value, 1),
            textAnchor: 'start',
            dx: 4,
            fill: 'currentColor',
          }),
          Plot.text(rows, {
            fy: 'set',
            y: 'side',
            x: 0,
            text: (row: { side: 'chosen' | 'rejected' }) => bilingual(words[row.side]),
            textAnchor: 'start',
            dx: 5,
            fill: 'var(--paper)',
            fontSize: 11,
          }),
          Plot.axisY({ label: null, ticks: [] }),
        ],
      },
      'chart-pair-lengths',
    ),
  };
}

export function answerLengthChart({ arms }: ReportData): Chart | null {
  const rows = arms.flatMap((arm) => {
    const value = arm.meanLengthTokens;
    return known(value) ? [{ ...armRow(arm), value, text: fixed(value, 1) }] : [];
  });
  if (rows.length === 0) return null;
  return {
    id: 'answer-lengths',
    caption: {
      en: 'Mean length of the answers that each arm generates.',
      ja: '各条件が生成する回答の平均長。',
    },
    svg: draw(
      {
        ...armAxis(rows),
        x: {
          ...VALUES,
          label: bilingual(words.tokens),
          domain: [0, 1.12 * Math.max(...rows.map((row) => row.value), 1)],
        },
        marks: [
          Plot.barX(rows, { y: 'arm', x: 'value', fill: 'colour', insetTop: 6, insetBottom: 6 }),
          Plot.text(rows, {
            y: 'arm',
            x: 'value',
            text: 'text',
            textAnchor: 'start',
            dx: 4,
            fill: 'currentColor',
          }),
        ],
      },
      'chart-answer-lengths',
    ),
  };
}

function armRow(arm: ArmResult): { readonly arm: string; readonly colour: string } {
  return {
    arm: bilingual(armLabel(arm)),
    colour: arm.name === 'selected' ? 'var(--accent)' : 'var(--muted)',
  };
}

/** One line an arm, in the order of the table. */
function armAxis(rows: readonly { readonly arm: string }[]): Plot.PlotOptions {
  return {
    height: 66 + 34 * rows.length,
    marginLeft: 150,
    marginBottom: 42,
    y: { label: null, domain: rows.map((row) => row.arm), tickSize: 0 },
  };
}
