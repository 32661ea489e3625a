import { join } from 'node:path';
import { writeFileAtomic } from '../base/files.ts';
import { writeJson } from '../base/json.ts';
import { PACKAGE_DIR } from '../base/package-dir.ts';
import type { Outlook } from '../difficulty/outlook.ts';
import { SCORERS } from '../difficulty/scorers.ts';
import type { GoldJudge } from '../judge/judge.ts';
import { goldJudgeFor } from '../lab/gold.ts';
import { type HubOptions, hubSnapshot } from '../model/hub.ts';
import type { StageContext, StageCost } from '../pipeline/execute.ts';
import type { GpuPlan } from '../pipeline/gpu-plan.ts';
import { planOnGpus } from '../pipeline/gpu-plan-run.ts';
import { outlookFor } from '../pipeline/outlook.ts';
import { makePlan, type Outcome, type Plan, planOutcome, planState } from '../pipeline/plan.ts';
import { type Prepared, prepare } from '../pipeline/prepare.ts';
import {
  type Evaluated,
  evaluate,
  isTuned,
  measure,
  type Scored,
  type ScoredPairs,
  type Selected,
  select,
  type Trained,
  train,
  tune,
} from '../pipeline/stages.ts';
import { VERSION } from '../pipeline/version.ts';
import { assemble } from '../report/assemble.ts';
import type { ReportData } from '../report/data.ts';
import { outlookSentence } from '../report/outlook.ts';
import type { Config } from '../run/config.ts';
import { openExecutor } from '../run/executors/open.ts';
import { openRun } from '../run/folder.ts';
import type { QueueEvent } from '../run/pool.ts';
import { type OpenedJudge, openRunJudge } from './judge-run.ts';
import { saveConfig } from './options.ts';
import { planLines } from './plan.ts';
import { gpuPlanLine } from './plan-gpu.ts';
import { createProgress, type Progress, type Stage } from './progress.ts';

/** The way of the data, as far as a verb needs it; what is done already is reused. */
export interface Way {
  readonly config: Config;
  readonly progress: Progress;
  readonly context: StageContext;
  prepared(): Promise<Prepared>;
  /** What the run will take, measured on this machine and written to `plan.json`. */
  planned(): Promise<Plan>;
  /** Whether work is done on GPUs or on other machines, which nothing here can try. */
  readonly elsewhere: boolean;
  /** What the run will take there, from shapes and token counts; written to `plan.json`. */
  plannedOnGpus(): Promise<GpuPlan>;
  /** The plan held against what has run; null where nothing was planned or nothing had to run. */
  outcome(): Outcome | null;
  scored(): Promise<ScoredPairs>;
  /** With what trainings need, which a scorer that trains nothing leaves for later. */
  tuned(): Promise<Scored>;
  /** What is likely of leaving out the hardest pairs, from what scoring found; null of another scorer than the loss. */
  outlook(): Promise<Outlook | null>;
  selected(): Promise<Selected>;
  trained(): Promise<Trained>;
  evaluated(): Promise<Evaluated>;
  /** Writes `report.json` and `report.html` and gives the numbers. */
  reported(): Promise<ReportData>;
  /** Lets go of what was opened. */
  close(): Promise<void>;
}

export interface WayOptions {
  readonly quiet: boolean;
  /** The command line that leads here again. */
  readonly command: string;
  readonly signal: AbortSignal;
}

/** Opens the run folder and sets out. Each step is done once, with what it needs before it. */
export function setOut(config: Config, options: WayOptions): Way {
  openRun(config.out, { create: true, version: VERSION, command: options.command });
  const progress = createProgress({ quiet: options.quiet });
  const queue = openExecutor(config.executor);
  const context: StageContext = {
    ...stageContext(config.out, progress, options.signal),
    judge: judgeOf(config),
    ...(queue === null ? {} : { queue }),
  };
  const once = <T>(work: () => Promise<T>): (() => Promise<T>) => {
    let result: Promise<T> | undefined;
    return () => {
      result ??= work();
      return result;
    };
  };
  let llm: OpenedJudge | null = null;
  /** The context with the language model that judges, if there is one; a fault of it is told before any work. */
  const judging = once(async (): Promise<StageContext> => {
    llm = await openRunJudge(config);
    return llm === null ? context : { ...context, llm: { judge: llm.judge, note: progress.note } };
  });
  const prepared = once(async () => {
    const { signal } = options;
    const reward = { ...hubTalk(progress, 'Downloading the reward model'), signal };
    const found = await prepare(config, config.out, { ...hubTalk(progress), signal, reward });
    // Only now: a mistyped path must not take the place of the configuration that a finished run was made with.
    // And of a model on the hub the commit: later verbs go on with the same model, wherever its branch has gone.
    const revision = commitOf(config.model, found.checkpoint.dir) ?? config.revision;
    const { rewardModel, rewardRevision } = config.evaluation;
    const judge = found.rewardModel?.checkpoint.dir;
    const judgeRevision = (judge && commitOf(rewardModel, judge)) ?? rewardRevision;
    const evaluation = { ...config.evaluation, rewardRevision: judgeRevision };
    saveConfig({ ...config, revision, evaluation });
    return found;
  });
  const planned = once(async () => makePlan(await prepared(), await judging()));
  const elsewhere = config.engine !== 'embedded' || config.executor.kind !== 'local';
  const plannedOnGpus = once(async () => {
    const plan = planOnGpus(await prepared(), await judging());
    writeJson(join(config.out, 'plan.json'), plan);
    return plan;
  });
  /** What was planned for, if anything was, and what has run of it. */
  let plan: Plan | null = null;
  const costs: StageCost[] = [];
  const counted = async <T extends { readonly costs: readonly StageCost[] }>(
    stage: Promise<T>,
  ): Promise<T> => {
    const done = await stage;
    costs.push(...done.costs);
    return done;
  };
  const forecast = async () => {
    if (elsewhere) {
      if (!options.quiet) progress.note(gpuPlanLine(await plannedOnGpus()));
      return;
    }
    const state = options.quiet || plan !== null ? 'unmeasured' : planState(await prepared(), config.out);
    if (state === 'unmeasured') return;
    plan = await planned();
    for (const line of planLines(plan)) progress.note(line);
  };
  const { needs } = SCORERS[config.difficulty.scorer];
  const scored = once(async () => {
    // What takes no pass of the model takes no time to foretell.
    if (needs !== 'nothing') await forecast();
    return counted(measure(await prepared(), await judging()));
  });
  const tuned = once(async () => {
    const before = await scored();
    if (isTuned(before)) return before;
    if (needs === 'nothing') await forecast();
    const after = await tune(await prepared(), before, await judging());
    costs.push(...after.costs.slice(before.costs.length));
    return after;
  });
  const expected = once(async () => outlookFor(await prepared(), await scored()));
  const selected = once(async () => counted(select(await prepared(), await scored(), await judging())));
  const trained = once(async () => {
    const chosen = await selected();
    const ready = await tuned();
    const likely = config.selection.direction === 'easiest' ? await expected() : null;
    if (likely !== null) progress.note(outlookSentence(likely).en);
    return counted(train(await prepared(), ready, chosen, context));
  });
  const evaluated = once(async () =>
    counted(evaluate(await prepared(), await tuned(), await trained(), await judging())),
  );
  const reported = once(async () => {
    const data = assemble({
      runDir: config.out,
      evaluated: await evaluated(),
      prepared: await prepared(),
      scored: await tuned(),
      selected: await selected(),
      trained: await trained(),
      judge: context.judge,
      ...(config.llmJudge.model === null ? {} : { llmJudge: config.llmJudge.model }),
      command: options.command,
    });
    // Charts take longer to load than all else together: not every verb and every worker should wait for them.
    const { renderReport } = await import('../report/page.ts');
    writeJson(join(config.out, 'report.json'), data);
    writeFileAtomic(join(config.out, 'report.html'), renderReport(data, config.language));
    return data;
  });
  const outcome = () => (plan === null ? null : planOutcome(plan, costs, config.out));
  return {
    config,
    progress,
    context,
    prepared,
    planned,
    elsewhere,
    plannedOnGpus,
    outcome,
    scored,
    tuned,
    outlook: expected,
    selected,
    trained,
    evaluated,
    reported,
    close: async () => llm?.client.close(),
  };
}

/** The commit that a model on the hub was found at; null of a folder. */
function commitOf(model: string | null, dir: string): string | null {
  return model === dir ? null : (hubSnapshot(dir)?.commit ?? null);
}

/** How a download from the hub shows: a stage that appears with the first bytes. */
export function hubTalk(
  progress: Progress,
  title = 'Downloading the model',
): Pick<HubOptions, 'onProgress' | 'onNote'> {
  let stage: Stage | undefined;
  return {
    onProgress(done, total) {
      stage ??= progress.stage(title, { what: 'MB' });
      stage.update('model', Math.round(done / 1e6), Math.max(1, Math.round(total / 1e6)));
      if (done === total) stage.end(`${(total / 1e6).toFixed(1)} MB`);
    },
    onNote: (text) => progress.note(text),
  };
}

/** Stages that run in worker processes of this program, and talk through the progress line. */
export function stageContext(runDir: string, progress: Progress, signal: AbortSignal): StageContext {
  const told = new Set<string>();
  return {
    runDir,
    judge: null,
    command: [process.execPath, join(PACKAGE_DIR, 'dist', 'cli.mjs'), 'worker'],
    signal,
    onStage(title, units) {
      const stage = progress.stage(title, { parts: units });
      let said = '';
      return {
        event(event) {
          if (event.type === 'progress') {
            const detail =
              event.loss === undefined ? event.what : `${event.what}, loss ${event.loss.toFixed(4)}`;
            stage.update(event.unit, event.done, event.total, detail);
          } else if (event.type === 'queue') {
            const line = queueLine(title, event);
            if (line !== said) progress.note(line);
            said = line;
          } else if (event.type === 'reused') stage.reuse(event.unit);
          else if (event.type === 'done') stage.update(event.unit, 1, 1);
          else if (event.type === 'note' && !told.has(event.text)) {
            // Every worker of a run finds the same.
            told.add(event.text);
            progress.note(event.text);
          }
        },
        end: () => stage.end(),
      };
    },
  };
}

/** Where the units of a stage are, in a line. */
function queueLine(title: string, { queued, running, unknown, waiting, fault }: QueueEvent): string {
  const counts = { running, queued, waiting, 'not known': unknown };
  const parts = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  const why = fault === null ? '' : ` (${fault.split('\n', 1)[0]})`;
  return `${title}: ${parts.join(', ') || 'through'}${why}`;
}

function judgeOf(config: Config): GoldJudge | null {
  return config.evaluation.judge === 'none' ? null : goldJudgeFor(config.evaluation.judge);
}
