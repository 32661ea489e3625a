/** The processes of `bench/pairs.ts`: `check MODEL DATA OUT`, `books MODEL DATA OUT`, and `worker UNIT`. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../../src/base/files.ts';
import { keepHeapSmall } from '../../src/base/heap.ts';
import { writeJson, writeJsonLines } from '../../src/base/json.ts';
import { Random } from '../../src/base/random.ts';
import type { ScoreRow } from '../../src/difficulty/scores.ts';
import { writeAdapter } from '../../src/model/adapter.ts';
import { readIds, readPrompts, readReference, readTokens } from '../../src/pipeline/inputs.ts';
import { prepare } from '../../src/pipeline/prepare.ts';
import { evaluate, score, select, train } from '../../src/pipeline/stages.ts';
import { assemble } from '../../src/report/assemble.ts';
import { renderReport } from '../../src/report/page.ts';
import { loadConfig } from '../../src/run/config.ts';
import { runUnit, type UnitContext, type UnitRunner } from '../../src/run/worker.ts';
import { dpoLoss } from '../../src/train/preference-loss.ts';

export interface Measured {
  readonly seconds: number;
  readonly megabytes: number;
  readonly workerMegabytes?: number;
  readonly steps?: Readonly<Record<string, readonly [seconds: number, peakMb: number]>>;
}

async function books(upTo: string, model: string, data: string, out: string): Promise<void> {
  const steps: Record<string, [number, number]> = {};
  const timed = async <T>(name: string, run: () => T | Promise<T>): Promise<T> => {
    const begun = performance.now();
    const result = await run();
    steps[name] = [(performance.now() - begun) / 1000, peakMb()];
    return result;
  };
  keepHeapSmall();
  mkdirSync(out, { recursive: true });
  const config = loadConfig(null, {
    model,
    data,
    out,
    'training.learningRate': 1e-4,
    workers: 1,
    threads: 1,
  });
  const prepared = await timed('check', () => prepare(config, out));
  let workerMegabytes: number | undefined;
  if (upTo === 'books') {
    const context = {
      runDir: out,
      command: [process.execPath, process.argv[1] as string, 'worker'],
      judge: null,
      onStage: () => ({ event() {}, end() {} }),
    };
    const scored = await timed('score', () => score(prepared, context));
    const selected = await timed('select', () => select(prepared, scored, context));
    const trained = await timed('train', () => train(prepared, scored, selected, context));
    const evaluated = await timed('evaluate', () => evaluate(prepared, scored, trained, context));
    await timed('report', () => {
      const results = {
        runDir: out,
        prepared,
        scored,
        selected,
        trained,
        evaluated,
        judge: null,
        command: 'bench',
      };
      const report = assemble(results);
      writeJson(join(out, 'report.json'), report);
      writeFileAtomic(join(out, 'report.html'), renderReport(report));
    });
    const peaks = readdirSync(out).filter((name) => name.startsWith('peak-'));
    workerMegabytes = Math.max(...peaks.map((name) => Number(readFileSync(join(out, name), 'utf8'))));
  }
  const measured = { seconds: 0, megabytes: peakMb(), workerMegabytes, steps };
  console.log(JSON.stringify(measured));
}

/** Peak resident memory of this process. */
function peakMb(): number {
  return process.resourceUsage().maxRSS / 1024;
}

async function work(unitDir: string): Promise<void> {
  const code = await runUnit(unitDir, MADE_UP);
  writeFileSync(join(dirname(dirname(unitDir)), `peak-${basename(unitDir)}`), String(peakMb()));
  process.exitCode = code;
}

const place = ({ places }: UnitContext, name: string): string => places[name] as string;

/** What the runners of `src/pipeline/runners.ts` read and write, without a model between. */
const MADE_UP: Readonly<Record<string, UnitRunner>> = {
  reference: async (_, context) => logProbs(context, readTokens(place(context, 'tokens')).keys()),
  'held-out': async (_, context) => {
    const tokens = readTokens(place(context, 'tokens'), readIds(place(context, 'rows')));
    return logProbs(context, tokens.keys());
  },
  scoring: async (inputs, context) => {
    const [seed, part] = [inputs.seed as number, inputs.part as number];
    const trainOn = readIds(place(context, 'trainOn'));
    const held = readIds(place(context, 'score'));
    const tokens = readTokens(place(context, 'tokens'), [...trainOn, ...held]);
    const reference = readReference(place(context, 'reference'), tokens.keys());
    const random = new Random(seed, part);
    const scores = held.map((id): ScoreRow => {
      const before = reference.get(id) as { row: number; chosen: number; rejected: number };
      const [up, down] = [random.normal(), random.normal()];
      return {
        id,
        row: tokens.get(id)?.row as number,
        part,
        seed,
        checkpoint: 1,
        step: 100,
        chosenLogProb: before.chosen + up,
        rejectedLogProb: before.rejected + down,
        refChosenLogProb: before.chosen,
        refRejectedLogProb: before.rejected,
        loss: dpoLoss(0.1 * (up - down)),
        evenTokenMargin: (up - down) / 2,
      };
    });
    writeJsonLines(join(context.attemptDir, 'steps.jsonl'), []);
    const rows = writeJsonLines(join(context.attemptDir, 'scores.jsonl'), scores);
    return { files: ['scores.jsonl', 'steps.jsonl'], rows: { 'scores.jsonl': rows } };
  },
  training: async (_, context) => {
    const order = readIds(place(context, 'order'));
    readTokens(place(context, 'tokens'), order);
    readReference(place(context, 'reference'), order);
    writeJsonLines(join(context.attemptDir, 'steps.jsonl'), []);
    writeJsonLines(join(context.attemptDir, 'order.jsonl'), order);
    writeAdapter(join(context.attemptDir, 'adapter'), {
      baseModel: 'bench',
      rank: 1,
      alpha: 1,
      targetModules: ['q_proj'],
      tensors: new Map([
        [
          'model.layers.0.self_attn.q_proj',
          {
            a: { shape: [1, 16], data: new Float32Array(16) },
            b: { shape: [16, 1], data: new Float32Array(16) },
          },
        ],
      ]),
    });
    const files = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => `adapter/${name}`);
    return { files: ['steps.jsonl', 'order.jsonl', ...files] };
  },
  answers: async (_, context) => {
    const answers = readPrompts(place(context, 'tokens')).map(({ id, text }) => ({
      id,
      prompt: text,
      text: 'an answer',
      tokens: 2,
      ended: true,
    }));
    const rows = writeJsonLines(join(context.attemptDir, 'answers.jsonl'), answers);
    return { files: ['answers.jsonl'], rows: { 'answers.jsonl': rows } };
  },
};

function logProbs(context: UnitContext, ids: Iterable<string>) {
  const random = new Random(1, context.spec.kind);
  const draw = () => -100 + 10 * random.normal();
  const rows = [...ids].map((id, row) => {
    const [chosen, rejected] = [draw(), draw()];
    return { id, row, chosen, rejected, chosenEven: chosen / 2, rejectedEven: rejected / 2 };
  });
  const written = writeJsonLines(join(context.attemptDir, 'log-probs.jsonl'), rows);
  return { files: ['log-probs.jsonl'], rows: { 'log-probs.jsonl': written } };
}

const [step, ...args] = process.argv.slice(2) as [string, ...string[]];
if (step === 'worker') await work(args[0] as string);
else await books(step, ...(args as [string, string, string]));
