import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WinnowError } from '../base/errors.ts';
import { freeMemory } from '../base/machine.ts';
import { Random } from '../base/random.ts';
import { type Checkpoint, openCheckpoint } from '../model/checkpoint.ts';
import { modelFolder } from '../model/hub.ts';
import { together } from '../pipeline/forecast.ts';
import { writePrompts, writeTokens } from '../pipeline/inputs.ts';
import { PAPER_RATE } from '../pipeline/learning-rate.ts';
import {
  pairTokens,
  probedPolicy,
  probePairs,
  probeRounds,
  probeUnit,
  readProbe,
} from '../pipeline/probe.ts';
import { gigabytes, lanes, memoryBudget, memoryNeeds } from '../pipeline/resources.ts';
import { fixedHyper } from '../pipeline/start.ts';
import type { Hyper } from '../pipeline/units.ts';
import { VERSION } from '../pipeline/version.ts';
import { sharedRow } from '../pipeline/work.ts';
import { type Config, loadConfig } from '../run/config.ts';
import { openRun } from '../run/folder.ts';
import { runUnits } from '../run/pool.ts';
import { integersAreExact } from '../tensor/integer-products.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { ownBytes, workerMemory } from '../train/memory.ts';
import { type Finding, finding } from './finding.ts';
import type { Outside } from './outside.ts';
import { createProgress, type Progress } from './progress.ts';
import { hubTalk, stageContext } from './way.ts';

export interface DoctorModelFlags {
  readonly model?: string;
  readonly revision?: string;
  readonly quiet?: boolean;
}

/** Stand-in pairs: tokens of prompt and of each completion, about those of hh-rlhf. */
const PROMPT = 160;
const COMPLETION = 80;
const PAIRS = 24;
const NEW_TOKENS = 64;

/** Opens the model, says what it needs and tries it in the workers that a run would have. */
export async function modelFindings(flags: DoctorModelFlags, outside: Outside): Promise<Finding[]> {
  const progress = createProgress({ quiet: flags.quiet === true });
  const runDir = mkdtempSync(join(tmpdir(), 'winnow-doctor-'));
  const findings: Finding[] = [];
  try {
    const dir = await modelFolder(flags.model as string, {
      ...hubTalk(progress),
      signal: outside.signal,
      ...(flags.revision === undefined ? {} : { revision: flags.revision }),
    });
    const checkpoint = openCheckpoint(dir);
    loadTokenizer(dir);
    const { config, parameters, weights } = checkpoint;
    const dtypes = [...new Set([...weights.values()].map(({ dtype }) => dtype))].join(', ');
    findings.push(
      finding(
        'model',
        'ok',
        `${config.modelType}, ${(parameters / 1e6).toFixed(1)} M parameters, ${dtypes}, ${config.layers} layers, texts of up to ${config.maxPositions} tokens`,
        {
          modelType: config.modelType,
          parameters,
          dtypes,
          layers: config.layers,
          maxPositions: config.maxPositions,
        },
      ),
    );
    openRun(runDir, { create: true, version: VERSION, command: outside.commandLine });
    const settings = loadConfig(null, { out: runDir });
    const pairs = standIns(checkpoint);
    findings.push(memoryFinding(checkpoint, settings, pairs));
    if (findings.every(({ state }) => state !== 'fault'))
      findings.push(await speed({ checkpoint, settings, pairs, runDir, progress }, outside));
  } catch (error) {
    if (!(error instanceof WinnowError) || error.kind === 'interrupted') throw error;
    findings.push({
      ...finding('model', 'fault', error.message, { code: error.code }),
      exitCode: error.exitCode,
    });
  } finally {
    progress.close();
    rmSync(runDir, { recursive: true, force: true });
  }
  return findings;
}

function standIns({ config }: Checkpoint): TokenizedPair[] {
  const random = new Random(1, 'doctor');
  const half = Math.max(1, (config.maxPositions - 1) >> 1);
  const text = (length: number) =>
    Int32Array.from({ length: Math.min(length, half) }, () => random.integer(config.vocabSize));
  return Array.from({ length: PAIRS }, (_, row) => ({
    id: String(row),
    row,
    prompt: text(PROMPT),
    chosen: text(COMPLETION),
    rejected: text(COMPLETION),
    promptTokensCut: 0,
  }));
}

/** Memory of one worker for each kind of work, at the stand-ins' lengths. */
function memoryFinding(checkpoint: Checkpoint, settings: Config, pairs: readonly TokenizedPair[]): Finding {
  const rows = pairs.map(sharedRow);
  const lora = probedPolicy(hyperOf(checkpoint, settings));
  const of = (trained: Parameters<typeof workerMemory>[1]) => {
    const need = workerMemory(checkpoint, trained, rows);
    return { keeping: need.mapped + ownBytes(need, true), again: need.mapped + ownBytes(need, false) };
  };
  const need = { scoring: of({ method: 'none' }), lora: of(lora), full: of({ method: 'full' }) };
  const free = freeMemory();
  const budget = memoryBudget(settings);
  const say = ({ keeping, again }: { keeping: number; again: number }) =>
    keeping <= budget || again > budget
      ? gigabytes(keeping)
      : `${gigabytes(again)} (activations computed again)`;
  const misfits = (['scoring', 'lora', 'full'] as const).filter((kind) => need[kind].again > budget);
  const names = { scoring: 'scoring', lora: 'LoRA training', full: 'full training' };
  return finding(
    'fit',
    need.lora.again > budget ? 'fault' : misfits.length > 0 ? 'warning' : 'ok',
    `one worker on pairs of ${pairTokens(pairs[0] as TokenizedPair)} tokens takes ${say(need.scoring)} for scoring, ${say(need.lora)} for LoRA training, ${say(need.full)} for full training; ${gigabytes(free)} are free${misfits.length > 0 ? `: too little for ${misfits.map((kind) => names[kind]).join(', ')}` : ''}`,
    { need, free, budget },
  );
}

function hyperOf(checkpoint: Checkpoint, settings: Config): Hyper {
  return { ...fixedHyper(settings, checkpoint, null, 16 * PAIRS), learningRate: PAPER_RATE };
}

interface Trial {
  readonly checkpoint: Checkpoint;
  readonly settings: Config;
  readonly pairs: readonly TokenizedPair[];
  readonly runDir: string;
  readonly progress: Progress;
}

async function speed(trial: Trial, outside: Outside): Promise<Finding> {
  const { checkpoint, settings, pairs, runDir, progress } = trial;
  const { parameters, config, dir } = checkpoint;
  const tokens = pairTokens(pairs[0] as TokenizedPair);
  const sample = writeTokens(runDir, pairs.slice(0, probePairs(parameters, tokens)));
  const prompts = writePrompts(
    runDir,
    pairs.map(({ id, prompt }) => ({ id, text: '', tokens: [...prompt] })),
  );
  const hyper = hyperOf(checkpoint, settings);
  const room = Math.max(1, config.maxPositions - PROMPT);
  const newTokens = Math.min(NEW_TOKENS, room);
  const needs = memoryNeeds(checkpoint, probedPolicy(hyper), pairs.map(sharedRow), {
    promptTokens: PROMPT,
    newTokens,
  });
  const lane = lanes(settings, needs, Number.POSITIVE_INFINITY);
  const generation = {
    temperature: 0,
    topP: 1,
    seed: 1,
    stopIds: [],
    maxNewTokens: newTokens,
    tokenizerHash: '',
  };
  const rounds = probeRounds(parameters, newTokens);
  const base = { modelDir: dir, modelHash: 'doctor', tokens: sample };
  const integers = await integersAreExact();
  const units = Array.from({ length: lane.workers }, (_, i) =>
    probeUnit(base, {
      sample,
      prompts,
      hyper,
      generation,
      precision: integers ? 'int8' : 'f32',
      rounds,
      lanes: lane,
      lane: i,
    }),
  );
  const context = stageContext(runDir, progress, outside.signal);
  const talk = context.onStage('Trying the model', units.length);
  const results = await runUnits(runDir, units, {
    workers: lane.workers,
    threadsPerWorker: lane.threads,
    workBytes: lane.workBytes,
    command: context.command,
    signal: outside.signal,
    onEvent: (event) => talk.event(event),
  });
  talk.end();
  const measured = together(results.map(readProbe), null);
  const sampled = Math.min(pairs.length, probePairs(parameters, tokens));
  const rate = (count: number, seconds: number) =>
    Math.round((lane.workers * count) / Math.max(1e-6, seconds));
  const { seconds } = measured;
  const rates = {
    scoring: rate(sampled * tokens, seconds.score),
    scoringInt8: integers ? rate(sampled * tokens, seconds.rounded) : null,
    training: rate(sampled * tokens, seconds.train),
    answering: rate(measured.prompts, seconds.round),
  };
  const per = (amount: number | null) => amount?.toLocaleString('en-US') ?? 'refused, its sums overflow here';
  const workers = `${lane.workers} worker${lane.workers === 1 ? '' : 's'} of ${lane.threads} thread${lane.threads === 1 ? '' : 's'}`;
  return finding(
    'speed',
    'ok',
    `tokens a second with ${workers}: scoring ${per(rates.scoring)} (precision int8: ${per(rates.scoringInt8)}), LoRA training ${per(rates.training)}, answering ${per(rates.answering)}`,
    { ...lane, ...rates, peakBytes: measured.peakBytes },
  );
}
