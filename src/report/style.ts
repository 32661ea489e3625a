/** The page's style. Colours are of Okabe and Ito's palette, which colour-blind readers can tell apart. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d7dce1; --panel: #f5f7f9;
  --accent: #0072b2; --second: #d55e00; --muted: #8a939c; --good: #00704f; --warn: #a64800; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e8eaed; --soft: #a7b0b9; --line: #363c43;
  --panel: #1d2125; --accent: #56b4e9; --second: #e69f00; --muted: #7d8791; --good: #4fc79d; --warn: #f0a35e; } }
html[data-show=en] [lang=ja]:not(html), html[data-show=ja] [lang=en]:not(html) { display: none; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans JP", "Yu Gothic UI", Meiryo, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; justify-content: space-between; align-items: flex-start; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0; }
[lang=ja] { word-break: auto-phrase; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
header p { margin: .15rem 0 0; color: var(--soft); }
.languages { display: flex; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.languages button { font: inherit; font-size: .875rem; padding: .25rem .8rem; border: 0; background: none; color: var(--ink); cursor: pointer; }
.languages button[aria-pressed=true] { background: var(--ink); color: var(--paper); }
button:focus-visible, .scroll:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.verdict { margin: 1.5rem 0 0; padding: 1.1rem 1.3rem 1.3rem; background: var(--panel); border-left: 6px solid var(--tone); border-radius: 4px; }
.verdict h2 { margin: 0; font-size: .9rem; font-weight: 600; color: var(--soft); }
.verdict .title { margin: .1rem 0 .5rem; font-size: 1.5rem; line-height: 1.35; font-weight: 700; color: var(--tone); }
.verdict .lead { margin: 0 0 .75rem; font-size: 1.05rem; }
.verdict h3 { margin: 1.1rem 0 .4rem; }
.good { --tone: var(--good); } .warn { --tone: var(--warn); } .neutral { --tone: var(--soft); }
ul.findings { list-style: none; margin: 0; padding: 0; }
ul.findings li { position: relative; padding-left: 1.7rem; margin: .35rem 0; max-width: 56rem; }
ul.findings .mark { position: absolute; left: 0; width: 1.2rem; text-align: center; font-weight: 700; color: var(--tone); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
table.wide { width: 100%; }
caption, figcaption, .caption { margin: 0; text-align: left; color: var(--soft); font-size: .875rem; padding-bottom: .5rem; }
th, td { padding: .45rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
thead th { vertical-align: bottom; font-weight: 600; border-bottom: 2px solid var(--ink); }
th:first-child, td.text, th.text { text-align: left; }
th:first-child { padding-left: 0; }
tbody th { font-weight: 600; }
tr.selected > * { background: color-mix(in srgb, var(--accent) 10%, var(--paper)); }
tr.selected th { color: var(--accent); padding-left: .35rem; }
small { display: block; color: var(--soft); font-size: .75rem; font-weight: 400; white-space: nowrap; }
sup { margin-left: .15em; font-size: .7em; line-height: 0; }
th small { white-space: normal; }
.wide tbody th { min-width: 9rem; }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--soft); font-size: .875rem; } details > .caption { margin-top: .75rem; }
.texts { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 16rem; max-width: 34rem; } .texts b { color: var(--tone); }
.footnotes { font-size: .8125rem; color: var(--soft); margin: .5rem 0 0; padding: 0; list-style: none; }
.charts { margin-top: 1.5rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.5rem 2rem; }
figure { margin: 0; break-inside: avoid; min-width: 0; }
figure svg { --plot-background: var(--paper); display: block; width: 100%; max-width: 34rem; height: auto; overflow: visible; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 2.5rem; align-items: start; }
.columns table { width: 100%; }
code, pre { font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { background: var(--panel); padding: .75rem 1rem; border-radius: 4px; white-space: pre-wrap; margin: .25rem 0; }
@media (max-width: 40rem) { .wide thead th:first-child, .wide tbody th { position: sticky; left: 0; z-index: 1; background: var(--paper); min-width: 7.5rem; }
  .wide tbody tr.selected th { background: color-mix(in srgb, var(--accent) 10%, var(--paper)); } }
@media print { :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #f3f3f3; --accent: #0072b2; --second: #d55e00; --muted: #777; --good: #00573d; --warn: #8a3c00; }
  @page { margin: 14mm; } body { max-width: none; padding: 0; font-size: 10.5pt; } .languages { display: none; }
  .scroll { overflow: visible; } table { font-size: 8pt; } th, td { padding: .25rem .3rem; } small { font-size: 6.5pt; }
  h2, h3 { break-after: avoid; } tr, li, .verdict .title { break-inside: avoid; } .charts { grid-template-columns: 1fr 1fr; } * { print-color-adjust: exact; } }
`;

/** Chooses the reader's language and switches it; without scripts the page shows English (and Japanese below it). */
export const SCRIPT = `
(() => {
  const root = document.documentElement;
  const buttons = document.querySelectorAll('.languages button');
  const show = (lang) => {
    root.dataset.show = root.lang = lang;
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.value === lang));
  };
  for (const button of buttons) button.addEventListener('click', () => show(button.value));
  const asked = [location.hash.slice(1), root.dataset.first].find((lang) => lang === 'ja' || lang === 'en');
  show(asked ?? (navigator.language.startsWith('ja') ? 'ja' : 'en'));
})();
`;
