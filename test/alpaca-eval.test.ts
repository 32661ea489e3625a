import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { csvParse } from 'd3-dsv';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AlpacaEvalModel,
  type AlpacaEvalResult,
  alpacaEval,
} from '../src/evaluate/alpaca-eval/alpaca-eval.ts';
import { publishedAnchors } from '../src/evaluate/alpaca-eval/anchors.ts';
import { readAnchors, readDifficulties } from '../src/evaluate/alpaca-eval/difficulty.ts';
import { STRENGTHS } from '../src/stats/logistic-strength.ts';
import { scratch, winnow, winnowOk } from './tiny-world.ts';

const dir = scratch('alpaca');
let names = 0;
function fileOf(content: string | Uint8Array): string {
  const file = join(dir, `f${names++}`);
  writeFileSync(file, content);
  return file;
}
const linesOf = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

interface SlimRow {
  readonly index: number;
  readonly model: string;
  readonly preference: number | null;
  readonly len_1: number;
  readonly len_2: number;
}

/** Made-up judgments by formula: answers of all lengths, a model that is somewhat better. */
function madeUp(model: string, n: number, change: Partial<SlimRow> = {}): SlimRow[] {
  return Array.from({ length: n }, (_, index) => ({
    ...{ index, model, preference: 1.6 + 0.4 * Math.sin(3 * index) },
    ...{ len_1: 1000, len_2: 1000 + Math.round(400 * Math.cos(7 * index)) },
    ...change,
  }));
}

/** The same judgments as alpaca_eval writes them; one character of each output is not of UTF-16's first plane. */
function asOfficial(rows: readonly SlimRow[]) {
  const text = (length: number) => (length === 0 ? '' : `\u{1f642}${'x'.repeat(length - 1)}`);
  return rows.map(({ index, model, preference, len_1, len_2 }) => ({
    ...{ instruction: `instruction ${index}`, output_1: text(len_1), generator_1: 'mine-v1', dataset: 'own' },
    ...{ output_2: text(len_2), generator_2: model, annotator: 'any', preference, raw_completion: null },
  }));
}

async function evaluated(args: readonly string[]): Promise<AlpacaEvalResult> {
  return JSON.parse((await winnowOk(['alpaca-eval', ...args, '--json'])).stdout) as AlpacaEvalResult;
}

describe('winnow alpaca-eval on judgments of one’s own', () => {
  it('gives the same for the official and the slim form, zipped or not, and says which it found', async () => {
    const rows = madeUp('mine-v2', 60);
    const slim = await winnowOk(['alpaca-eval', '--annotations', fileOf(linesOf(rows)), '--json']);
    expect(slim.stderr).toMatch(/slim judgments, JSON Lines: 60 rows of 1 model/);
    const [expected] = (JSON.parse(slim.stdout) as AlpacaEvalResult).models as [AlpacaEvalModel];
    expect(expected).toMatchObject({ n: 60, dropped: 0, avgLengthBaselineChars: 1000 });
    expect(expected.lengthControlledModel).toBe('without-difficulty');
    for (const content of [
      JSON.stringify(asOfficial(rows), null, 2),
      gzipSync(JSON.stringify(asOfficial(rows))),
      linesOf(asOfficial(rows)),
    ]) {
      const official = await winnowOk(['alpaca-eval', '--annotations', fileOf(content), '--json']);
      expect(official.stderr).toMatch(/annotations of alpaca_eval/);
      // The baseline is one's own: nothing of the benchmark is used.
      expect(official.stderr).not.toMatch(/CC BY-NC/);
      expect((JSON.parse(official.stdout) as AlpacaEvalResult).models).toEqual([
        { ...expected, baseline: 'mine-v1' },
      ]);
    }
  });

  it('one model’s failed fit loses nothing of the others, and ends with code 1', async () => {
    const constant = madeUp('constant', 30, { len_2: 900 });
    const file = fileOf(
      linesOf([
        ...madeUp('a', 40),
        ...constant,
        ...madeUp('few', 3),
        ...madeUp('none', 6, { preference: null }),
      ]),
    );
    const { code, stdout, stderr } = await winnow(['alpaca-eval', '--annotations', file, '--json']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/length-control-failed/);
    const [a, same, few, none] = (JSON.parse(stdout) as AlpacaEvalResult).models as AlpacaEvalModel[];
    expect(a).toMatchObject({ n: 40, lengthControlledError: null });
    expect(a!.lengthControlledWinRate).toBeGreaterThan(50);
    expect(same).toMatchObject({ n: 30, lengthControlledWinRate: null });
    expect(same!.lengthControlledError).toMatch(/differ by the same number/);
    expect(few).toMatchObject({ n: 3, lengthControlledWinRate: null });
    expect(few!.winRate).toBeGreaterThan(0);
    expect(none).toMatchObject({
      n: 0,
      dropped: 6,
      winRate: null,
      standardError: null,
      discreteWinRate: null,
    });
    expect(stdout).not.toMatch(/NaN/);
    const rates = await evaluated(['--annotations', file, '--no-length-control']);
    expect(rates.models.map(({ lengthControlledError }) => lengthControlledError)).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  it('shows a table, and the same as CSV', async () => {
    const file = fileOf(linesOf([...madeUp('a', 40), ...madeUp('b', 40, { preference: 1.5, len_2: 1000 })]));
    const { stdout } = await winnowOk(['alpaca-eval', '--annotations', file]);
    expect(stdout).toMatch(/^model\s+n\s+win rate/);
    expect(stdout).toMatch(/^b\s+40\s+50\.00\s+0\.00\s+50\.00\s+50\.00\s+0\.00\s+0\.00\s+1,000$/m);
    expect(stdout).toMatch(/with length alone/);
    const rows = csvParse((await winnowOk(['alpaca-eval', '--annotations', file, '--csv'])).stdout);
    const { models } = await evaluated(['--annotations', file]);
    expect(rows.map(({ model }) => model)).toEqual(['a', 'b']);
    for (const [i, row] of rows.entries()) {
      expect(Number(row.winRate)).toBe(models[i]!.winRate);
      expect(Number(row.lengthControlledWinRate)).toBe(models[i]!.lengthControlledWinRate);
    }
  });

  it('takes difficulties of one’s own, without the benchmark’s regularisation', async () => {
    const rows = madeUp('a', 60);
    const file = fileOf(linesOf(rows));
    const table = fileOf(
      `index,instruction_difficulty\n${rows.map(({ index }) => `${index},${Math.sin(index)}`).join('\n')}\n`,
    );
    const { models } = await evaluated(['--annotations', file, '--difficulty', table]);
    expect(models[0]).toMatchObject({ lengthControlledModel: 'own-difficulty', lengthControlledError: null });
    expect(models[0]!.coefficients!.difficulty).not.toBeNull();
    expect(models[0]!.lcStandardError).not.toBe(models[0]!.lcSamplingError);
  });

  it.each([
    ['no file', ['--annotations', 'nowhere.json'], /nowhere\.json: no such file/],
    ['an unknown model', ['--annotations', 'FILE', '--model', 'z'], /no judgments of z/],
    ['two outputs', ['--annotations', 'FILE', '--json', '--csv'], /exclude each other/],
    ['no strength', ['--annotations', 'FILE', '--strength', '0'], /--strength must be/],
    ['the same file twice', ['--annotations', 'FILE', 'FILE'], /judged twice/],
    ['no difficulties', ['--annotations', 'FILE', '--difficulty', 'FILE'], /no column index/],
  ])('refuses %s with code 2 and nothing on stdout', async (_, args, message) => {
    const file = fileOf(linesOf(madeUp('a', 8)));
    const { code, stdout, stderr } = await winnow([
      'alpaca-eval',
      ...args.map((word) => (word === 'FILE' ? file : word)),
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/unexpected failure|\n\s+at /);
  });
});

const FOLDER = join(import.meta.dirname, '..', '..', 'shared', 'data', 'alpaca_eval');
/** Attacks on the judge or on the correction, not ordinary answers. */
const ADVERSARIAL: readonly string[] = ['NullModel', 'gpt4_gamed'];

describe.skipIf(!existsSync(FOLDER))('AlpacaEval 2 as published (needs ../shared/data)', () => {
  const annotations = join(FOLDER, 'annotations_slim.jsonl.gz');
  const difficulty = join(FOLDER, 'derived_instruction_difficulty.csv');
  type Cells = Readonly<Record<string, string>>;
  const published = (file: string): Map<string, Cells> =>
    new Map(
      csvParse(readFileSync(join(FOLDER, file), 'utf8')).map((row) => [row[''] as string, row] as const),
    );
  let leaderboard: Map<string, Cells>;
  let models: Map<string, AlpacaEvalModel>;
  let talk = '';
  /** Models that the leaderboard has. */
  const known = () => [...models.values()].filter(({ model }) => leaderboard.has(model));
  const of = (model: string, column: string) => Number(leaderboard.get(model)![column]);

  beforeAll(async () => {
    leaderboard = published('leaderboard_weighted_alpaca_eval_gpt4_turbo.csv');
    const ended = await winnowOk([
      'alpaca-eval',
      '--annotations',
      annotations,
      '--difficulty',
      difficulty,
      '--json',
    ]);
    talk = ended.stderr;
    models = new Map((JSON.parse(ended.stdout) as AlpacaEvalResult).models.map((row) => [row.model, row]));
  });

  it('knows 35 models, 34 of them on the leaderboard, and says the licence', () => {
    expect(models.size).toBe(35);
    expect(known()).toHaveLength(34);
    expect(talk).toMatch(/CC BY-NC 4\.0/);
  });

  it('win rate, its error and the discrete win rate to 1e-9', () => {
    for (const row of known()) {
      expect(Math.abs(row.winRate! - of(row.model, 'win_rate'))).toBeLessThan(1e-9);
      expect(Math.abs(row.standardError! - of(row.model, 'standard_error'))).toBeLessThan(1e-9);
      expect(Math.abs(row.discreteWinRate! - of(row.model, 'discrete_win_rate'))).toBeLessThan(1e-9);
      expect([row.n, row.ties]).toEqual([of(row.model, 'n_total'), of(row.model, 'n_draws')]);
      expect([row.wins, row.losses]).toEqual([of(row.model, 'n_wins'), of(row.model, 'n_wins_base')]);
      // The leaderboard has the mean over all 805 answers, judged or not, cut to a whole number.
      const cut = Math.trunc(row.avgLengthChars!) - of(row.model, 'avg_length');
      expect(cut === 0 || (row.n < 805 && Math.abs(cut) === 1)).toBe(true);
    }
  });

  it('length-controlled win rate within 0.12 points, attacks within 0.5', () => {
    const differences = known().map(({ model, lengthControlledWinRate }) => ({
      model,
      difference: Math.abs(lengthControlledWinRate! - of(model, 'length_controlled_winrate')),
    }));
    for (const { model, difference } of differences)
      expect(difference).toBeLessThan(ADVERSARIAL.includes(model) ? 0.5 : 0.12);
    const ordinary = differences.filter(({ model }) => !ADVERSARIAL.includes(model));
    expect(ordinary.reduce((sum, { difference }) => sum + difference, 0) / ordinary.length).toBeLessThan(
      0.01,
    );
    expect(models.get('gpt4_1106_preview')).toMatchObject({
      lengthControlledWinRate: 50,
      lcStandardError: 0,
    });
  });

  it('its published error, where there is one, to 0.001', () => {
    const given = known().filter(({ model }) => leaderboard.get(model)!.lc_standard_error !== '');
    expect(given.length).toBeGreaterThan(4);
    for (const { model, lcStandardError } of given)
      expect(Math.abs(lcStandardError! - of(model, 'lc_standard_error'))).toBeLessThan(1e-3);
  });

  it('at the strength that the published coefficients speak for: within 0.02 points, coefficients within 0.002', async () => {
    const weights = published('glm_weights_length_controlled_v1.csv');
    const difficulties = await readDifficulties(difficulty);
    const fits = new Map<number, readonly AlpacaEvalModel[]>();
    for (const strength of STRENGTHS.slice(5, 9))
      fits.set(strength, (await alpacaEval({ annotations: [annotations], difficulties, strength })).models);
    for (const [i, { model }] of [...models.values()].entries()) {
      const row = weights.get(model);
      if (row === undefined || model === 'gpt4_1106_preview') continue;
      const [length, gamma, theta] = Object.values(row).slice(1).map(Number) as [number, number, number];
      const distances = [...fits.values()].map((fitted) => {
        const { coefficients, lengthControlledWinRate } = fitted[i]!;
        const parts = [
          coefficients!.length! - length,
          coefficients!.difficulty! - gamma,
          coefficients!.model - theta,
        ];
        return { most: Math.max(...parts.map(Math.abs)), value: lengthControlledWinRate! };
      });
      const nearest = distances.reduce((best, one) => (one.most < best.most ? one : best));
      expect(nearest.most).toBeLessThan(2e-3);
      // NullModel's published value is not that of its published coefficients.
      if (model !== 'NullModel')
        expect(Math.abs(nearest.value - of(model, 'length_controlled_winrate'))).toBeLessThan(0.02);
    }
  });

  it('the rows of a model that lacks instructions keep the published shift, unless told otherwise', async () => {
    const row = models.get('gpt35_turbo_instruct')!;
    expect(row.notes).toEqual([expect.stringMatching(/1 of 805 instructions missing.*by position/)]);
    const args = [
      '--annotations',
      annotations,
      '--difficulty',
      difficulty,
      '--model',
      row.model,
      '--by-index',
    ];
    const [own] = (await evaluated(args)).models as [AlpacaEvalModel];
    expect(Math.abs(own.lengthControlledWinRate! - row.lengthControlledWinRate!)).toBeGreaterThan(2);
  });

  it('what stands in for df_gamed.csv, given as such a file, gives the same', async () => {
    const anchors = publishedAnchors(await readDifficulties(difficulty))!;
    const sum = (x: Float64Array) => x.reduce((total, value, i) => total + value * anchors.share[i]!, 0);
    expect(sum(anchors.length)).toBeCloseTo(-182.7074, 3);
    expect(sum(anchors.difficulty)).toBeCloseTo(412.8917, 3);
    const header = 'index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline,model\n';
    const gamed = fileOf(
      header +
        Array.from(anchors.share, (share, i) =>
          [i % 805, share, Math.atanh(anchors.length[i]!), anchors.difficulty[i], 'False', 'any'].join(','),
        ).join('\n'),
    );
    expect((await readAnchors(gamed)).share).toEqual(anchors.share);
    const [found] = (
      await evaluated(['--annotations', annotations, '--gamed', gamed, '--model', 'claude-2.1'])
    ).models;
    expect(found!.lengthControlledModel).toBe('published');
    expect(found!.lengthControlledWinRate).toBeCloseTo(models.get('claude-2.1')!.lengthControlledWinRate!, 9);
  });

  it('AlpacaEval 1: win rates of 53 models', async () => {
    const first = published('leaderboard_alpaca_eval_1_gpt4.csv');
    const { models: rows } = await evaluated([
      '--annotations',
      join(FOLDER, 'annotations_ae1_gpt4_slim.jsonl.gz'),
      '--no-length-control',
    ]);
    const both = rows.filter(({ model }) => first.has(model));
    expect(both.length).toBeGreaterThan(50);
    for (const { model, winRate, standardError } of both) {
      expect(Math.abs(winRate! - Number(first.get(model)!.win_rate))).toBeLessThan(1e-9);
      expect(Math.abs(standardError! - Number(first.get(model)!.standard_error))).toBeLessThan(1e-9);
    }
  });

  it('a model by itself, as a file of its own, is the same as among others', async () => {
    const rows = gunzipSync(readFileSync(annotations))
      .toString('utf8')
      .split('\n')
      .filter((line) => line.includes('"model": "claude-2.1"'));
    const [alone] = (await evaluated(['--annotations', fileOf(rows.join('\n')), '--difficulty', difficulty]))
      .models;
    expect(alone).toEqual(models.get('claude-2.1'));
  });
});
