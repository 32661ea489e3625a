import type { Command } from 'commander';
import { labelCounts } from '../difficulty/dropped.ts';
import type { Suspicion } from '../difficulty/suspicion.ts';
import { refusedBy } from '../pairs/check.ts';
import { nominalShare } from '../pipeline/keep-share.ts';
import { profileOf } from '../pipeline/outlook.ts';
import { droppedSentences, selectionSentences } from '../report/effect-sentences.ts';
import { outlookSentence } from '../report/outlook.ts';
import { reportText } from '../report/text.ts';
import type { Language } from '../report/words.ts';
import type { Config } from '../run/config.ts';
import type { AutoKeep } from '../select/auto-keep.ts';
import { type BenchmarkFlags, withBenchmarkFlags } from './benchmark/flags.ts';
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
    name: 'check',
    text: 'read and check the pairs under the model’s tokenizer; say what is refused and why',
    work: check,
  },
  { name: 'score', text: 'measure every pair’s difficulty by cross-fitted scoring runs', work: scoreVerb },
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
    command.action(async (flags: BenchmarkFlags) => {
      if (flags.benchmark === undefined) await travel(configOf(flags), flags, outside, work);
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
  }
}

async function check(way: Way): Promise<Said> {
  const { read, refused, pool, heldOut, promptsCut, source, notes } = await way.prepared();
  const counts = refusedBy(refused);
  const used = pool.length + heldOut.length;
  const data = {
    source,
    read,
    used,
    refused: refused.length,
    pool: pool.length,
    heldOut: heldOut.length,
    refusedBy: counts,
    promptsCut,
    notes,
    refusedRows: refused,
  };
  const shown = refused
    .slice(0, 20)
    .map(
      ({ row, place, cause, message, remedy }) =>
        `  row ${row}${place === undefined ? '' : ` (${place.file}, row ${place.row})`}: ${cause}: ${message}. ${remedy}`,
    );
  const text = [
    `${source.file} (${source.format}): ${read} rows read, ${used} can be used (${pool.length} to learn from, ${heldOut.length} held out), ${refused.length} refused`,
    ...Object.entries(counts).map(([cause, n]) => `  ${n} ${cause}`),
    `${promptsCut} prompts are cut at their start to fit`,
    ...notes,
    ...(shown.length > 0 ? ['Refused:', ...shown] : []),
    ...(refused.length > shown.length
      ? [`  … and ${refused.length - shown.length} more: ${way.config.out}/refused.jsonl`]
      : []),
  ].join('\n');
  return { data, text };
}

async function scoreVerb(way: Way): Promise<Said> {
  const { reliability, difficulties, hyper, learningRates } = await way.scored();
  const { agreement: _, ...reliable } = reliability;
  const sorted = difficulties.map(({ difficulty }) => difficulty).sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  const shareBelowLn2 = sorted.filter((difficulty) => difficulty < Math.LN2).length / sorted.length;
  const profile = profileOf(await way.prepared(), await way.scored());
  const outlook = await way.outlook();
  const data = {
    reliability: reliable,
    pairs: difficulties.length,
    shareBelowLn2,
    profile,
    outlook,
    quantiles: [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].map(at),
    hyper,
    learningRates,
    out: way.config.out,
  };
  const text = [
    `Reliability (between ${reliable.between}): Spearman ${number(reliable.spearman)}, overlap of the kept sets ${number(reliable.overlap)} (by chance ${nominalShare(way.config)})`,
    `${difficulties.length} pairs scored; difficulty (nats): lowest ${at(0).toFixed(4)}, median ${at(0.5).toFixed(4)}, highest ${at(1).toFixed(4)}; ${(100 * shareBelowLn2).toFixed(1)} % below ln 2`,
    ...(profile.suspicions === null ? [] : [suspicionLine(profile.suspicions)]),
    outlookSentence(outlook).en,
    `learning rate ${hyper.learningRate}, batch ${hyper.batchSize}`,
    `${way.config.out}: scores.jsonl, difficulty.jsonl, reliability.json`,
  ].join('\n');
  return { data, text };
}

function suspicionLine({ learned, unclear, against }: Readonly<Record<Suspicion, number>>): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `beyond what seeds differ by, held-out models order ${percent(learned)} of the pairs as their label says and ${percent(against)} against it (wrong labels, or what the other pairs teach the opposite of); of ${percent(unclear)} they cannot tell`;
}

async function selectVerb(way: Way): Promise<Said> {
  const { kept, threshold, options, auto, sideEffects } = await way.selected();
  const total = (await way.scored()).difficulties.length;
  const { direction, within } = way.config.selection;
  const { keepFraction } = options;
  const data = {
    keepFraction,
    direction,
    ...(auto === null ? {} : { auto }),
    ...(within === 'none' ? {} : { within }),
    kept: kept.length,
    dropped: total - kept.length,
    threshold,
    effects: sideEffects.effects,
    labels: labelCounts(sideEffects.labels),
    out: way.config.out,
  };
  const told = [
    ...(sideEffects.effects === null ? [] : selectionSentences(sideEffects.effects)),
    ...droppedSentences({ counts: data.labels, between: sideEffects.labels.between }).slice(0, 2),
  ];
  const text = [
    ...(auto === null ? [] : [autoLine(auto)]),
    `${kept.length} of ${total} pairs kept (${direction}${within === 'none' ? '' : `, the same share within ${within}`}, keep fraction ${keepFraction}; difficulty up to ${threshold.toFixed(4)} nats)`,
    ...told.map(({ en }) => en),
    `${way.config.out}/selection: selected.jsonl, ledger.jsonl, labels.jsonl, effects.json, receipt.json`,
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

function number(value: number | null): string {
  return value === null ? 'not known' : value.toFixed(3);
}
