import { FEATURES } from '../pairs/survey/features.ts';
import type { Spread } from '../pairs/survey/survey.ts';
import type { CheckData } from './check-data.ts';
import { checkFindings } from './check-sentences.ts';
import { findings, page, type ShownFirst } from './frame.ts';
import { both, type Html, html } from './html.ts';
import { languageName } from './language-names.ts';
import { count, fixed, MISSING, percent } from './numbers.ts';
import { type Both, term } from './words.ts';

/** What is in preference data as one HTML file in English and Japanese. */
export function renderCheck(data: CheckData, language: ShownFirst = 'auto'): string {
  const { source, model, survey, tokens } = data;
  const frame = {
    title: `Winnow check: ${source.file}`,
    heading: { en: 'What is in the data', ja: 'データの確認' },
    subtitle: {
      en: `${source.file} (${source.format})${model === null ? '' : `, under the tokenizer of ${model}`}`,
      ja: `${source.file}（${source.format}）${model === null ? '' : `、${model} のトークナイザーで確認`}`,
    },
    language,
  };
  const main = html`<section class="verdict neutral">
<h2>${both({ en: 'What it says', ja: 'わかったこと' })}</h2>
${findings(checkFindings(data))}
</section>
<section><h2>${both({ en: 'Lengths', ja: '長さ' })}</h2>
${spreads([
  [{ en: 'Prompt, characters', ja: 'プロンプト（文字）' }, survey.lengths.prompt],
  [{ en: 'Chosen, characters', ja: '良い回答（文字）' }, survey.lengths.chosen],
  [{ en: 'Rejected, characters', ja: '悪い回答（文字）' }, survey.lengths.rejected],
  [{ en: 'Chosen − rejected, characters', ja: '良い − 悪い（文字）' }, survey.lengths.difference],
  ...(tokens === null
    ? []
    : ([
        [{ en: 'Prompt, tokens', ja: 'プロンプト（トークン）' }, tokens.prompt],
        [{ en: 'Chosen, tokens', ja: '良い回答（トークン）' }, tokens.chosen],
        [{ en: 'Rejected, tokens', ja: '悪い回答（トークン）' }, tokens.rejected],
        [{ en: 'Prompt and longer answer, tokens', ja: 'プロンプト＋長い回答（トークン）' }, tokens.longest],
      ] as const)),
])}
</section>
<section><h2>${both({ en: 'What form alone tells', ja: '形式だけでわかること' })}</h2>
<p class="caption">${both({
    en: 'AUC of telling chosen from rejected: 0.5 is nothing, 1 is everything; below 0.5 the chosen answers have less. All together: logistic regression, told of pairs whose prompts it did not see.',
    ja: '良い回答を見分ける AUC。0.5 は手がかりなし、1 は完全。0.5 未満は良い回答の方が少ないことを示します。「全体」はロジスティック回帰で、学習に使わないプロンプトのペアで測りました。',
  })}</p>
${shortcutTable(data)}
</section>
<div class="columns">
<div>${shares({ en: 'Languages of prompts, guessed', ja: 'プロンプトの言語（推定）' }, survey.languages.prompt, languageName)}</div>
<div>${shares({ en: 'Languages of chosen answers, guessed', ja: '良い回答の言語（推定）' }, survey.languages.chosen, languageName)}</div>
${survey.meta.categories.map(({ column, values }) => html`<div>${shares({ en: column, ja: column }, values, (name) => ({ en: name, ja: name }))}</div>`)}
</div>
${refusedSection(data)}
<section><h2>${both({ en: 'How it was done', ja: '実施条件' })}</h2>
<pre>${data.command}</pre>
<p>winnow ${data.version}, SHA-256 ${source.sha256}</p>
${data.notes.map((note) => html`<p>${note}</p>`)}
</section>`;
  return page(frame, main);
}

function table(head: readonly Both[], rows: readonly (readonly [Both, ...string[]])[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="table"><table><thead><tr>${head.map((cell) => html`<th scope="col">${both(cell)}</th>`)}</tr></thead>
<tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${both(name)}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

function spreads(rows: readonly (readonly [Both, Spread | null])[]): Html {
  return table(
    [
      { en: 'Of', ja: '対象' },
      { en: 'Mean', ja: '平均' },
      { en: 'Least', ja: '最小' },
      { en: 'Median', ja: '中央値' },
      { en: '95 %', ja: '95 % 点' },
      { en: 'Most', ja: '最大' },
    ],
    rows.map(([name, spread]) =>
      spread === null
        ? [name, MISSING, MISSING, MISSING, MISSING, MISSING]
        : [
            name,
            fixed(spread.mean, 1),
            count(spread.min),
            count(spread.median),
            count(spread.p95),
            count(spread.max),
          ],
    ),
  );
}

function shortcutTable({ survey: { shortcut } }: CheckData): Html {
  const cells = (auc: { value: number; low: number | null; high: number | null } | null): [string, string] =>
    auc === null
      ? [MISSING, MISSING]
      : [fixed(auc.value, 3), auc.low === null ? MISSING : `${fixed(auc.low, 3)}–${fixed(auc.high, 3)}`];
  return table(
    [
      { en: 'Feature', ja: '特徴' },
      { en: 'AUC', ja: 'AUC' },
      { en: '95 %', ja: '95 % 区間' },
    ],
    [
      [{ en: 'All together', ja: '全体' }, ...cells(shortcut.all)],
      ...FEATURES.map((feature, k): [Both, string, string] => [
        { en: `Chosen answers ${feature.more.en}`, ja: `良い回答の方が${feature.more.ja}` },
        ...cells(shortcut.alone[k] ?? null),
      ]),
    ],
  );
}

function shares(title: Both, counts: Readonly<Record<string, number>>, name: (key: string) => Both): Html {
  const entries = Object.entries(counts);
  const total = entries.reduce((sum, [, n]) => sum + n, 0);
  return html`<h3>${both(title)}</h3>${table(
    [
      { en: 'Value', ja: '値' },
      { en: 'Pairs', ja: 'ペア数' },
      { en: 'Share', ja: '割合' },
    ],
    entries.map(([key, n]) => [name(key), count(n), percent(n / total)]),
  )}`;
}

function refusedSection({ refusedRows, refused }: CheckData): Html | null {
  if (refused === 0) return null;
  return html`<section><h2>${both({ en: 'Rows that cannot be used', ja: '使用できない行' })}</h2>
<p class="caption">${both({
    en: `${count(refused)} in all; the first of each cause. refused.jsonl has them all.`,
    ja: `全 ${count(refused)} 行。理由ごとの最初の数行です。すべては refused.jsonl にあります。`,
  })}</p>
<div class="scroll" tabindex="0" role="region" aria-label="refused"><table><thead><tr><th scope="col">${both({ en: 'Row', ja: '行' })}</th><th scope="col" class="text">${both({ en: 'Cause', ja: '理由' })}</th><th scope="col" class="text">${both({ en: 'What was found, and what to do', ja: '内容と対処' })}</th></tr></thead>
<tbody>${refusedRows.map(({ row, cause, message, remedy }) => html`<tr><th scope="row">${String(row)}</th><td class="text">${both(term(cause))}</td><td class="text">${message}. ${remedy}</td></tr>`)}</tbody></table></div>
</section>`;
}
