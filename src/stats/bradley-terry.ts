import { ridgeLogistic, sparseRows } from './ridge-logistic.ts';

/** What two players did against each other; a tie is half a win of each. */
export interface Comparison {
  /** Numbers of the players, from 0. */
  readonly a: number;
  readonly b: number;
  /** Of a; at least 0, not necessarily whole. */
  readonly winsOfA: number;
  readonly winsOfB: number;
}

/**
 * P(a beats b) = 1 / (1 + e^{θ_b − θ_a}),  θ of the reference = 0;  θ by maximum likelihood
 *
 * *Reference:* Bradley and Terry 1952, Biometrika 39; Ford 1957, Amer. Math. Monthly 64(8): the estimates are finite
 * among players that are linked by chains of wins in both directions.
 * A player with a chain of wins down to the reference and none back has no finite estimate: the likelihood rises with
 * θ, and Infinity is its limit; −Infinity the other way round. A player with neither, such as one that met nobody, is
 * null: the comparisons say nothing of it. Against the reference alone, θ = ln(wins / losses).
 * Without comparisons everyone but the reference is null.
 */
export function bradleyTerry(
  players: number,
  comparisons: readonly Comparison[],
  reference: number,
): readonly (number | null)[] {
  for (const { a, b, winsOfA, winsOfB } of comparisons) {
    if (a === b || !(winsOfA >= 0 && winsOfB >= 0) || !Number.isFinite(winsOfA + winsOfB))
      throw new RangeError(`bradleyTerry: ${winsOfA} wins of ${a} and ${winsOfB} of ${b}`);
  }
  const above = reachable(players, reference, comparisons, ({ a, b, winsOfA, winsOfB }) => [
    ...(winsOfA > 0 ? [[b, a] as const] : []),
    ...(winsOfB > 0 ? [[a, b] as const] : []),
  ]);
  const below = reachable(players, reference, comparisons, ({ a, b, winsOfA, winsOfB }) => [
    ...(winsOfA > 0 ? [[a, b] as const] : []),
    ...(winsOfB > 0 ? [[b, a] as const] : []),
  ]);
  const column = new Int32Array(players).fill(-1);
  let width = 0;
  for (let player = 0; player < players; player++)
    if (player !== reference && above[player] && below[player]) column[player] = width++;
  const linked = (player: number) => above[player] === true && below[player] === true;
  const inner = comparisons.filter(
    ({ a, b, winsOfA, winsOfB }) => linked(a) && linked(b) && winsOfA + winsOfB > 0,
  );
  const fit = ridgeLogistic(
    sparseRows(
      width,
      inner.map(({ a, b }) => [
        ...(a === reference ? [] : [[column[a]!, 1] as const]),
        ...(b === reference ? [] : [[column[b]!, -1] as const]),
      ]),
    ),
    Float64Array.from(inner, ({ winsOfA, winsOfB }) => winsOfA + winsOfB),
    Float64Array.from(inner, ({ winsOfA }) => winsOfA),
  );
  // Linked both ways, the optimum is finite and single: only shares of a win near rounding could hide it.
  if (fit.coefficients === null) throw new RangeError(`bradleyTerry: no optimum found (${fit.fault})`);
  const { coefficients } = fit;
  return Array.from({ length: players }, (_, player) => {
    if (player === reference) return 0;
    if (linked(player)) return coefficients[column[player]!]!;
    if (above[player]) return Infinity;
    return below[player] ? -Infinity : null;
  });
}

/** Which players can be come to from `start` along the arrows of the comparisons, `start` included. */
function reachable(
  players: number,
  start: number,
  comparisons: readonly Comparison[],
  arrowsOf: (comparison: Comparison) => readonly (readonly [from: number, to: number])[],
): readonly boolean[] {
  const next: number[][] = Array.from({ length: players }, () => []);
  for (const comparison of comparisons) for (const [from, to] of arrowsOf(comparison)) next[from]!.push(to);
  const seen = new Array<boolean>(players).fill(false);
  const open = [start];
  seen[start] = true;
  for (let player = open.pop(); player !== undefined; player = open.pop()) {
    for (const to of next[player]!) {
      if (seen[to]) continue;
      seen[to] = true;
      open.push(to);
    }
  }
  return seen;
}
