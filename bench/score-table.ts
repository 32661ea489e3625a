/**
 * Merging a score table: the scores of all scoring runs are read from their units' files, put in order, aggregated, held
 * against each other, and written, as `winnow score` does after its last unit.
 * `npm run bench -- score-table [--pairs 100000] [--seeds 3]`
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256 } from '../src/base/hash.ts';
import { writeJsonLines } from '../src/base/json.ts';
import { Random } from '../src/base/random.ts';
import type { ScoreRow } from '../src/difficulty/scores.ts';
import { mergeScores } from '../src/pipeline/score-table.ts';
import { dpoLoss } from '../src/train/preference-loss.ts';
import { machineLine, memory } from './lib/machine.ts';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '100000' },
    seeds: { type: 'string', default: '3' },
    checkpoints: { type: 'string', default: '1' },
  },
});
const [pairs, seeds, checkpoints] = [values.pairs, values.seeds, values.checkpoints].map(Number) as [
  number,
  number,
  number,
];
const BETA = 0.01;
const dir = mkdtempSync(join(tmpdir(), 'winnow-score-table-'));

function* scoresOf(seed: number, part: number): Generator<ScoreRow> {
  const random = new Random(seed, `part ${part}`);
  for (let row = 0; row < pairs; row++) {
    // Which half a pair is in differs by seed.
    if (((row * (2 * seed + 1)) >> 3) % 2 !== part) continue;
    const base = (row * 7919) % 1000;
    for (let checkpoint = 1; checkpoint <= checkpoints; checkpoint++) {
      const margin = base / 500 - 1 + random.uniform();
      yield {
        ...{ id: sha256(`pair ${row}`), row, part, seed, checkpoint, step: 59 * checkpoint },
        chosenLogProb: -200.123456789 + 50 * margin,
        rejectedLogProb: -210.987654321 - 50 * margin,
        refChosenLogProb: -200.123456789,
        refRejectedLogProb: -210.987654321,
        loss: dpoLoss(BETA * 100 * margin),
        evenTokenMargin: 50 * margin + random.uniform(),
      };
    }
  }
}

try {
  const files: string[] = [];
  for (let seed = 1; seed <= seeds; seed++)
    for (const part of [0, 1]) {
      const unit = join(dir, `scoring-${seed}-${part}`);
      mkdirSync(unit, { recursive: true });
      files.push(join(unit, 'scores.jsonl'));
      writeJsonLines(files.at(-1) as string, scoresOf(seed, part));
    }
  const before = memory().peakBytes;
  const begun = performance.now();
  const { difficulties, reliability, scores } = mergeScores(files, {
    runDir: dir,
    scorer: 'validation-loss',
    first: 'smallest',
    learnedMargin: 0.4,
    beta: BETA,
    seeds,
    keepFraction: 0.5,
  });
  const seconds = (performance.now() - begun) / 1000;
  console.log(machineLine());
  console.log(
    `${difficulties.length} pairs, ${scores.length} scores of ${files.length} runs: ${seconds.toFixed(2)} s, ${Math.round(memory().peakBytes / 1e6)} MB at most (${Math.round(before / 1e6)} MB before), Spearman ${reliability.spearman?.toFixed(4)}`,
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
