import { inputError } from '../base/errors.ts';
import type { ChatReply } from './chat.ts';
import type { GameFailure, PairJudge } from './duel.ts';
import { type GameReading, type GamesOptions, gamesJudge } from './games.ts';
import type { JudgeTemplate, TemplateKind } from './template.ts';
import { findLabel, pairLabel } from './verdict.ts';

/** Without temperature, so that the likeliest verdict is told; as Arena-Hard and MT-Bench ask. */
const SAMPLING = { temperature: 0, maxTokens: 4_096 };

/**
 * A language model that compares two answers in words and ends with a label: A>>B … B>>A, or A, B and C. By default
 * in both orders.
 *
 * *Reference:* Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena"; Li et al. 2024,
 * "From Crowdsourced Data to High-Quality Benchmarks: Arena-Hard and BenchBuilder Pipeline".
 *
 * @throws inputError `judge-template` for a template of another kind.
 */
export function pairwiseJudge(options: GamesOptions): PairJudge {
  checkKind(options.template, 'pairwise');
  return gamesJudge(options, {
    name: 'pairwise',
    orders: 'both',
    sampling: SAMPLING,
    tie: { label: 'A=B' },
    read: (reply) => readVerdict(reply, options.template),
  });
}

function readVerdict(
  reply: ChatReply,
  { verdict }: JudgeTemplate,
): { readonly value: GameReading } | { readonly failure: GameFailure } {
  const label = findLabel(reply.text, verdict);
  const meaning = label === null ? null : pairLabel(label);
  if (label === null || meaning === null) return { failure: whyWithout(reply) };
  return { value: { label, ...meaning } };
}

/** Why a judge's words hold no verdict. */
export function whyWithout({ finish }: ChatReply): 'cut-short' | 'filtered' | 'no-verdict' {
  if (finish === 'length') return 'cut-short';
  return finish === 'content_filter' ? 'filtered' : 'no-verdict';
}

export function checkKind(template: JudgeTemplate, kind: TemplateKind): void {
  if (template.kind === kind) return;
  throw inputError('judge-template', `the template ${template.name} is of another kind`, {
    file: template.file,
    need: kind,
    got: template.kind,
    remedy: 'Choose a template that fits the judge',
  });
}
