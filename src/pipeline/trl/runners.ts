import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { machineError } from '../../base/errors.ts';
import { writeJsonLines } from '../../base/json.ts';
import { parseLines } from '../../base/own-lines.ts';
import { deriveSeed } from '../../base/random.ts';
import type { ScoreRow } from '../../difficulty/scores.ts';
import { readAdapter, writeAdapter } from '../../model/adapter.ts';
import { openCheckpoint } from '../../model/checkpoint.ts';
import { copyTokenizer } from '../../model/checkpoint-write.ts';
import { hubName } from '../../model/hub.ts';
import { adapterOf } from '../../policy/adapter.ts';
import { initialParameters } from '../../policy/policy.ts';
import type { UnitContext, UnitRunner } from '../../run/worker.ts';
import type { TokenizedPair } from '../../text/tokenized.ts';
import { diverged, rowsOfSteps, totalSteps } from '../../train/optimise.ts';
import type { PairScore } from '../../train/preference.ts';
import { needFinite } from '../finite.ts';
import { type LogProbRow, logProbLine, readIds, readReference, readTokens, readWeights } from '../inputs.ts';
import { checkpointAt, pick, place, RUNNERS, scoreRow, trainedOf } from '../runners.ts';
import { needSameModel } from '../same-model.ts';
import type { Hyper } from '../units.ts';
import { type OrderLine, takenBySteps, trainingRows } from './batches.ts';
import { hyperOf, plain, work, workDir } from './work.ts';

/** Of what transformers and PEFT save: no model card, no arguments of the trainer. */
const KEPT_OF_TRAINED = /\.(safetensors|json|jinja|model|txt)$/;

type ScoredPair = PairScore & { readonly id: string; readonly row: number };

/** What each kind of unit does where TRL is the engine: the same files as `RUNNERS` write. */
export const TRL_RUNNERS: Readonly<Record<string, UnitRunner>> = {
  reference: async (inputs, context) => {
    if (inputs.byToken === true) throw new Error('trl has no log-probabilities by token');
    return logProbs(context, inputs, [...readTokens(place(context, 'tokens')).values()], null);
  },
  'held-out': async (inputs, context) => {
    const ids = readIds(place(context, 'rows'));
    return logProbs(
      context,
      inputs,
      pick(readTokens(place(context, 'tokens'), ids), ids),
      place(context, 'trained'),
    );
  },
  scoring: scoringRun,
  training: armTraining,
  trial,
};

async function logProbs(
  context: UnitContext,
  inputs: Parameters<UnitRunner>[0],
  pairs: readonly TokenizedPair[],
  trained: string | null,
) {
  const whole = trained !== null && existsSync(join(trained, 'model')) ? join(trained, 'model') : null;
  const adapter =
    whole !== null ? null : trained !== null ? join(trained, 'adapter') : (context.places.adapter ?? null);
  const model = whole ?? place(context, 'model');
  needSameModel(context, openCheckpoint(model));
  await work(context, {
    ...plain(inputs),
    model,
    adapter,
    train: false,
    heldOut: writeHeldOut(context, pairs),
    steps: 0,
  });
  return writeLogProbs(context, 'log-probs', pairs, { model, start: trained === null });
}

/** Writes what the worker has scored under `name` as `log-probs.jsonl`. */
function writeLogProbs(
  context: UnitContext,
  name: string,
  pairs: readonly TokenizedPair[],
  scorer: Parameters<typeof needFinite>[2],
) {
  const found = readScored(context, name, pairs);
  pairs.forEach((pair) => {
    needFinite(found.get(pair.id) as ScoredPair, pair, scorer);
  });
  const lines = pairs.map(({ id, row }) => logProbLine({ ...(found.get(id) as LogProbRow), id, row }));
  const rows = writeJsonLines(join(context.attemptDir, 'log-probs.jsonl'), lines);
  return { files: ['log-probs.jsonl'], rows: { 'log-probs.jsonl': rows } };
}

async function scoringRun(inputs: Parameters<UnitRunner>[0], context: UnitContext) {
  const hyper = inputs.training as unknown as Hyper;
  const [seed, part, checkpoints] = [
    inputs.seed as number,
    inputs.part as number,
    inputs.checkpoints as number,
  ];
  const trainIds = readIds(place(context, 'trainOn'));
  const scoreIds = readIds(place(context, 'score'));
  const tokens = readTokens(place(context, 'tokens'), [...trainIds, ...scoreIds]);
  const heldOut = pick(tokens, scoreIds);
  const total = totalSteps(trainIds.length, hyper);
  const scoreAt = Array.from({ length: total }, (_, i) => i + 1).filter(
    (step) => checkpointAt(step, total, checkpoints) !== null,
  );
  await train(context, inputs, {
    pairs: pick(tokens, trainIds),
    shuffleSeed: deriveSeed(seed, 'scoring order', part),
    initSeed: deriveSeed(seed, 'scoring', part),
    heldOut,
    scoreAt,
    keep: false,
  });
  const before = readReference(place(context, 'scoringReference'), scoreIds);
  const scores = scoreAt.flatMap((step): ScoreRow[] => {
    const found = readScored(context, `scores-${step}`, heldOut);
    const checkpoint = checkpointAt(step, total, checkpoints) as number;
    return heldOut.map((pair) => {
      const { id, row } = pair;
      const after = found.get(id) as ScoredPair;
      needFinite(after, pair, { model: place(context, 'model'), start: false, step });
      return scoreRow(after, before.get(id) as LogProbRow, hyper.beta, {
        id,
        row,
        part,
        seed,
        checkpoint,
        step,
      });
    });
  });
  const rows = writeJsonLines(join(context.attemptDir, 'scores.jsonl'), scores);
  return { files: ['scores.jsonl', 'steps.jsonl'], rows: { 'scores.jsonl': rows } };
}

async function armTraining(inputs: Parameters<UnitRunner>[0], context: UnitContext) {
  const seed = inputs.seed as number;
  const ids = readIds(place(context, 'order'));
  const pairs = pick(readTokens(place(context, 'tokens'), ids), ids);
  const { consumed } = await train(context, inputs, {
    pairs,
    shuffleSeed: inputs.shuffleSeed as number | null,
    initSeed: deriveSeed(seed, 'training'),
    ...(context.places.weights && { weights: readWeights(context.places.weights) }),
    heldOut: [],
    scoreAt: [],
    keep: true,
  });
  writeJsonLines(
    join(context.attemptDir, 'order.jsonl'),
    consumed.map((i) => (pairs[i] as TokenizedPair).id),
  );
  const folder = (inputs.training as unknown as Hyper).method === 'full' ? 'model' : 'adapter';
  const to = join(context.attemptDir, folder);
  if (folder === 'model') copyTokenizer(place(context, 'model'), to, { required: false });
  const files = readdirSync(to).filter((name) => KEPT_OF_TRAINED.test(name));
  const paths = files.map((name) => `${folder}/${name}`);
  return { files: ['steps.jsonl', 'order.jsonl', ...paths], rows: {} };
}

/**
 * Trains an arm, scores held-out pairs after its last step, and has it answer as the embedded engine does; what was
 * trained is not kept.
 */
async function trial(inputs: Parameters<UnitRunner>[0], context: UnitContext) {
  const ids = readIds(place(context, 'order'));
  const held = readIds(place(context, 'heldOut'));
  const tokens = readTokens(place(context, 'tokens'), [...ids, ...held]);
  const heldOut = pick(tokens, held);
  const last = totalSteps(ids.length, inputs.training as unknown as Hyper);
  const { losses } = await train(context, inputs, {
    pairs: pick(tokens, ids),
    shuffleSeed: inputs.shuffleSeed as number | null,
    initSeed: deriveSeed(inputs.seed as number, 'training'),
    heldOut,
    scoreAt: [last],
    keep: true,
  });
  const rows = writeJsonLines(join(context.attemptDir, 'losses.jsonl'), losses);
  const model = place(context, 'model');
  const scored = writeLogProbs(context, `scores-${last}`, heldOut, { model, start: false, step: last });
  const places = { ...context.places, tokens: place(context, 'prompts'), trained: context.attemptDir };
  const answered = await (RUNNERS.answers as UnitRunner)(inputs, { ...context, places });
  for (const folder of ['adapter', 'model'])
    rmSync(join(context.attemptDir, folder), { recursive: true, force: true });
  return {
    files: ['losses.jsonl', ...scored.files, ...answered.files],
    rows: { 'losses.jsonl': rows, ...scored.rows, ...answered.rows },
  };
}

interface Training {
  readonly pairs: readonly TokenizedPair[];
  readonly shuffleSeed: number | null;
  readonly initSeed: number;
  readonly weights?: readonly number[];
  readonly heldOut: readonly TokenizedPair[];
  readonly scoreAt: readonly number[];
  readonly keep: boolean;
}

/**
 * Trains; writes `steps.jsonl`, and with `keep` what was trained. Gives the places of the pairs as they were taken, and
 * the loss of each step.
 */
async function train(
  context: UnitContext,
  inputs: Parameters<UnitRunner>[0],
  { pairs, shuffleSeed, initSeed, weights, heldOut, scoreAt, keep }: Training,
): Promise<{ readonly consumed: readonly number[]; readonly losses: readonly number[] }> {
  const hyper = inputs.training as unknown as Hyper;
  const model = place(context, 'model');
  needSameModel(context, openCheckpoint(model));
  const reference = readReference(
    place(context, 'reference'),
    pairs.map(({ id }) => id),
  );
  const job = { pairs, reference, shuffleSeed, hyper, ...(weights && { weights }) };
  const trained = trainedOf(hyper, initSeed);
  const start = context.places.adapter === undefined ? null : readAdapter(context.places.adapter);
  const adapter = trained.method === 'lora' ? join(workDir(context), 'start') : null;
  if (trained.method === 'lora') {
    mkdirSync(workDir(context), { recursive: true });
    writeAdapter(
      adapter as string,
      start ?? adapterOf(initialParameters(openCheckpoint(model), trained), trained, hubName(model)),
    );
  }
  const steps = totalSteps(pairs.length, hyper);
  const folder = trained.method === 'lora' ? 'adapter' : 'model';
  const rowsOf = rowsOfSteps(pairs.length, shuffleSeed, hyper.batchSize);
  const nameOf = (i: number) => `${pairs[i]?.id} (row ${pairs[i]?.row})`;
  await work(context, {
    ...plain(inputs),
    ...hyperOf(hyper, steps),
    model,
    adapter,
    train: true,
    heldOut: heldOut.length === 0 ? null : writeHeldOut(context, heldOut),
    steps,
    scoreAt,
    keep: keep ? join(context.attemptDir, folder) : null,
    rowsFor: ({ perStep }) => trainingRows(job, { perStep }),
    diverged: (found) => diverged({ ...found, rows: rowsOf(found.step - 1) }, nameOf),
  });
  const ranks = rankFiles(context, 'order').map((file) => [...parseLines<OrderLine>(file)]);
  const taken = takenBySteps(ranks);
  // What the loop recorded, not what was asked for: the two must agree.
  const consumed: number[] = [];
  const records = Array.from({ length: steps }, (_, step) => {
    // But for what fills a step up.
    const got = (taken.get(step + 1) ?? []).filter((row) => row >= 0);
    const rows = rowsOf(step);
    const need = rows.map((_, k) => consumed.length + k);
    if (got.join() !== need.join())
      throw machineError('order-differs', 'the training did not take the pairs in the order asked for', {
        got: `step ${step + 1}: rows ${got.slice(0, 8).join()}`,
        need: `rows ${need.slice(0, 8).join()}`,
        remedy: 'This is a fault in the engine, not in your data: its results are not used',
      });
    consumed.push(...rows);
    const line = ranks[0]?.find((one) => one.step === step + 1) as OrderLine;
    const { loss, learningRate, gradNorm } = line;
    return { step: step + 1, loss, learningRate, gradNorm, rows };
  });
  writeJsonLines(join(context.attemptDir, 'steps.jsonl'), records);
  return { consumed, losses: records.map(({ loss }) => loss) };
}

function writeHeldOut(context: UnitContext, pairs: readonly TokenizedPair[]): string {
  const file = join(workDir(context), 'held-out.jsonl');
  mkdirSync(workDir(context), { recursive: true });
  writeJsonLines(
    file,
    pairs.map(({ id, row, prompt, chosen, rejected }) => ({
      id,
      row,
      prompt_ids: [...prompt],
      chosen_ids: [...chosen],
      rejected_ids: [...rejected],
    })),
  );
  return file;
}

function rankFiles(context: UnitContext, name: string): string[] {
  const dir = workDir(context);
  const files: string[] = [];
  for (let rank = 0; existsSync(join(dir, `${name}.${rank}.jsonl`)); rank++)
    files.push(join(dir, `${name}.${rank}.jsonl`));
  return files;
}

/** Scores of all ranks, by id; each pair once, and each of them there. */
function readScored(
  context: UnitContext,
  name: string,
  pairs: readonly TokenizedPair[],
): Map<string, ScoredPair> {
  const found = new Map<string, ScoredPair>();
  for (const file of rankFiles(context, name))
    for (const line of parseLines<ScoredPair>(file)) {
      const { id, row } = line;
      // A word where it is no number: `needFinite` then names the pair.
      const number = (value: unknown) => (typeof value === 'number' ? value : Number.NaN);
      const [chosen, rejected] = [number(line.chosen), number(line.rejected)];
      const [chosenEven, rejectedEven] = [number(line.chosenEven), number(line.rejectedEven)];
      if (found.has(id))
        throw machineError('unit-rows', 'the engine trl has scored a pair twice', { file, pair: id });
      found.set(id, { id, row, chosen, rejected, chosenEven, rejectedEven });
    }
  const missing = pairs.find(({ id }) => !found.has(id));
  if (missing !== undefined || found.size !== pairs.length)
    throw machineError('unit-rows', 'the engine trl did not score the pairs that it should have', {
      need: `${pairs.length} pairs`,
      got: `${found.size} pairs`,
      pair: missing?.id,
    });
  return found;
}
