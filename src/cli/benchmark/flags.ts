import type { Command } from 'commander';
import { BENCHMARKS, type Benchmark, OWN_PROMPTS } from '../../evaluate/benchmark/definition.ts';
import { type JudgeFlags, withJudgeConnection } from '../judge-connection.ts';
import type { CommonFlags } from '../options.ts';

/** Flags of `winnow evaluate --benchmark`, beside those of the way of the data. */
export interface BenchmarkFlags extends CommonFlags, JudgeFlags {
  readonly benchmark?: string;
  readonly questions?: string;
  readonly references?: string;
  readonly answers?: readonly string[];
  readonly serverModels?: readonly string[];
  readonly serverUrl?: string;
  readonly baseline?: string;
  readonly judge?: string;
  readonly judging?: string;
  readonly orders?: string;
  readonly repeats?: string;
  readonly language?: string;
  readonly difficulty?: string;
  readonly maxQuestions?: string;
  readonly maxNewTokens?: string;
  readonly temperature?: string;
  readonly serverPriceIn?: string;
  readonly serverPriceOut?: string;
  readonly csv?: boolean;
}

export function withBenchmarkFlags(command: Command): Command {
  const own = command
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
    .option('--judging <way>', 'log-prob, both-orders or grading (default: as the benchmark asks)')
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
    .option('--server-price-in <usd>', 'of the server that answers, USD for a million tokens it reads')
    .option('--server-price-out <usd>', 'of the server that answers, USD for a million tokens it writes')
    .option(
      '--budget-usd <usd>',
      'spend no more than this on the judge, and no more on the server that answers',
    )
    .option('--csv', 'the table as CSV on stdout');
  return withJudgeConnection(own);
}

export function benchmarkOf({ benchmark }: BenchmarkFlags): Benchmark {
  const named = BENCHMARKS[benchmark as keyof typeof BENCHMARKS];
  return named ?? OWN_PROMPTS;
}
