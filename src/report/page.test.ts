import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { ReportData } from './data.ts';
import { fixtureWithEffects } from './effects.fixture.ts';
import { fixtureReport, fixtureWithoutGold, fixtureWithRewardModel } from './fixture.ts';
import { renderReport } from './page.ts';
import { reportText } from './text.ts';
import { reasons } from './words.ts';

const page = (data: ReportData) => {
  const markup = renderReport(data);
  return { markup, document: parseHTML(markup).document };
};
const alone = (): ReportData => {
  const data = fixtureReport();
  return {
    ...data,
    arms: data.arms.slice(1, 2),
    comparisons: [],
    difficulty: { ...data.difficulty, agreement: [], spearman: null, overlap: null },
  };
};
const cases = [
  ['with a gold judge', fixtureReport()],
  ['without', fixtureWithoutGold()],
  ['with a reward model', fixtureWithRewardModel()],
  ['one arm only', alone()],
  ['with side effects, dropped pairs, shares and cost', fixtureWithEffects()],
] as const;

describe.each(cases)('renderReport %s', (_, data) => {
  const { markup, document } = page(data);

  test('every arm has a row, in order, under every heading', () => {
    const rows = [...document.querySelectorAll('table.arms tbody tr')];
    expect(rows.map((row) => row.getAttribute('data-arm'))).toEqual(data.arms.map((arm) => arm.name));
    const headings = document.querySelectorAll('table.arms thead th').length;
    for (const row of rows) expect(row.querySelectorAll('th, td').length).toBe(headings);
  });

  test('every text is there in both languages', () => {
    expect(document.querySelectorAll('span[lang=en]').length).toBeGreaterThan(60);
    expect(document.querySelectorAll('span[lang=en]').length).toBe(
      document.querySelectorAll('span[lang=ja]').length,
    );
    expect(document.querySelectorAll('tspan[lang=en]').length).toBe(
      document.querySelectorAll('tspan[lang=ja]').length,
    );
    for (const span of document.querySelectorAll('span[lang=en]'))
      expect(span.textContent).not.toMatch(/\p{sc=Han}/u);
  });

  test('shows no value that is none', () => {
    expect(markup).not.toMatch(/NaN|undefined|Infinity|\[object/);
    expect(markup).not.toContain('\u001f');
    expect(document.body.textContent).not.toMatch(/\bnull\b/);
  });

  test('asks for nothing outside itself', () => {
    expect(markup).not.toMatch(/https?:|@import|url\((?!#)|\b(?:src|srcset)=|<link/i);
    expect(
      document.querySelector('meta[http-equiv=Content-Security-Policy]')?.getAttribute('content'),
    ).toContain("default-src 'none'");
  });

  test('figures have captions that name them, tables have headed columns', () => {
    for (const figure of document.querySelectorAll('figure')) {
      const id = figure.querySelector('figcaption')?.id;
      expect(figure.querySelector('svg')?.getAttribute('aria-labelledby')).toBe(id);
    }
    for (const table of document.querySelectorAll('table')) {
      expect(table.querySelectorAll('thead th[scope=col]').length).toBeGreaterThan(1);
      for (const row of table.querySelectorAll('tbody tr'))
        expect(row.querySelector('th[scope=row]')).not.toBeNull();
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('renderReport', () => {
  test('the verdict comes first, then reliability, then the arms', () => {
    const { document } = page(fixtureReport());
    const headings = [...document.querySelectorAll('h2')].map((h2) => h2.textContent);
    expect(headings.slice(0, 3)).toEqual([
      expect.stringContaining('Verdict'),
      expect.stringContaining('How reliable'),
      expect.stringContaining('The arms'),
    ]);
  });

  test('charts: all with a gold judge, only those with data without', () => {
    const ids = (data: ReportData) =>
      [...page(data).document.querySelectorAll('figure')].map((figure) => figure.id);
    const without = ['difficulty', 'agreement', 'held-out-accuracy', 'pair-lengths', 'answer-lengths'];
    expect(ids(fixtureWithoutGold())).toEqual(without);
    expect(ids(fixtureReport())).toEqual([
      ...without.slice(0, 2),
      'win-rate',
      'correctness',
      ...without.slice(2),
    ]);
    expect(page(fixtureReport()).document.querySelectorAll('#agreement circle').length).toBe(1636);
  });

  test('numbers and their intervals stand in the row of the arm', () => {
    const row = page(fixtureReport()).document.querySelector('tr[data-arm=selected]')!;
    const cells = [...row.querySelectorAll('td')].map((cell) => cell.textContent);
    expect(cells).toEqual(
      ['818', '26', '67.1%64.9–69.3', '65.1%62.0–68.2', '74.1%69.9–78.2', '0.518', '86.0%', '7.4', '99.1%', '−0.112'], // biome-ignore format: a row
    );
  });

  test('with a reward model as judge: its name, rewards without a unit, no word of right answers', () => {
    const { markup, document } = page(fixtureWithRewardModel());
    for (const text of ['reward model org/judge@abc', '報酬モデル org/judge@abc', 'Mean reward', '平均報酬'])
      expect(markup).toContain(text);
    const cells = [...document.querySelectorAll('tr[data-arm=selected] td')].map((cell) => cell.textContent);
    expect(cells.slice(2, 5)).toEqual(['67.1%64.9–69.3', '+0.317+0.117 … +0.517', '–b']);
    const rows = [...document.querySelectorAll('section tr')].map((row) => row.textContent);
    const difference = rows.find((row) => row.includes('mean reward') && row.includes('random'));
    expect(difference).toContain('+0.217 +0.107 to +0.327');
    expect(difference).not.toMatch(/points|nats/);
    expect(document.querySelector('#win-rate')).not.toBeNull();
    expect(document.querySelector('#correctness')).toBeNull();
    expect(document.querySelector('.footnotes')?.textContent).not.toContain(reasons['no-judge'].en);
    expect(page(fixtureReport()).markup).not.toMatch(/Mean reward|reward model/);
  });

  test('a missing value is a dash with a reason', () => {
    const { document } = page(fixtureWithoutGold());
    const cells = [...document.querySelectorAll('tr[data-arm=selected] td')].map((cell) => cell.textContent);
    expect(cells.slice(2, 4)).toEqual(['–a', '–b']);
    expect(document.querySelector('.footnotes')?.textContent).toContain(reasons['no-judge'].ja);
  });

  test('a run that generated no answers, and one that kept the hardest pairs, draw', () => {
    const data = fixtureWithoutGold();
    const arms = data.arms.map((arm) => ({ ...arm, meanLengthTokens: null, endedShare: null }));
    const selection = { ...data.selection, direction: 'hardest', threshold: data.difficulty.values.at(-1)! };
    const { markup, document } = page({ ...data, arms, selection });
    expect(markup).toContain(reasons['no-answers'].en);
    expect(markup).not.toMatch(/NaN|Infinity|Blue: at or below|cut \d/);
    expect(document.querySelector('#answer-lengths')).toBeNull();
    expect(reportText({ ...data, arms, selection })).not.toMatch(/NaN|Mean answer length/);
  });

  test('a selection within strata has no one cut, and says within what; other arms have names in words', () => {
    const data = fixtureReport();
    const arms = data.arms.map((arm) => (arm.name === 'hardest' ? { ...arm, name: 'shortest' } : arm));
    const { markup } = page({ ...data, arms, selection: { ...data.selection, within: 'length' } });
    expect(markup).not.toMatch(/Blue: at or below|cut \d|The cut of this selection/);
    expect(page(data).markup).toMatch(/Blue: at or below/);
    for (const text of ['length difference', '長さの差', 'shortest, same number', '短い回答のみ（同数）'])
      expect(markup).toContain(text);
    expect(page(data).markup).not.toContain('Same share of each');
  });

  test('a loss that is not finite is a dash with a reason, on the page and in the text', () => {
    const data = fixtureReport();
    const arms = data.arms.map((arm) =>
      arm.name === 'full' ? { ...arm, heldOut: { ...arm.heldOut, loss: Number.NaN } } : arm,
    );
    expect(renderReport({ ...data, arms })).not.toContain('NaN');
    expect(renderReport({ ...data, arms })).toContain(reasons['not-finite'].en);
    expect(reportText({ ...data, arms })).toContain(reasons['not-finite'].en);
  });

  test('escapes what comes from the run', () => {
    const data = fixtureReport();
    const evil = '<script>alert("x")</script>&';
    const arms = data.arms.map((arm) => (arm.name === 'hardest' ? { ...arm, name: evil, order: evil } : arm));
    const markup = renderReport({
      ...data,
      arms,
      command: evil,
      notes: [evil],
      model: { ...data.model, name: evil },
      pairs: { ...data.pairs, refusedBy: { [evil]: 1 } },
    });
    expect(markup).not.toContain('<script>alert');
    expect(markup.match(/<script>/g)?.length).toBe(1);
  });

  test('the same data give the same bytes; equal difficulties and an empty pool draw', () => {
    expect(renderReport(fixtureReport())).toBe(renderReport(fixtureReport()));
    const data = fixtureReport();
    for (const values of [[], [0.7], [0.7, 0.7]]) {
      const markup = renderReport({
        ...data,
        difficulty: { ...data.difficulty, values, agreement: [] },
        selection: { ...data.selection, threshold: 0.7 },
      });
      expect(markup).not.toMatch(/NaN|Infinity/);
    }
  });
});

describe('reportText', () => {
  test.each(['en', 'ja'] as const)(
    '%s: every arm in both tables, columns aligned, lines within the width',
    (lang) => {
      const text = reportText(fixtureReport(), { lang });
      expect(text).not.toMatch(/NaN|undefined|null/);
      const name = lang === 'en' ? 'random, same number' : '無作為（同数）';
      expect(text.split('\n').filter((line) => line.startsWith(`${name} `)).length).toBe(2);
      expect(text).toContain('67.1 (64.9–69.3)');
      expect(text).toContain(
        lang === 'en' ? 'Verdict: Better than random pairs' : '判定: 無作為抽出には勝り',
      );
    },
  );

  test('with a reward model: rewards beside win rates', () => {
    const text = reportText(fixtureWithRewardModel());
    expect(text).toContain('+0.317 (+0.117 … +0.517)');
    expect(text).toContain('The judge is the reward model org/judge@abc');
    expect(text).toContain(reasons['no-checker'].en);
    expect(text).not.toContain(reasons['no-judge'].en);
  });

  test('without a judge the dashes are explained', () => {
    const text = reportText(fixtureWithoutGold());
    expect(text).toContain(reasons['no-judge'].en);
    expect(text).toContain(reasons['no-checker'].en);
  });
});

test('the language asked for is shown first, the other is a press away; else the reader’s own', () => {
  const root = (markup: string) => parseHTML(markup).document.documentElement;
  const japanese = renderReport(fixtureReport(), 'ja');
  expect([root(japanese).lang, root(japanese).dataset.show, root(japanese).dataset.first]).toEqual([
    'ja',
    'ja',
    'ja',
  ]);
  const pressed = [...parseHTML(japanese).document.querySelectorAll('.languages button')].map((button) =>
    button.getAttribute('aria-pressed'),
  );
  expect(pressed).toEqual(['false', 'true']);
  expect(root(renderReport(fixtureReport())).dataset.first).toBe('auto');
});
