import type { Command } from 'commander';
import { inputError } from '../../base/errors.ts';
import { BENCHMARKS, type Benchmark, OWN_PROMPTS } from '../../evaluate/benchmark/definition.ts';
import type { Price } from '../../judge/chat.ts';
import type { CommonFlags } from '../options.ts';

/** Flags of `winnow evaluate --benchmark`, beside those of the way of the data. */
export interface BenchmarkFlags extends CommonFlags {
  readonly benchmark?: string;
  readonly questions?: string;
  readonly references?: string;
  readonly answers?: readonly string[];
  readonly serverModels?: readonly string[];
  readonly serverUrl?: string;
  readonly baseline?: string;
  readonly judge?: string;
  readonly judgeUrl?: string;
  readonly judging?: string;
  readonly template?: string;
  readonly orders?: string;
  readonly repeats?: string;
  readonly language?: string;
  readonly difficulty?: string;
  readonly maxQuestions?: string;
  readonly maxNewTokens?: string;
  readonly temperature?: string;
  readonly concurrency?: string;
  readonly priceIn?: string;
  readonly priceOut?: string;
  readonly serverPriceIn?: string;
  readonly serverPriceOut?: string;
  readonly budgetUsd?: string;
  readonly estimate?: boolean;
  readonly csv?: boolean;
}

export function withBenchmarkFlags(command: Command): Command {
  return command
    .option(
      '--benchmark <name|file>',
      `judge whole answers: ${Object.keys(BENCHMARKS).join(', ')}, or a JSONL file of your own prompts ({"prompt": …})`,
    )
    .option('--questions <file>', 'questions of the benchmark (default: downloaded from the hub)')
    .option('--references <file>', 'reference answers for a grading judge, in the form of answers')
    .option('--answers <files...>', 'answers that are there already, one or several models')
    .option('--server-models <names...>', 'models behind an OpenAI-compatible server, to answer too')
    .option('--server-url <url>', 'that server (default: WINNOW_SERVER_URL; key: WINNOW_SERVER_KEY)')
    .option(
      '--baseline <name|file>',
      'the opponent of every model: one of the models by name, or a file of answers (default: the benchmark’s own, else the start model)',
    )
    .option(
      '--judge <name>',
      'model name of the LLM judge at the judge’s server; lab: the gold judge of the built-in world; reward: the reward model of evaluation.rewardModel; none: only write the answers',
    )
    .option(
      '--judge-url <url>',
      'OpenAI-compatible server of the judge (default: WINNOW_JUDGE_URL, OPENAI_BASE_URL; key: WINNOW_JUDGE_KEY, OPENAI_API_KEY)',
    )
    .option('--judging <way>', 'log-prob, both-orders or grading (default: as the benchmark asks)')
    .option('--template <file|name>', 'the judge’s prompt (default: Winnow’s own, in assets/judge)')
    .option('--orders <which>', 'both or seeded: which answer stands first (default: as the benchmark asks)')
    .option('--repeats <n>', 'ask the judge each question so often, for its own noise (default: 1)')
    .option('--language <code>', 'en or ja: language of Winnow’s own grading templates (default: en)')
    .option(
      '--difficulty <file>',
      'AlpacaEval’s published instruction difficulties, for its length-controlled win rate',
    )
    .option('--max-questions <n>', 'the first n questions only')
    .option('--max-new-tokens <n>', 'most tokens of an answer (default: as the benchmark asks)')
    .option('--temperature <t>', 'sampling temperature of answers (default: as the benchmark asks)')
    .option('--concurrency <n>', 'questions to a server at a time (default: 8)')
    .option('--price-in <usd>', 'of the judge, USD for a million tokens it reads')
    .option('--price-out <usd>', 'of the judge, USD for a million tokens it writes')
    .option('--server-price-in <usd>', 'the same of the server that answers')
    .option('--server-price-out <usd>', 'the same of the server that answers')
    .option(
      '--budget-usd <usd>',
      'spend no more than this on the judge, and no more on the server that answers',
    )
    .option('--estimate', 'say what judging would cost, and ask nothing')
    .option('--csv', 'the table as CSV on stdout');
}

export function benchmarkOf({ benchmark }: BenchmarkFlags): Benchmark {
  const named = BENCHMARKS[benchmark as keyof typeof BENCHMARKS];
  return named ?? OWN_PROMPTS;
}

/** A flag's number of at least `least`; undefined where it is not given. */
export function numberFlag(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
  throw inputError('bad-number', `--${name} must be a number of at least ${least}`, { got: text });
}

export function oneOf<T extends string>(
  name: string,
  text: string | undefined,
  among: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  if ((among as readonly string[]).includes(text)) return text as T;
  throw inputError('bad-choice', `--${name} is none of its values`, { got: text, need: among.join(', ') });
}

/** @throws inputError `judge-price` where only one of the two is given. */
export function priceOf(prefix: string, input: string | undefined, output: string | undefined): Price | null {
  const [inputUsd, outputUsd] = [
    numberFlag(`${prefix}price-in`, input, 0),
    numberFlag(`${prefix}price-out`, output, 0),
  ];
  if (inputUsd === undefined && outputUsd === undefined) return null;
  if (inputUsd === undefined || outputUsd === undefined)
    throw inputError('judge-price', 'a price has two parts', {
      need: `--${prefix}price-in and --${prefix}price-out, USD for a million tokens`,
      remedy: 'Give both, as the price list has them',
    });
  return { inputUsdPerMillion: inputUsd, outputUsdPerMillion: outputUsd };
}
