import { Random } from '../base/random.ts';
import type { Duel, Order } from './duel.ts';
import { firstPythonRandom } from './python-random.ts';
import { promptText } from './template.ts';

/**
 * Which answer a judge sees first: both orders, one question each (Arena-Hard, MT-Bench); one drawn by a seed and the
 * duel's id; or one by a function of the duel.
 */
export type Orders = 'both' | 'seeded' | ((duel: Duel) => Order);

/** The orders in which a duel is judged; of both, the opponent's answer stands first in the first, as in Arena-Hard. */
export function ordersOf(duel: Duel, orders: Orders, seed: number): Order[] {
  if (orders === 'both') return ['opponent-first', 'model-first'];
  if (orders !== 'seeded') return [orders(duel)];
  return [new Random(seed, 'order', duel.id).uniform() < 0.5 ? 'opponent-first' : 'model-first'];
}

/** The answers of a duel as the judge sees them. */
export function sidesOf(duel: Duel, order: Order): { readonly a: string; readonly b: string } {
  return order === 'opponent-first'
    ? { a: duel.opponent, b: duel.model }
    : { a: duel.model, b: duel.opponent };
}

/** The model's share of a win of the side A. */
export function modelShare(winA: number, order: Order): number {
  return order === 'model-first' ? winA : 1 - winA;
}

/**
 * The order that AlpacaEval's own code draws for an instruction, so that the judge is asked what it was asked for the
 * leaderboard: switched (the model first) where Python's `random.Random("is_switched_outputs" + instruction + "0")`
 * draws at least ½. *Source:* annotators/pairwise_evaluator.py and processors.py at cd543a1.
 */
export function alpacaEvalOrder(duel: Duel): Order {
  const drawn = firstPythonRandom(`is_switched_outputs${promptText(duel.conversation)}0`);
  return drawn >= 0.5 ? 'model-first' : 'opponent-first';
}
