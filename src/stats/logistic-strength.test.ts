import { describe, expect, test } from 'vitest';
import { groupFolds } from './group-folds.ts';
import { goldenRows } from './l1-logistic.fixture.ts';
import { chooseStrength, STRENGTHS } from './logistic-strength.ts';

describe('chooseStrength', () => {
  test('scores and choice of scikit-learn', () => {
    // scikit-learn 1.4.2, LogisticRegressionCV(cv=GroupKFold(5), tol=1e-13, …) with alpaca_eval's score, numpy 1.26.4
    // with its portable sort: the means of scores_ over the folds.
    const golden = [
      -0.4852030263919616, -0.4852030263919616, -0.4852030263919616, -0.4852030263919616,
      -0.41610719955644726, -0.390109289761223, -0.3903703467310834, -0.3905032933147207, -0.3905222722218718,
      -0.3905247539681431,
    ];
    const { strength, scores } = chooseStrength(goldenRows(), groupFolds(90, 5));
    expect(strength).toBe(STRENGTHS[5]);
    for (const [s, score] of golden.entries()) expect(Math.abs(scores[s]! - score)).toBeLessThan(1e-10);
  });

  test('of equal scores the smallest strength wins', () => {
    expect(chooseStrength(goldenRows(), groupFolds(90, 5), STRENGTHS.slice(0, 4)).strength).toBe(
      STRENGTHS[0],
    );
  });

  test('needs two folds', () => {
    expect(() => chooseStrength(goldenRows(), new Int32Array(90))).toThrow(RangeError);
  });

  test('tries numpy’s logspace(−4, 4, 10)', () => {
    const logspace = [
      1e-4, 0.000774263682681127, 0.005994842503189409, 0.046415888336127774, 0.3593813663804626,
      2.782559402207126, 21.54434690031882, 166.81005372000558, 1291.5496650148827, 1e4,
    ];
    STRENGTHS.forEach((strength, i) => {
      expect(Math.abs(strength / logspace[i]! - 1)).toBeLessThan(1e-14);
    });
  });
});
