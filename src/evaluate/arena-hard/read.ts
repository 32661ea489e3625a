import { loadTokenizer } from '../../text/tokenizer.ts';
import { readCategories } from '../judged-rows.ts';
import { readAnswerStyles } from './answer-styles.ts';
import { type ArenaHard, type ArenaHardOptions, arenaHard, STRONG_WEIGHT } from './arena-hard.ts';
import { readBattles } from './battles.ts';
import { type Grouped, type GroupOptions, groupBattles, groupJudgments } from './groups.ts';
import { readArenaJudgments } from './judgments.ts';

/** The files of a benchmark run. */
export interface ArenaHardFiles {
  /** Verdicts as judgments (two games a row) or as battles (one row a count). */
  readonly kind: 'judgments' | 'battles';
  readonly verdicts: readonly string[];
  /** Files or folders of answers. */
  readonly answers?: readonly string[];
  /** Question file: categories for rows that carry none. */
  readonly questions?: string;
  /** Folder with the tokenizer.json that lengths are counted with. */
  readonly tokenizer?: string;
}

/**
 * Arena-Hard from files.
 *
 * @throws inputError for whatever the files lack, with file and line.
 */
export async function readArenaHard(
  files: ArenaHardFiles,
  options: Pick<GroupOptions, 'version' | 'baseline'> & Omit<ArenaHardOptions, 'answers'> = {},
): Promise<ArenaHard> {
  const grouping: GroupOptions = {
    ...(options.version === undefined ? {} : { version: options.version }),
    ...(options.baseline === undefined ? {} : { baseline: options.baseline }),
    ...(files.questions === undefined ? {} : { categories: await readCategories(files.questions) }),
  };
  const { grouped, notes } = await groupedFrom(files, grouping);
  if (files.answers === undefined) {
    const result = arenaHard(grouped, options);
    return { ...result, notes: [...notes, ...result.notes] };
  }
  const models = new Set(
    grouped.groups.flatMap(({ baseline, battles }) => [baseline, ...battles.flatMap(({ a, b }) => [a, b])]),
  );
  const tokenizer = files.tokenizer === undefined ? null : loadTokenizer(files.tokenizer);
  const answers = await readAnswerStyles(files.answers, {
    models,
    ...(tokenizer === null
      ? {}
      : { countTokens: (text: string) => tokenizer.encode(text, { special: false }).length }),
  });
  const result = arenaHard(grouped, { ...options, answers });
  const replaced =
    answers.replaced === 0
      ? []
      : [`${answers.replaced} answers are replaced by a later one to the same question`];
  return { ...result, notes: [...notes, ...replaced, ...result.notes] };
}

async function groupedFrom(
  { kind, verdicts }: ArenaHardFiles,
  grouping: GroupOptions,
): Promise<{ readonly grouped: Grouped; readonly notes: readonly string[] }> {
  if (kind === 'battles') return { grouped: groupBattles(await readBattles(verdicts), grouping), notes: [] };
  const { judgments, judges, duplicates } = await readArenaJudgments(verdicts);
  return {
    grouped: groupJudgments(judgments, STRONG_WEIGHT, grouping),
    notes: [
      ...(judges.length > 1
        ? [`The verdicts of ${judges.length} judges are pooled: ${judges.join(', ')}`]
        : []),
      ...(duplicates > 0
        ? [`${duplicates} judgments repeat an earlier one of the same question, model and judge; all count`]
        : []),
    ],
  };
}
