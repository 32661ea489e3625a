import { inputError } from '../../base/errors.ts';
import { type Fields, nameAt, optionalName, readObjects } from '../judged-rows.ts';
import type { Battle } from './battles.ts';
import { type ArenaVersion, type Verdict, verdictOf } from './verdict.ts';

/** Both games of a model's answer to a question. In game 1 answer A is the baseline's, in game 2 the model's. */
export interface ArenaJudgment {
  readonly question: string;
  readonly model: string;
  /** null where the row does not name it: the benchmark's own. */
  readonly baseline: string | null;
  readonly category: string | null;
  readonly judge: string | null;
  /** As found: one of the labels, or whatever stands there; null for a game that was not played. */
  readonly labels: readonly [unknown, unknown];
}

export interface ArenaJudgmentsRead {
  readonly judgments: readonly ArenaJudgment[];
  readonly judges: readonly string[];
  /** Rows whose question, model and judge stood in an earlier row already. They count like all others. */
  readonly duplicates: number;
}

/**
 * Reads judgments, JSON Lines of {question_id or uid, model, judge, games: [{score}, {score}]}.
 *
 * @throws inputError `bad-row` where the games are no list of at most two; what `readObjects` throws.
 */
export async function readArenaJudgments(files: readonly string[]): Promise<ArenaJudgmentsRead> {
  const judgments: ArenaJudgment[] = [];
  const judges = new Set<string>();
  const seen = new Set<string>();
  for await (const { row, at } of readObjects(files, 'a judgment')) {
    const { games } = row;
    if (!Array.isArray(games) || games.length > 2) {
      const need = 'games: [{"score": …}, {"score": …}]';
      throw inputError('bad-row', 'the judgment has no two games', {
        ...at,
        need,
        got: games ?? null,
        ...(row.winner === undefined ? {} : { remedy: 'This looks like battles: give them by --battles' }),
      });
    }
    const question = nameAt(row, ['uid', 'question_id'], at);
    const model = nameAt(row, ['model'], at);
    const judge = optionalName(row, ['judge'], at);
    const baseline = optionalName(row, ['baseline'], at);
    if (model === baseline)
      throw inputError('bad-row', 'the model is judged against itself', { ...at, got: model });
    if (judge !== null) judges.add(judge);
    seen.add(JSON.stringify([question, model, judge]));
    judgments.push({
      question,
      model,
      baseline,
      category: optionalName(row, ['category'], at),
      judge,
      labels: [labelOf(games[0]), labelOf(games[1])],
    });
  }
  return { judgments, judges: [...judges].sort(), duplicates: judgments.length - seen.size };
}

function labelOf(game: unknown): unknown {
  return typeof game === 'object' && game !== null ? (game as Fields).score : null;
}

/** Games of a model that count, and those without a usable verdict. */
export interface GameCount {
  readonly counted: number;
  readonly dropped: number;
}

/**
 * Battles of judgments: baseline against model, a strong verdict `weight` times, any other once.
 *
 * A game without a verdict is dropped; in v2.0 the other game of the judgment goes with it, as in the official program.
 * *Reference:* lmarena/arena-hard-auto, show_result.py at 0489bf3 (v0.1) and 196f6b8 (v2.0).
 */
export function battlesOf(
  judgments: readonly ArenaJudgment[],
  baseline: string,
  version: ArenaVersion,
  weight: number,
): { readonly battles: readonly Battle[]; readonly games: ReadonlyMap<string, GameCount> } {
  const battles: Battle[] = [];
  const games = new Map<string, GameCount>();
  for (const { question, model, category, labels } of judgments) {
    if (model === baseline) {
      throw inputError('self-judged', `${model} is judged against itself`, {
        got: question,
        remedy: 'Name the model that stood in game 1 as answer A by --baseline',
      });
    }
    const [first, second] = labels.map((label) => verdictOf(label, version)) as [
      Verdict | null,
      Verdict | null,
    ];
    const kept = version === 'v2.0' && (first === null || second === null) ? [] : [first, mirrored(second)];
    let counted = 0;
    for (const verdict of kept) {
      if (verdict === null) continue;
      counted++;
      const battle = { question, a: baseline, b: model, shareOfA: verdict.shareOfA, category, styles: null };
      for (let time = 0; time < (verdict.strong ? weight : 1); time++) battles.push(battle);
    }
    const before = games.get(model) ?? { counted: 0, dropped: 0 };
    games.set(model, { counted: before.counted + counted, dropped: before.dropped + 2 - counted });
  }
  return { battles, games };
}

function mirrored(verdict: Verdict | null): Verdict | null {
  return verdict === null ? null : { shareOfA: 1 - verdict.shareOfA, strong: verdict.strong };
}
