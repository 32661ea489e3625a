import { inputError } from '../base/errors.ts';
import type { ScoreFile } from '../difficulty/score-files.ts';
import type { PairValue } from '../difficulty/scorers.ts';
import type { PreferencePair } from '../pairs/pair.ts';

/**
 * The scores that a file has of pairs: by the pairs' ids; where it has none of them, by the column `prompt_id` of the
 * data, and else by row of the input. One way holds for all.
 *
 * @throws inputError `no-common-ids`, `missing-scores`.
 */
export function scoresFromFile(
  file: ScoreFile,
  pairs: readonly Pick<PreferencePair, 'id' | 'row' | 'meta'>[],
): PairValue[] {
  const ways = [
    ({ id }: (typeof pairs)[number]) => file.scores.get(id),
    ({ meta }: (typeof pairs)[number]) =>
      typeof meta.prompt_id === 'string' ? file.scores.get(meta.prompt_id) : undefined,
    ({ row }: (typeof pairs)[number]) => file.byRow.get(row),
  ];
  const way = ways.find((scoreOf) => pairs.some((pair) => scoreOf(pair) !== undefined));
  if (way === undefined)
    throw inputError('no-common-ids', 'the file has no score of these pairs', {
      file: file.file,
      got: [...file.scores.keys()][0],
      need: `ids such as ${pairs[0]?.id}, the prompt_id of the data, or rows`,
      remedy: 'Give scores of the same pairs: winnow names a pair by the hash of its three texts',
    });
  const missing = pairs.filter((pair) => way(pair) === undefined);
  if (missing.length > 0)
    throw inputError('missing-scores', `${missing.length} of ${pairs.length} pairs have no score`, {
      file: file.file,
      row: missing[0]?.row as number,
      got: missing[0]?.id,
      need: 'a score of every pair of the pool',
      remedy:
        'Score all of them; a run folder has those of its pool, so give the same seed, limit and evaluation.heldOut',
    });
  return pairs.map((pair) => ({ id: pair.id, row: pair.row, value: way(pair) as number }));
}
