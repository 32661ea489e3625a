import * as Plot from '@observablehq/plot';
import type { BenchmarkData } from './benchmark-data.ts';
import { publishedValue } from './benchmark-published.ts';
import { benchmarkTrust, benchmarkVerdicts } from './benchmark-verdict.ts';
import { figure, findings, page, type ShownFirst } from './frame.ts';
import { both, type Html, html } from './html.ts';
import { lengthText } from './length-sentence.ts';
import { count, fixed, MISSING, percent } from './numbers.ts';
import { bilingual, type Chart, draw } from './plot.ts';
import { type Sentence, say } from './sentences.ts';
import type { Both } from './words.ts';

/** A benchmark's result as one HTML file in English and Japanese. */
export function renderBenchmark(data: BenchmarkData, language: ShownFirst = 'auto'): string {
  const { benchmark, judge, opponent, duels } = data;
  const against = (word: string) => (opponent === null ? '' : ` ${word} ${opponent}`);
  const frame = {
    title: `Winnow: ${benchmark.name}`,
    heading: { en: 'Judged answers', ja: '回答の比較判定' },
    subtitle: {
      en: `${count(benchmark.questions)} questions of ${benchmark.file}, judged by ${judge.name}${against('against')}`,
      ja: `${benchmark.file} の質問 ${count(benchmark.questions)} 件、判定 ${judge.name}${against('相手')}`,
    },
    language,
  };
  const main = html`<section class="verdict neutral">
<h2>${both({ en: 'What it says', ja: 'わかったこと' })}</h2>
${findings(benchmarkVerdicts(data))}
</section>
<section>
<h2>${both({ en: 'Models', ja: 'モデル' })}</h2>
${duels === null ? gradeTable(data) : duelTable(data)}
<div class="charts">${charts(data).map(figure)}</div>
</section>
${trustSection(data)}
<section>
<h2>${both({ en: 'How it was done', ja: '実施条件' })}</h2>
${findings(conditions(data))}
</section>`;
  return page(frame, main);
}

function conditions(data: BenchmarkData): Sentence[] {
  const { spending, seed, version, command, notes, licence, judge } = data;
  const usd = (value: number | null) => (value === null ? '' : `, ${fixed(value, 2)} USD`);
  return [
    say(
      'neutral',
      `winnow ${version}, seed ${seed}: ${command}`,
      `winnow ${version}、シード ${seed}：${command}`,
    ),
    ...(judge.template === null
      ? []
      : [say('neutral', `Judge’s prompt: ${judge.template}`, `判定用プロンプト：${judge.template}`)]),
    ...(spending === null
      ? []
      : [
          say(
            'neutral',
            `${count(spending.paid)} questions paid, ${count(spending.cached)} answered by the cache; ${count(spending.promptTokens)} tokens in, ${count(spending.completionTokens)} out${usd(spending.usd)}.`,
            `課金された質問 ${count(spending.paid)} 件、キャッシュ ${count(spending.cached)} 件。入力 ${count(spending.promptTokens)} トークン、出力 ${count(spending.completionTokens)} トークン${usd(spending.usd)}。`,
          ),
        ]),
    ...(licence === null ? [] : [say('warn', licence, licence)]),
    ...notes.map((note) => say('neutral', note, note)),
  ];
}

interface Cells {
  readonly heading: Both;
  readonly cells: readonly string[];
}

function table(names: readonly string[], columns: readonly Cells[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Models"><table><thead><tr><th scope="col">${both({ en: 'Model', ja: 'モデル' })}</th>${columns.map(({ heading }) => html`<th scope="col">${both(heading)}</th>`)}</tr></thead>
<tbody>${names.map((name, i) => html`<tr><th scope="row">${name}</th>${columns.map(({ cells }) => html`<td>${cells[i] ?? MISSING}</td>`)}</tr>`)}</tbody></table></div>`;
}

function trustSection(data: BenchmarkData): Html | null {
  const told = benchmarkTrust(data);
  if (told.length === 0) return null;
  return html`<section>
<h2>${both({ en: 'How far the judge can be trusted', ja: '判定の信頼性' })}</h2>
${findings(told)}
</section>`;
}

function duelTable({ duels, published }: BenchmarkData): Html {
  const models = duels?.models ?? [];
  const own = publishedValue(published);
  const names = models.map(({ model }) => model);
  return table(names, [
    {
      heading: { en: 'Win rate', ja: '勝率' },
      cells: models.map(({ winRate }) =>
        winRate === null
          ? MISSING
          : `${percent(winRate.value)} (${fixed(100 * winRate.low, 1)}–${fixed(100 * winRate.high, 1)})`,
      ),
    },
    {
      heading: { en: 'Length-controlled', ja: '長さ補正後' },
      cells: models.map(({ lengthControlled }) =>
        lengthControlled === null
          ? MISSING
          : `${percent(lengthControlled.winRate)}${lengthControlled.standardError === null ? '' : ` ± ${fixed(100 * lengthControlled.standardError, 1)}`}`,
      ),
    },
    ...(own === null
      ? []
      : [
          {
            heading: { en: own.heading, ja: own.heading },
            cells: models.map((row) => fixed(own.of(row), own.digits)),
          },
        ]),
    { heading: { en: 'Rank', ja: '順位' }, cells: models.map(({ rank }) => rankText(rank)) },
    {
      heading: { en: 'Length (characters)', ja: '長さ（文字）' },
      cells: models.map(({ lengths }) =>
        lengths === null
          ? MISSING
          : `${lengthText(lengths.meanLength.model)} / ${lengthText(lengths.meanLength.opponent)}`,
      ),
    },
    { heading: { en: 'Ended', ja: '完結率' }, cells: models.map(({ endedShare }) => percent(endedShare)) },
    { heading: { en: 'Judged', ja: '判定数' }, cells: models.map(({ verdicts }) => count(verdicts)) },
    {
      heading: { en: 'No verdict / answer', ja: '判定なし／回答なし' },
      cells: models.map(
        ({ withoutVerdict, unanswered }) => `${count(withoutVerdict)} / ${count(unanswered)}`,
      ),
    },
  ]);
}

function gradeTable({ grades }: BenchmarkData): Html {
  const models = grades?.models ?? [];
  return table(
    models.map(({ model }) => model),
    [
      { heading: { en: 'Turn 1', ja: '第 1 ターン' }, cells: models.map(({ turns }) => fixed(turns[0], 2)) },
      { heading: { en: 'Turn 2', ja: '第 2 ターン' }, cells: models.map(({ turns }) => fixed(turns[1], 2)) },
      {
        heading: { en: 'Mean', ja: '平均' },
        cells: models.map(({ mean }) =>
          mean === null ? MISSING : `${fixed(mean.value, 2)} (${fixed(mean.low, 2)}–${fixed(mean.high, 2)})`,
        ),
      },
      { heading: { en: 'Rank', ja: '順位' }, cells: models.map(({ rank }) => rankText(rank)) },
      {
        heading: { en: 'Length (characters)', ja: '長さ（文字）' },
        cells: models.map(({ meanLengthChars }) => count(meanLengthChars)),
      },
      { heading: { en: 'Ratings', ja: '評点数' }, cells: models.map(({ ratings }) => count(ratings)) },
      {
        heading: { en: 'No rating / answer', ja: '評点なし／回答なし' },
        cells: models.map(
          ({ withoutVerdict, unanswered }) => `${count(withoutVerdict)} / ${count(unanswered)}`,
        ),
      },
    ],
  );
}

function rankText(rank: { readonly best: number; readonly worst: number } | null): string {
  if (rank === null) return MISSING;
  return rank.best === rank.worst ? String(rank.best) : `${rank.best}–${rank.worst}`;
}

function charts({ duels, grades }: BenchmarkData): Chart[] {
  const rows =
    duels !== null
      ? duels.models.flatMap(({ model, winRate, lengthControlled }) => [
          ...(winRate === null ? [] : [{ model, kind: 'raw', ...scaled(winRate, 100) }]),
          ...(lengthControlled === null
            ? []
            : [
                {
                  model,
                  kind: 'controlled',
                  ...scaled(normalInterval(lengthControlled), 100),
                },
              ]),
        ])
      : (grades?.models ?? []).flatMap(({ model, mean }) =>
          mean === null ? [] : [{ model, kind: 'raw', ...scaled(mean, 1) }],
        );
  if (rows.length === 0) return [];
  const isShare = duels !== null;
  return [
    {
      id: 'models',
      caption: isShare
        ? {
            en: 'Win rates with 95 % intervals over questions. Filled: as judged. Hollow: at equal length. The dashed line is the opponent.',
            ja: '勝率と 95 % 区間（質問による）。塗り：判定のまま、白抜き：長さ補正後。破線は相手。',
          }
        : {
            en: 'Mean ratings with 95 % intervals over questions.',
            ja: '評点の平均と 95 % 区間（質問による）。',
          },
      svg: draw(
        {
          height: 60 + 46 * new Set(rows.map(({ model }) => model)).size,
          marginLeft: 130,
          marginBottom: 44,
          x: {
            label: isShare ? '%' : bilingual({ en: 'rating', ja: '評点' }),
            labelArrow: 'none',
            labelAnchor: 'center',
            labelOffset: 36,
            grid: true,
            inset: 12,
          },
          y: { label: null, domain: [...new Set(rows.map(({ model }) => model))] },
          marks: [
            isShare ? Plot.ruleX([50], { stroke: 'currentColor', strokeDasharray: '4 3' }) : null,
            ...(['raw', 'controlled'] as const).flatMap((kind) => {
              const own = rows.filter((row) => row.kind === kind);
              const dy = kind === 'raw' ? -6 : 8;
              return [
                Plot.ruleY(own, {
                  y: 'model',
                  x1: 'low',
                  x2: 'high',
                  stroke: 'var(--accent)',
                  strokeWidth: 2,
                  dy,
                }),
                Plot.dot(own, {
                  y: 'model',
                  x: 'value',
                  r: 4.5,
                  stroke: 'var(--accent)',
                  strokeWidth: 1.5,
                  fill: kind === 'raw' ? 'var(--accent)' : 'var(--paper)',
                  dy,
                }),
              ];
            }),
          ],
        },
        'chart-models',
      ),
    },
  ];
}

function normalInterval({ winRate, standardError }: { winRate: number; standardError: number | null }) {
  const half = 1.96 * (standardError ?? 0);
  return { value: winRate, low: Math.max(0, winRate - half), high: Math.min(1, winRate + half) };
}

function scaled({ value, low, high }: { value: number; low: number; high: number }, by: number) {
  return { value: by * value, low: by * low, high: by * high };
}
