import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import { readJson } from '../base/json.ts';
import { priced } from '../pipeline/cost-sheet.ts';
import { costSentences, tokenText } from '../report/cost-sentences.ts';
import type { ReportData } from '../report/data.ts';
import { effectWords } from '../report/effect-words.ts';
import { duration } from '../report/numbers.ts';
import { displayWidth, padEnd, padStart, wrap } from '../report/width.ts';
import type { Language } from '../report/words.ts';
import { type CommonFlags, configOf, withRunFlags } from './options.ts';
import type { Outside } from './outside.ts';

type Cost = NonNullable<ReportData['cost']>;

/** `winnow cost`: the cost sheet of a finished run, at the prices of today. */
export function addCost(program: Command, outside: Outside): void {
  const command = program
    .command('cost')
    .description(
      'what a finished run took in tokens and hours, what training on fewer pairs saves, and when it has paid; in money with --set prices.workerHour=… or prices.millionTrainingTokens=…',
    );
  withRunFlags(command).action((flags: CommonFlags) => {
    const config = configOf(flags);
    const file = join(config.out, 'report.json');
    const sheet = existsSync(file) ? (readJson(file) as Partial<ReportData> | null)?.cost : undefined;
    if (sheet === undefined || sheet === null)
      throw inputError('no-cost', 'this folder has no report with a cost sheet', {
        file,
        remedy: `Run \`winnow report --out ${config.out}\` first; what is done is reused`,
      });
    const cost = { ...sheet, money: priced(sheet, config.prices) };
    const lang: Language = config.language === 'ja' ? 'ja' : 'en';
    outside.print(flags.json === true ? `${JSON.stringify(cost, null, 2)}\n` : `${costText(cost, lang)}\n`);
  });
}

/** The cost sheet for a terminal. */
export function costText(cost: Cost, lang: Language): string {
  const { scoring, comparing, finalTraining } = cost;
  const heads = [effectWords.item, effectWords.trainedTokens, effectWords.scoredTokens, effectWords.generatedTokens, effectWords.hours].map((text) => text[lang]); // biome-ignore format: one row
  const row = (name: string, tokens: readonly number[], hours: number | null) => [
    name,
    ...tokens.map((n) => (n === 0 ? '–' : tokenText(n)[lang])),
    hours === null ? '–' : duration(3600 * hours)[lang],
  ];
  const work = ({ trainedTokens, scoredTokens, generatedTokens }: Cost['scoring']) => [
    trainedTokens,
    scoredTokens,
    generatedTokens,
  ];
  const rows = [
    heads,
    row(effectWords.scoringCost[lang], work(scoring), scoring.workerHours),
    row(effectWords.comparingCost[lang], work(comparing), comparing.workerHours),
    row(effectWords.fullTraining[lang], [finalTraining.fullTokens, 0, 0], null),
    row(effectWords.keptTraining[lang], [finalTraining.keptTokens, 0, 0], null),
  ];
  const widths = heads.map((_, i) => Math.max(...rows.map((cells) => displayWidth(cells[i] as string))));
  return [
    ...rows.map((cells) =>
      cells
        .map((cell, i) => (i === 0 ? padEnd(cell, widths[i] as number) : padStart(cell, widths[i] as number)))
        .join('  '),
    ),
    '',
    ...costSentences(cost).flatMap((sentence) => wrap(sentence[lang], 100)),
  ].join('\n');
}
