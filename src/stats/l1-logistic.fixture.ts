import type { LogisticRows } from './l1-logistic.ts';
import { logistic } from './logistic.ts';

/** For tests: 90 rows by formula, 30 of them light, that scikit-learn was given too. */
export function goldenRows(): LogisticRows {
  const index = Float64Array.from({ length: 90 }, (_, i) => i);
  const columns = [
    index.map((i) => Math.tanh(1.3 * Math.sin(i + 1))),
    index.map((i) => 1.5 * Math.cos(0.7 * i)),
    index.map((i) => (i < 30 ? 0 : 1)),
  ];
  const z = index.map((i) => -1.2 * columns[0]![i]! + 0.6 * columns[1]![i]! + 0.4 * columns[2]![i]!);
  return {
    columns,
    shares: index.map((i) => (i % 3 === 0 ? logistic(z[i]!) : Math.sin(12.9898 * i) * 1.5 < z[i]! ? 1 : 0)),
    weights: index.map((i) => (i < 30 ? 0.1 : 1)),
  };
}
