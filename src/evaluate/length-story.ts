import { inputError } from '../base/errors.ts';
import { type Auc, auc } from '../stats/auc.ts';
import { cohenKappa } from '../stats/kappa.ts';
import { clusteredProportion, type Proportion } from '../stats/proportion.ts';

/** One verdict, with the lengths of the two answers in any unit, the same for all rows. */
export interface LengthRow {
  /** The model's share of the win, 0 … 1. */
  readonly win: number;
  readonly lengthModel: number;
  readonly lengthOpponent: number;
  /** Verdicts on one prompt are not independent: name it where a prompt has several. */
  readonly prompt?: string;
}

/** What length alone says of a win rate. */
export interface LengthStory {
  readonly n: number;
  readonly winRate: number;
  readonly meanLength: { readonly model: number; readonly opponent: number };
  /** Share of the rows in which the model's answer is the longer one, and in which both are as long. */
  readonly longer: { readonly model: number; readonly equal: number };
  /** The win rate that the model would have if the longer answer always won, and equal lengths were ties. */
  readonly winRateOfLonger: number;
  /** How often the longer answer won, of `decided` verdicts: no tie, and unequal lengths. null where there is none. */
  readonly agreement: Proportion | null;
  /** The agreement of a judge that sees no length, with as many wins and as many longer answers of the model. */
  readonly agreementByChance: number | null;
  /** Agreement beyond that (Cohen's kappa); null where one side has all wins or all longer answers. */
  readonly kappa: number | null;
  /** Of the difference of lengths, as a score for who wins: ½ where length says nothing. null without wins or losses. */
  readonly auc: Auc | null;
  readonly decided: number;
  readonly ties: number;
  readonly equalLengths: number;
}

/**
 * How far "the longer answer wins" explains a judge, beside a win rate.
 *
 * A win counts as one where the share is above ½. Agreement has Wilson's interval, the AUC DeLong's, both by prompt
 * where rows name one. Swapping sides mirrors the win rates and keeps the agreement.
 * n = 0 throws; n = 1 has an agreement of 0 or 1 with nearly all of [0, 1] as interval, and no AUC.
 *
 * @throws inputError for no row, a win outside 0 … 1 or a length that is none.
 */
export function lengthStory(rows: readonly LengthRow[]): LengthStory {
  if (rows.length === 0) throw inputError('no-verdicts', 'there is no verdict to tell a length story of');
  for (const [row, { win, lengthModel, lengthOpponent }] of rows.entries()) {
    if (!(win >= 0 && win <= 1))
      throw inputError('bad-win', 'the verdict is no share of a win', { row, got: win, need: '0 to 1' });
    for (const length of [lengthModel, lengthOpponent])
      if (!(length >= 0 && Number.isFinite(length)))
        throw inputError('bad-length', 'the length is none', { row, got: length, need: 'at least 0' });
  }
  const n = rows.length;
  const mean = (value: (row: LengthRow) => number) => rows.reduce((sum, row) => sum + value(row), 0) / n;
  const longer = mean((row) => (row.lengthModel > row.lengthOpponent ? 1 : 0));
  const equal = mean((row) => (row.lengthModel === row.lengthOpponent ? 1 : 0));

  const named = rows.map((row, i) => ({ ...row, cluster: row.prompt ?? i }));
  const untied = named.filter(({ win }) => win !== 0.5);
  const decided = untied.filter((row) => row.lengthModel !== row.lengthOpponent);
  /** [model won, model's answer is longer] */
  const table: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ];
  const hits = decided.map((row) => {
    const won = row.win > 0.5 ? 1 : 0;
    const long = row.lengthModel > row.lengthOpponent ? 1 : 0;
    table[won][long]++;
    return won === long ? 1 : 0;
  });
  const wins = (table[1][0] + table[1][1]) / decided.length;
  const longs = (table[0][1] + table[1][1]) / decided.length;
  return {
    n,
    winRate: mean(({ win }) => win),
    meanLength: {
      model: mean(({ lengthModel }) => lengthModel),
      opponent: mean(({ lengthOpponent }) => lengthOpponent),
    },
    longer: { model: longer, equal },
    winRateOfLonger: longer + equal / 2,
    agreement: clusteredProportion(
      hits,
      decided.map(({ cluster }) => cluster),
    ),
    agreementByChance: decided.length === 0 ? null : wins * longs + (1 - wins) * (1 - longs),
    kappa: cohenKappa(table)?.value ?? null,
    auc: auc(
      untied.map((row) => row.lengthModel - row.lengthOpponent),
      untied.map(({ win }) => win > 0.5),
      { clusters: untied.map(({ cluster }) => cluster) },
    ),
    decided: decided.length,
    ties: n - untied.length,
    equalLengths: untied.length - decided.length,
  };
}
