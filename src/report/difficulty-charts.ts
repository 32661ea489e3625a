import * as Plot from '@observablehq/plot';
import { type Bin, histogram } from '../stats/histogram.ts';
import { hasOneCut, type ReportData } from './data.ts';
import { fixed, keepPercent, known } from './numbers.ts';
import { bilingual, type Chart, draw } from './plot.ts';
import { scorerName } from './scorer.ts';
import { words } from './words.ts';

const BINS = 48;
/** How the difficulty is spread, with the cut and the loss of a guess. */
export function difficultyChart(data: ReportData): Chart | null {
  const { difficulty, selection } = data;
  const scorer = scorerName(data);
  if (difficulty.values.length === 0) return null;
  const cut = hasOneCut(selection) ? selection.threshold : Number.POSITIVE_INFINITY;
  const bins = histogramAround(difficulty.values, cut);
  const width = bins[0]!.high - bins[0]!.low || 1;
  const bars = bins.flatMap(({ low, high, count }) => {
    // Pairs that lie exactly on the cut are kept, though their bin begins there.
    const below = difficulty.values.filter(
      (x) => x >= low && x <= Math.min(high, cut) && (x < high || x === bins.at(-1)!.high),
    );
    const x1 = low;
    const x2 = high > low ? high : low + width / 2;
    return [
      { x1, x2, y1: 0, y2: below.length, fill: 'var(--accent)' },
      { x1, x2, y1: below.length, y2: count, fill: 'var(--muted)' },
    ].filter((bar) => bar.y2 > bar.y1);
  });
  const top = Math.max(...bins.map((bin) => bin.count));
  const pairs = fixed(difficulty.values.length, 0);
  const keep = keepPercent(selection.keepFraction);
  const guess = bilingual({ en: 'ln 2 (a guess)', ja: 'ln 2（当て推量）' });
  const edge = bilingual({ en: `cut ${fixed(cut, 3)}`, ja: `しきい値 ${fixed(cut, 3)}` });
  const rules = [
    ...(scorer === null ? [{ x: Math.LN2, text: guess, level: 1.07, dash: '4 3' }] : []),
    ...(known(cut) ? [{ x: cut, text: edge, level: 1.17, dash: 'none' }] : []),
  ];
  const blue = known(cut)
    ? {
        en: ` Blue: at or below the cut (keep fraction ${keep}).`,
        ja: `青はしきい値以下（採用率 ${keep}）。`,
      }
    : { en: '', ja: '' };
  const beyond =
    scorer === null
      ? {
          en: ' Right of ln 2, models that did not train on the pair contradict its label.',
          ja: 'ln 2 より右は、そのペアで学習していないモデルがラベルと逆の判断をしたペアです。',
        }
      : { en: ` By ${scorer.en}.`, ja: `尺度：${scorer.ja}。` };
  return {
    id: 'difficulty',
    caption: {
      en: `Difficulty of the ${pairs} pairs of the pool, low is easy.${blue.en}${beyond.en}`,
      ja: `選別対象 ${pairs} 件の難易度（低いほど易しい）。${blue.ja}${beyond.ja}`,
    },
    svg: draw(
      {
        height: 300,
        marginLeft: 48,
        marginBottom: 44,
        x: {
          label: bilingual(scorer === null ? words.difficulty : words.difficultyByScorer),
          labelArrow: 'none',
          labelAnchor: 'center',
          insetLeft: 4,
          insetRight: 4,
        },
        y: {
          label: bilingual(words.pairs),
          labelArrow: 'none',
          domain: [0, 1.22 * top],
          ticks: 5,
          grid: true,
        },
        marks: [
          Plot.rect(bars, {
            x1: 'x1',
            x2: 'x2',
            y1: 'y1',
            y2: 'y2',
            fill: 'fill',
            insetLeft: 0.5,
            insetRight: 0.5,
          }),
          ...rules.map((rule) =>
            Plot.ruleX([rule], {
              x: 'x',
              y1: 0,
              y2: rule.level * top,
              stroke: 'currentColor',
              strokeDasharray: rule.dash,
            }),
          ),
          Plot.text(rules, {
            x: 'x',
            y: (rule: { level: number }) => rule.level * top,
            text: 'text',
            textAnchor: 'start',
            dx: 5,
            stroke: 'var(--paper)',
            fill: 'currentColor',
          }),
          Plot.ruleY([0]),
        ],
      },
      'chart-difficulty',
    ),
  };
}

/** Bins with an edge at the cut, so that the colours meet there. */
function histogramAround(values: readonly number[], cut: number): Bin[] {
  const { low, high } = histogram(values, 1)[0]!;
  const width = (high - low) / BINS;
  if (!(width > 0) || !(cut > low && cut < high)) return histogram(values, BINS);
  // One bin to spare on either side, against rounding at the outermost values.
  const before = Math.ceil((cut - low) / width) + 1;
  const after = Math.ceil((high - cut) / width) + 1;
  const bins = histogram(values, before + after, [cut - before * width, cut + after * width]);
  const filled = bins.map((bin) => bin.count > 0);
  return bins.slice(filled.indexOf(true), filled.lastIndexOf(true) + 1);
}

/** Difficulty by one measurement against the other. */
export function agreementChart({ difficulty }: ReportData): Chart | null {
  const points = difficulty.agreement.filter(([a, b]) => known(a) && known(b));
  if (points.length < 2) return null;
  const all = points.flat();
  const domain = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const seeds = difficulty.reliabilityBetween === 'seeds';
  const loss = difficulty.scorer === undefined;
  const rho = fixed(difficulty.spearman, 2);
  const axis = { domain, labelArrow: 'none', ticks: 5, grid: true, inset: 5 } as const;
  return {
    id: 'agreement',
    caption: {
      en: `Agreement of the difficulty between ${seeds ? 'two seeds' : 'two measurements'}, ${fixed(points.length, 0)} pairs: on the line both say the same. Rank correlation ${rho}.`,
      ja: `${seeds ? '二つのシード' : '二つの測定'}の間での難易度の一致（${fixed(points.length, 0)} 件）。線上は両者が同じ値です。順位相関 ${rho}。`,
    },
    svg: draw(
      {
        height: 300,
        marginLeft: 48,
        marginBottom: 44,
        x: {
          ...axis,
          label: bilingual(seeds ? (loss ? words.seedOne : words.seedOneScorer) : words.oneRun),
          labelAnchor: 'center',
          labelOffset: 38,
        },
        y: {
          ...axis,
          label: bilingual(seeds ? (loss ? words.seedTwo : words.seedTwoScorer) : words.otherRun),
        },
        marks: [
          Plot.dot(points, { x: '0', y: '1', r: 1.6, fill: 'var(--accent)', fillOpacity: 0.35 }),
          Plot.line(
            [domain, domain].map((_, i) => [domain[i], domain[i]]),
            { stroke: 'currentColor', strokeDasharray: '4 3' },
          ),
        ],
      },
      'chart-agreement',
    ),
  };
}
