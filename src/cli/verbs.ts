import type { Command } from 'commander';
import { labelCounts } from '../difficulty/dropped.ts';
import { SCORERS } from '../difficulty/scorers.ts';
import type { Suspicion } from '../difficulty/suspicion.ts';
import { nominalShare } from '../pipeline/keep-share.ts';
import { profileOf } from '../pipeline/outlook.ts';
import { firstOf, isTuned } from '../pipeline/score.ts';
import { droppedSentences, selectionSentences } from '../report/effect-sentences.ts';
import { outlookSentence } from '../report/outlook.ts';
import { reportText } from '../report/text.ts';
import type { Language } from '../report/words.ts';
import type { Config } from '../run/config.ts';
import type { AutoKeep } from '../select/auto-keep.ts';
import { selectedBy } from '../select/ledger.ts';
import { type BenchmarkFlags, withBenchmarkFlags } from './benchmark/flags.ts';
import type { DryRunFlags } from './dry-run.ts';
import { needGates } from './gates.ts';
import { type CommonFlags, configOf, withRunFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { outcomeLine } from './plan.ts';
import { setOut, type Way } from './way.ts';

/** What a verb says: `data` for programs (--json), `text` for people. */
export interface Said {
  readonly data: unknown;
  readonly text: string;
  /** Called when all has been said: throws where a gate was not passed. */
  readonly gate?: () => void;
}

interface Verb {
  readonly name: string;
  readonly text: string;
  readonly work: (way: Way) => Promise<Said>;
}

const VERBS: readonly Verb[] = [
  {
    name: 'score',
    text: 'measure every pair’s difficulty: by cross-fitted scoring runs, or as difficulty.scorer says',
    work: scoreVerb,
  },
  {
    name: 'select',
    text: 'choose the pairs to train on; write the ledger and the receipt',
    work: selectVerb,
  },
  { name: 'train', text: 'train the arms at equal hyper-parameters', work: trainVerb },
  {
    name: 'evaluate',
    text: 'judge every arm on pairs and prompts that no training saw; with --benchmark also by LLM judges',
    work: evaluateVerb,
  },
  { name: 'report', text: 'write report.html and report.json', work: reportVerb },
  { name: 'run', text: 'all of it: check, score, select, train, evaluate, report', work: reportVerb },
];

/** Adds the verbs of the way of the data. Each does what is missing before it, and reuses what is done. */
export function addVerbs(program: Command, outside: Outside): void {
  for (const { name, text, work } of VERBS) {
    const command = withRunFlags(program.command(name).description(text));
    if (name === 'evaluate') withBenchmarkFlags(command);
    if (name === 'select')
      command
        .option('--dry-run', 'say what would change against the last selection of the run; write nothing')
        .option('--by <meta.FIELD>', 'with --dry-run: tell it by the values of a further column');
    command.action(async (flags: BenchmarkFlags & DryRunFlags) => {
      if (flags.dryRun === true) await (await import('./dry-run.ts')).selectDryRun(flags, outside);
      else if (flags.benchmark === undefined) await travel(configOf(flags), flags, outside, work);
      // Judges and pages of benchmarks take longer to load than a verb that needs none of them should wait.
      else await (await import('./benchmark/evaluate.ts')).evaluateBenchmark(flags, outside);
    });
  }
}

/** Sets out, does the work, and says the result. */
export async function travel(
  config: Config,
  flags: Pick<CommonFlags, 'json' | 'quiet'>,
  outside: Outside,
  work: (way: Way) => Promise<Said>,
): Promise<void> {
  const way = setOut(config, {
    quiet: flags.quiet === true,
    command: outside.commandLine,
    signal: outside.signal,
  });
  try {
    const said = await work(way);
    const outcome = way.outcome();
    if (outcome !== null) way.progress.note(outcomeLine(outcome));
    way.progress.close();
    outside.print(flags.json === true ? `${JSON.stringify(said.data, null, 2)}\n` : `${said.text}\n`);
    said.gate?.();
  } finally {
    way.progress.close();
    await way.close();
  }
}

async function scoreVerb(way: Way): Promise<Said> {
  const prepared = await way.prepared();
  const scored = await way.scored();
  const { reliability, difficulties } = scored;
  const { agreement: _, ...reliable } = reliability;
  const { scorer } = way.config.difficulty;
  const isLoss = scorer === 'validation-loss';
  const { unit } = SCORERS[scorer];
  const sorted = difficulties.map(({ difficulty }) => difficulty).sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  const shareBelowLn2 = sorted.filter((difficulty) => difficulty < Math.LN2).length / sorted.length;
  const profile = isLoss ? profileOf(prepared, scored) : null;
  const outlook = await way.outlook();
  const tuned = isTuned(scored) ? scored : null;
  const data = {
    ...(isLoss ? {} : { scorer, first: firstOf(way.config) }),
    reliability: reliable,
    pairs: difficulties.length,
    ...(isLoss ? { shareBelowLn2 } : {}),
    profile,
    outlook,
    quantiles: [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].map(at),
    hyper: tuned?.hyper ?? null,
    learningRates: tuned?.learningRates ?? null,
    out: way.config.out,
  };
  const files = [...(tuned === null ? [] : ['scores.jsonl']), 'difficulty.jsonl', 'reliability.json'];
  const named = isLoss ? 'nats' : [scorer, `${firstOf(way.config)} first`, unit].filter(Boolean).join(', ');
  const below = isLoss ? `; ${(100 * shareBelowLn2).toFixed(1)} % below ln 2` : '';
  const text = [
    reliable.between === null
      ? 'Reliability: nothing was measured twice'
      : `Reliability (between ${reliable.between}): Spearman ${number(reliable.spearman)}, overlap of the kept sets ${number(reliable.overlap)} (by chance ${fixedShare(nominalShare(prepared))})`,
    `${difficulties.length} pairs scored; difficulty (${named}): lowest ${at(0).toFixed(4)}, median ${at(0.5).toFixed(4)}, highest ${at(1).toFixed(4)}${below}`,
    ...(profile === null || profile.suspicions === null ? [] : [suspicionLine(profile.suspicions)]),
    ...(outlook === null ? [] : [outlookSentence(outlook).en]),
    ...(tuned === null ? [] : [`learning rate ${tuned.hyper.learningRate}, batch ${tuned.hyper.batchSize}`]),
    `${way.config.out}: ${files.join(', ')}`,
  ].join('\n');
  return { data, text };
}

function suspicionLine({ learned, unclear, against }: Readonly<Record<Suspicion, number>>): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `beyond what seeds differ by, held-out models order ${percent(learned)} of the pairs as their label says and ${percent(against)} against it (wrong labels, or what the other pairs teach the opposite of); of ${percent(unclear)} they cannot tell`;
}

async function selectVerb(way: Way): Promise<Said> {
  const { kept, threshold, options, auto, spent, forced, warnings, sideEffects } = await way.selected();
  const total = (await way.scored()).difficulties.length;
  const { direction, within } = way.config.selection;
  const { keepFraction, band, budget } = options;
  const { unit } = SCORERS[way.config.difficulty.scorer];
  const byHand = forced.keep.size + forced.drop.size;
  const data = {
    keepFraction,
    direction,
    ...(band === undefined ? {} : { band }),
    ...(budget === undefined ? {} : { budget: { ...budget, spent } }),
    ...(auto === null ? {} : { auto }),
    ...(within === 'none' ? {} : { within }),
    kept: kept.length,
    dropped: total - kept.length,
    threshold,
    ...(byHand === 0 ? {} : { decided: { keep: forced.keep.size, drop: forced.drop.size } }),
    warnings,
    effects: sideEffects.effects,
    labels: sideEffects.labels === null ? null : labelCounts(sideEffects.labels),
    out: way.config.out,
  };
  const told = [
    ...(sideEffects.effects === null ? [] : selectionSentences(sideEffects.effects)),
    ...(sideEffects.labels === null
      ? []
      : droppedSentences({
          counts: labelCounts(sideEffects.labels),
          between: sideEffects.labels.between,
        }).slice(0, 2)),
  ];
  const share = [
    ...(band === undefined && budget === undefined ? [] : [selectedBy(options)]),
    ...(spent === null || budget?.unit === 'pairs' ? [] : [`${Number(spent.toPrecision(6))} spent`]),
    `keep fraction ${Number(keepFraction.toFixed(4))}`,
  ].join(', ');
  const text = [
    ...(auto === null ? [] : [autoLine(auto)]),
    `${kept.length} of ${total} pairs kept (${direction}${within === 'none' ? '' : `, the same share within ${within}`}, ${share}; difficulty up to ${threshold.toFixed(4)}${unit === '' ? '' : ` ${unit}`})`,
    ...(byHand === 0
      ? []
      : [
          `rules and people keep ${forced.keep.size} whatever their difficulty and drop ${forced.drop.size} from every arm`,
        ]),
    ...warnings.map((warning) => `note: ${warning}`),
    ...told.map(({ en }) => en),
    `${way.config.out}/selection: selected.jsonl, ledger.jsonl, ${data.labels === null ? '' : 'labels.jsonl, '}effects.json, receipt.json`,
  ].join('\n');
  return { data, text };
}

function autoLine({ keepFraction, tried, gain }: AutoKeep): string {
  const one = (value: number) => (100 * value).toFixed(1);
  const rates = tried.map((share) => `${share.keepFraction}: ${one(share.winRate)} %`).join(', ');
  const choice =
    keepFraction === 1
      ? 'no share beat all pairs beyond chance, so all are kept'
      : `${keepFraction} beat all pairs beyond chance`;
  return `win rates on the tuning prompts by share kept: ${rates}; ${choice} (best share minus all pairs ${one(gain.value)} points, 90 % interval ${one(gain.low)} to ${one(gain.high)})`;
}

async function trainVerb(way: Way): Promise<Said> {
  const { arms } = await way.trained();
  const data = arms.map(({ plan, steps }) => ({
    name: plan.name,
    seed: plan.seed,
    pairs: plan.ids.length,
    order: plan.order,
    steps,
  }));
  const text = [
    ...data.map(
      ({ name, seed, pairs, order, steps }) =>
        `${name} (seed ${seed}): ${pairs} pairs, ${order}, ${steps} steps`,
    ),
    `${way.config.out}/arms`,
  ].join('\n');
  return { data, text };
}

async function evaluateVerb(way: Way): Promise<Said> {
  const data = await way.reported();
  return { data: { arms: data.arms, comparisons: data.comparisons }, text: reportText(data, langOf(way)) };
}

async function reportVerb(way: Way): Promise<Said> {
  const data = await way.reported();
  const text = `${reportText(data, langOf(way))}\n\nReport: ${way.config.out}/report.html`;
  return { data, text, gate: () => needGates(data, way.config.out) };
}

function langOf({ config: { language } }: Way): { readonly lang: Language } {
  return { lang: language === 'ja' ? 'ja' : 'en' };
}

function fixedShare(share: number): number {
  return Number(share.toFixed(3));
}

function number(value: number | null): string {
  return value === null ? 'not known' : value.toFixed(3);
}
