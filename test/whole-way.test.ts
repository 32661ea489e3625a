import { join } from 'node:path';
import { sampleRankCorrelation } from 'simple-statistics';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DifficultyRow } from '../src/difficulty/scores.ts';
import type { ReportData } from '../src/report/data.ts';
import type { UnitSpec } from '../src/run/unit.ts';
import {
  argumentsOf,
  type Ended,
  isDone,
  REFUSED,
  readRows,
  readScores,
  readText,
  stateOf,
  tinyPairs,
  tinyWorld,
  unitsOf,
  winnow,
  winnowOk,
} from './tiny-world.ts';

// Everything below is computed anew from the files of the run alone: no function of winnow is used.

const BETA = 0.5;
const KEEP = 0.5;
const ARMS = ['selected', 'full', 'random', 'hardest', 'easiest-shuffled'];

interface PairRow {
  readonly id: string;
  readonly row: number;
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  readonly role: 'pool' | 'held-out';
}

interface Ledger {
  readonly row: number;
  readonly id: string | null;
  readonly decision: 'keep' | 'drop' | 'held-out' | 'refused';
  readonly reason: string;
  readonly position: number | null;
}

const world = tinyWorld('way');
const out = join(world.dir, 'out');
let ran: Ended;

beforeAll(async () => {
  ran = await winnow([...argumentsOf('run', world, { out }), '--json']);
});

const pairs = () => readRows<PairRow>(out, 'pairs.jsonl');
const pool = () => pairs().filter(({ role }) => role === 'pool');
const difficulties = () => readRows<DifficultyRow>(out, 'difficulty.jsonl');
const report = () => JSON.parse(readText(out, 'report.json')) as ReportData;
const armFile = (arm: string, file: string) => readRows<string>(out, 'arms', arm, file);
const byRank = () => difficulties().sort((a, b) => a.rank - b.rank);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Texts without what a near-duplicate may differ in, sides in no order. */
const alike = ({ prompt, chosen, rejected }: PairRow) =>
  JSON.stringify([plain(prompt), ...[plain(chosen), plain(rejected)].sort()]);
const plain = (text: string) => text.toLowerCase().replaceAll(/\s+/g, ' ').trim();

describe('winnow run', () => {
  it('ends well, with its data and nothing else on stdout', () => {
    expect(ran).toMatchObject({ code: 0, signal: null });
    expect(JSON.parse(ran.stdout)).toEqual(report());
    expect(ran.stderr).toMatch(/Scoring runs/);
  });

  it('accounts for every row of the input', () => {
    const rows = tinyPairs();
    expect(report().pairs).toMatchObject({ read: rows.length, used: rows.length - 3, refused: 3 });
    expect(report().pairs.refusedBy).toEqual(REFUSED);
    const refused = readRows<{ row: number }>(out, 'refused.jsonl').map(({ row }) => row);
    const all = [...pairs().map(({ row }) => row), ...refused].sort((a, b) => a - b);
    expect(all).toEqual(rows.map((_, row) => row));
    for (const { row, prompt, chosen, rejected } of pairs())
      expect({ prompt, chosen, rejected }).toEqual(rows[row]);
    expect(new Set(pairs().map(({ id }) => id)).size).toBe(pairs().length);
  });

  it('writes the columns of scores.jsonl and difficulty.jsonl that are promised', () => {
    const promised =
      'id row part seed checkpoint chosenLogProb rejectedLogProb refChosenLogProb refRejectedLogProb loss';
    for (const row of readScores(out)) {
      expect(Object.keys(row)).toEqual(expect.arrayContaining(promised.split(' ')));
      for (const [name, value] of Object.entries(row)) if (name !== 'id') expect(value).toBeTypeOf('number');
    }
    for (const row of difficulties())
      expect(Object.keys(row)).toEqual(['id', 'row', 'difficulty', 'spread', 'n', 'rank']);
  });

  it('scores every pool pair once a seed, and no other', () => {
    const ids = pool().map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(40);
    const seen = readScores(out).map(({ id, row, seed, checkpoint }) => ({ id, row, seed, checkpoint }));
    expect(seen).toEqual(
      pool().flatMap(({ id, row }) => [7, 8].map((seed) => ({ id, row, seed, checkpoint: 1 }))),
    );
  });

  it('has losses that follow from the four log-probabilities', () => {
    for (const row of readScores(out)) {
      const margin =
        BETA * (row.chosenLogProb - row.refChosenLogProb - (row.rejectedLogProb - row.refRejectedLogProb));
      const sigmoid = 1 / (1 + Math.exp(-margin));
      expect(Math.abs(row.loss - -Math.log(sigmoid))).toBeLessThan(1e-9);
    }
    // Trained for something: an untrained policy would give ln 2 everywhere.
    expect(readScores(out).filter(({ loss }) => Math.abs(loss - Math.LN2) < 0.02).length).toBeLessThan(20);
  });

  it('has difficulties that are the means of the losses, ranked from easy to hard', () => {
    const scores = readScores(out);
    for (const { id, row, difficulty, spread, n } of difficulties()) {
      const losses = scores.filter((score) => score.id === id).map(({ loss }) => loss);
      const [a, b] = losses as [number, number];
      expect(losses).toHaveLength(2);
      expect(difficulty).toBeCloseTo((a + b) / 2, 12);
      expect(spread).toBeCloseTo(Math.abs(a - b) / Math.SQRT2, 12);
      expect(n).toBe(2);
      expect(row).toBe(pool().find((pair) => pair.id === id)?.row);
    }
    const sorted = byRank();
    expect(sorted.map(({ rank }) => rank)).toEqual(sorted.map((_, i) => i + 1));
    expect(sorted.map(({ difficulty }) => difficulty)).toEqual(
      difficulties()
        .map(({ difficulty }) => difficulty)
        .sort((a, b) => a - b),
    );
  });

  it('reports the reliability that a statistics library finds', () => {
    const scores = readScores(out);
    const of = (seed: number) => pool().map(({ id }) => scores.find((s) => s.id === id && s.seed === seed));
    const [first, second] = [7, 8].map((seed) => of(seed).map((score) => score?.loss ?? Number.NaN)) as [
      number[],
      number[],
    ];
    const kept = Math.floor(KEEP * first.length);
    const easiest = (losses: number[]) =>
      new Set(
        [...losses.keys()].sort((a, b) => (losses[a] as number) - (losses[b] as number)).slice(0, kept),
      );
    const shared = [...easiest(first)].filter((i) => easiest(second).has(i)).length;
    const { difficulty } = report();
    expect(difficulty).toMatchObject({ folds: 2, seeds: 2, checkpoints: 1, reliabilityBetween: 'seeds' });
    expect(difficulty.spearman).toBeCloseTo(sampleRankCorrelation(first, second), 10);
    expect(difficulty.overlap).toBeCloseTo(shared / kept, 12);
    const below = difficulties().filter((row) => row.difficulty < Math.LN2).length;
    expect(difficulty.shareBelowLn2).toBeCloseTo(below / difficulties().length, 12);
    expect(below).toBeGreaterThan(0);
  });

  it('keeps the easiest half and trains on it from easy to hard', () => {
    const count = Math.floor(KEEP * pool().length);
    const easiest = byRank()
      .slice(0, count)
      .map(({ id }) => id);
    expect(armFile('selected', 'order.jsonl')).toEqual(easiest);
    expect(readRows<PairRow>(out, 'selection', 'selected.jsonl').map(({ id }) => id)).toEqual(easiest);
    expect(report().selection).toMatchObject({
      keepFraction: KEEP,
      kept: count,
      dropped: pool().length - count,
      threshold: byRank()[count - 1]?.difficulty,
    });
  });

  it('says in the ledger what became of every row, and why', () => {
    const ledger = readRows<Ledger>(out, 'selection', 'ledger.jsonl');
    expect(ledger.map(({ row }) => row)).toEqual(tinyPairs().map((_, row) => row));
    const count = (decision: Ledger['decision']) => ledger.filter((row) => row.decision === decision).length;
    const { selection, pairs: told } = report();
    expect({ keep: count('keep'), drop: count('drop') }).toEqual({
      keep: selection.kept,
      drop: selection.dropped,
    });
    expect({ heldOut: count('held-out'), refused: count('refused') }).toEqual({
      heldOut: told.heldOut,
      refused: told.refused,
    });
    for (const { reason } of ledger) expect(reason).not.toBe('');
    const placed = ledger
      .filter(({ position }) => position !== null)
      .sort((a, b) => Number(a.position) - Number(b.position));
    expect(placed.map(({ id }) => id)).toEqual(armFile('selected', 'order.jsonl'));
  });

  it('gives the controls the budget of the selection, and the full arm all pairs', () => {
    const ids = (arm: string) => armFile(arm, 'order.jsonl');
    const { kept } = report().selection;
    const arms = new Map(report().arms.map((arm) => [arm.name, arm]));
    expect([...arms.keys()]).toEqual(['start', ...ARMS]);
    for (const name of ARMS) {
      const arm = arms.get(name);
      const pairsHere = name === 'full' ? pool().length : kept;
      expect(arm).toMatchObject({ pairs: pairsHere, steps: Math.ceil(pairsHere / 4) });
      expect(ids(name)).toHaveLength(pairsHere);
      expect(new Set(ids(name)).size).toBe(pairsHere);
      const steps = readRows<{ step: number; loss: number }>(out, 'arms', name, 'steps.jsonl');
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));
      expect(steps).toHaveLength(arm?.steps ?? 0);
      // The first batch is seen by an untrained policy.
      expect(steps[0]?.loss).toBeCloseTo(Math.LN2, 5);
    }
    expect([...ids('full')].sort()).toEqual(
      pool()
        .map(({ id }) => id)
        .sort(),
    );
    expect([...ids('easiest-shuffled')].sort()).toEqual([...ids('selected')].sort());
    expect(ids('easiest-shuffled')).not.toEqual(ids('selected'));
    const hardest = byRank().slice(-kept);
    expect([...ids('hardest')].sort()).toEqual(hardest.map(({ id }) => id).sort());
  });

  it('holds out prompts that no training and no scoring sees', () => {
    const held = pairs().filter(({ role }) => role === 'held-out');
    expect(held.length).toBeGreaterThan(5);
    const poolPrompts = new Set(pool().map(({ prompt }) => plain(prompt)));
    expect(held.filter(({ prompt }) => poolPrompts.has(plain(prompt)))).toEqual([]);
    const seen = new Set(ARMS.flatMap((arm) => armFile(arm, 'order.jsonl')));
    expect(held.filter(({ id }) => seen.has(id))).toEqual([]);
    for (const { heldOut } of report().arms) expect(heldOut.n).toBe(held.length);
  });

  it('never scores a pair, or a near-duplicate of it, in a run that trained on it', () => {
    const texts = new Map(pairs().map((pair) => [pair.id, pair]));
    const groups = new Set(pool().map(alike));
    // The data does hold duplicates: label conflicts and variants in white space.
    expect(groups.size).toBeLessThan(pool().length - 3);
    const scoring = unitsOf(out, 'scoring-').filter(isDone);
    expect(scoring).toHaveLength(4);
    for (const unit of scoring) {
      const { places = {} } = JSON.parse(readText(unit, 'unit.json')) as UnitSpec;
      const trained = readRows<string>(places.trainOn as string);
      const scored = readRows<string>(places.score as string);
      expect([...trained, ...scored].sort()).toEqual([...texts.keys()].filter((id) => inPool(id)).sort());
      const trainedOn = new Set(trained.map((id) => alike(texts.get(id) as PairRow)));
      const leaked = scored.filter((id) => trainedOn.has(alike(texts.get(id) as PairRow)));
      expect(leaked).toEqual([]);
      const { attempt } = JSON.parse(readText(unit, 'DONE.json'));
      const rows = readRows<{ id: string }>(unit, 'attempts', attempt, 'scores.jsonl');
      expect(rows.map(({ id }) => id)).toEqual(scored);
    }
    function inPool(id: string): boolean {
      return texts.get(id)?.role === 'pool';
    }
  });

  it('fills report.json with every promised field', () => {
    const number = expect.any(Number);
    const data = report();
    expect(data).toMatchObject({
      pairs: { read: number, used: number, refused: number },
      difficulty: {
        folds: number,
        seeds: number,
        checkpoints: number,
        spearman: number,
        overlap: number,
        shareBelowLn2: number,
      },
      selection: { keepFraction: number, kept: number, dropped: number },
      seconds: number,
      version: JSON.parse(readText(import.meta.dirname, '..', 'package.json')).version,
    });
    for (const arm of data.arms) {
      expect(arm).toMatchObject({
        name: expect.any(String),
        pairs: number,
        steps: number,
        heldOut: { accuracy: number, loss: number, n: number },
        // There is no gold judge for these pairs.
        winRate: null,
        correctness: null,
        meanLengthTokens: number,
        chosenLogProbChange: number,
      });
      if (arm.name !== 'start') expect(arm.chosenLogProbChange).not.toBe(0);
    }
    const [start] = data.arms;
    expect(start?.heldOut).toMatchObject({ accuracy: 0.5, loss: expect.closeTo(Math.LN2, 9) });
    expect(start?.chosenLogProbChange).toBe(0);
    expect(data.seconds).toBeGreaterThan(0);
  });

  it('evaluates what the trained arms answer and how they order held-out pairs', () => {
    for (const unit of unitsOf(out, 'held-out-')) {
      const spec = JSON.parse(readText(unit, 'unit.json')) as UnitSpec;
      const { attempt } = JSON.parse(readText(unit, 'DONE.json'));
      type Row = { id: string; chosen: number; rejected: number };
      const after = readRows<Row>(unit, 'attempts', attempt, 'log-probs.jsonl');
      const before = new Map(referenceRows<Row>().map((row) => [row.id, row]));
      const margins = after.map(({ id, chosen, rejected }) => {
        const start = before.get(id) as Row;
        return BETA * (chosen - start.chosen - (rejected - start.rejected));
      });
      const arm = ARMS.find(
        (name) =>
          readText(out, 'arms', name, 'order.jsonl') ===
          readText(spec.places?.trained as string, 'order.jsonl'),
      );
      const told = report().arms.find(({ name }) => name === arm)?.heldOut;
      expect(told?.loss).toBeCloseTo(mean(margins.map((margin) => Math.log1p(Math.exp(-margin)))), 9);
      const right = margins.map((margin) => (margin > 0 ? 1 : margin === 0 ? 0.5 : 0));
      expect(told?.accuracy).toBeCloseTo(mean(right), 12);
    }
    function referenceRows<Row>(): Row[] {
      const [unit] = unitsOf(out, 'reference-') as [string];
      const { attempt } = JSON.parse(readText(unit, 'DONE.json'));
      return readRows<Row>(unit, 'attempts', attempt, 'log-probs.jsonl');
    }
  });

  it('draws a page of its own, without a number that is none', () => {
    const page = readText(out, 'report.html');
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
    expect(page).not.toMatch(/<(?:script|link|img)[^>]*\b(?:src|href)="https?:/);
  });

  it('does nothing anew when it is run again', async () => {
    const before = stateOf(out);
    const scores = readText(out, 'scores.jsonl');
    const again = await winnowOk([...argumentsOf('run', world, { out }), '--json']);
    expect(stateOf(out)).toEqual(before);
    expect(readText(out, 'scores.jsonl')).toBe(scores);
    const { command: _, ...numbers } = JSON.parse(again.stdout);
    const { command: __, ...first } = JSON.parse(ran.stdout);
    expect(numbers).toEqual(first);
  });
});
