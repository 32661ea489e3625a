import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { inputError } from '../base/errors.ts';
import type { ChatClient, Price } from '../judge/chat.ts';
import { openChatClient } from '../judge/chat-client.ts';
import type { JudgeTemplate } from '../judge/template.ts';
import { readJudgeTemplate } from '../judge/template-files.ts';
import { builtInTemplate, builtInTemplates } from '../judge/template-own.ts';

/** Flags of every verb that asks a language model to judge. */
export interface JudgeFlags {
  readonly judgeUrl?: string;
  readonly template?: string;
  readonly concurrency?: string;
  readonly priceIn?: string;
  readonly priceOut?: string;
  readonly budgetUsd?: string;
  readonly estimate?: boolean;
}

export function withJudgeConnection(command: Command): Command {
  return command
    .option(
      '--judge-url <url>',
      'OpenAI-compatible server of the judge (default: WINNOW_JUDGE_URL, OPENAI_BASE_URL; key: WINNOW_JUDGE_KEY, OPENAI_API_KEY)',
    )
    .option('--template <file|name>', 'the judge’s prompt (default: Winnow’s own, in assets/judge)')
    .option('--concurrency <n>', 'questions to a server at a time (default: 8)')
    .option('--price-in <usd>', 'of the judge, USD for a million tokens it reads')
    .option('--price-out <usd>', 'of the judge, USD for a million tokens it writes')
    .option('--estimate', 'say what judging would cost, and ask nothing');
}

/** The client of the judge; replies that were paid for lie in `cache`. */
export function openJudgeClient(flags: JudgeFlags, cache: string): ChatClient {
  const price = priceOf('', flags.priceIn, flags.priceOut);
  const budgetUsd = numberFlag('budget-usd', flags.budgetUsd, 0);
  const concurrency = wholeFlag('concurrency', flags.concurrency);
  return openChatClient({
    cache,
    ...(flags.judgeUrl === undefined ? {} : { baseUrl: flags.judgeUrl }),
    ...(price === null ? {} : { price }),
    ...(budgetUsd === undefined ? {} : { budgetUsd }),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
}

/** The template for comparing two answers: a file, one of Winnow's own by name, or its default for the way of judging. */
export async function pairTemplate(
  given: string | undefined,
  way: 'log-prob' | 'both-orders',
): Promise<JudgeTemplate> {
  if (given === undefined) return builtInTemplate(way === 'log-prob' ? 'preference' : 'pairwise-five');
  return builtInTemplates().includes(given) && !existsSync(given)
    ? builtInTemplate(given)
    : readJudgeTemplate(given);
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

/** A flag's whole number of at least 1. */
export function wholeFlag(name: string, text: string | undefined): number | undefined {
  const value = numberFlag(name, text, 1);
  if (value === undefined || Number.isInteger(value)) return value;
  throw inputError('bad-number', `--${name} must be a whole number of at least 1`, { got: text });
}
