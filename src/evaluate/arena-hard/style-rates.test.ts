import { describe, expect, it } from 'vitest';
import type { Battle } from './battles.ts';
import { simulated, GOLDEN_WORLD as WORLD } from './simulated.fixture.ts';
import { STYLE_CONTROLS, type Style, standardOf, styleDifference } from './style.ts';
import { styleDesign } from './style-design.ts';
import { styleRates } from './style-rates.ts';

const features = STYLE_CONTROLS.style;
const stylesOf = ({ styles }: Battle) => styles as readonly [Style, Style];
const resampling = { seed: 1, resamples: 40, level: 0.95 };
const sigmoid = (theta: number) => 100 / (1 + Math.exp(-theta));

describe('differences of style', () => {
  const x: Style = { tokens: 99, headers: 3, lists: 0, bold: 2 };
  const y: Style = { tokens: 49, headers: 1, lists: 0, bold: 3 };

  it('v0.1: every feature relative to the sum plus 1', () => {
    expect(styleDifference(x, y, features, 'v0.1')).toEqual([50 / 149, 2 / 5, 0, -1 / 6]);
  });

  it('v2.0: length relative to the sum, marks by density', () => {
    const [tokens, headers, lists, bold] = styleDifference(x, y, features, 'v2.0') as [number, ...number[]];
    expect(tokens).toBe(50 / 148);
    expect(headers).toBeCloseTo((0.03 - 0.02) / 1.05, 15);
    expect(lists).toBe(0);
    expect(bold).toBeCloseTo((0.02 - 0.06) / 1.08, 15);
  });

  it('two empty answers are alike', () => {
    const empty = { tokens: 0, headers: 0, lists: 0, bold: 0 };
    for (const version of ['v0.1', 'v2.0'] as const)
      expect(styleDifference(empty, empty, features, version)).toEqual([0, 0, 0, 0]);
  });

  it('the scale divides by n in v0.1 and by n − 1 in v2.0; what never varies has none', () => {
    expect(standardOf([1, 3], 0)).toEqual({ centre: 2, scale: 1 });
    expect(standardOf([1, 3], 1)).toEqual({ centre: 2, scale: Math.SQRT2 });
    expect(standardOf([0.1, 0.1, 0.1], 0).scale).toBeNull();
    expect(standardOf([5], 1)).toEqual({ centre: 5, scale: null });
  });
});

describe('style control', () => {
  it('v0.1: scikit-learn’s fit with its default penalty', () => {
    // Official formulas in NumPy, LogisticRegression of scikit-learn 1.9.1 with tol = 1e-13, three Newton steps behind it.
    const { rates, coefficients } = styleRates(simulated(WORLD), {
      ...resampling,
      version: 'v0.1',
      features,
      stylesOf,
    });
    const golden = {
      x: [38.90127793, 36.13950997],
      y: [61.74228730431, 58.92276879],
      z: [77.51188219, 75.39133784],
    };
    for (const [model, [controlled, equal]] of Object.entries(golden)) {
      expect(rates.get(model)!.winRate).toBeCloseTo(controlled!, 7);
      expect(rates.get(model)!.atEqualStyle.winRate).toBeCloseTo(equal!, 7);
    }
    [0.45639240399526, -0.00777770349291, -0.11768033937584, -0.11982748203833].forEach((value, j) => {
      expect(coefficients[j]!.coefficient).toBeCloseTo(value, 9);
    });
    expect(coefficients[0]).toMatchObject({ feature: 'tokens' });
    expect(coefficients[0]!.mean).toBeCloseTo(-0.08959340946704, 12);
    expect(coefficients[0]!.standardDeviation).toBeCloseTo(0.30692579798806, 12);
    expect(rates.get('base')).toMatchObject({ winRate: 50, atEqualStyle: { winRate: 50 } });
  });

  it('v2.0: the optimum without penalty', () => {
    // Official formulas in NumPy, Newton's method to the optimum.
    const group = simulated(WORLD);
    const design = styleDesign(group, { version: 'v2.0', features, stylesOf });
    const beta = design.fit().coefficients!;
    const golden = { x: -0.45473337394183, y: 0.48246569315043, z: 1.23378594864013 };
    for (const [model, theta] of Object.entries(golden))
      expect(design.theta(beta, model)).toBeCloseTo(theta, 9);
    [0.31290117000943, -0.01123474132939, -0.15384287951893, -0.12919101576923].forEach((value, j) => {
      expect(design.style(beta, j)).toBeCloseTo(value, 9);
    });
    // What is told is the median over resamples.
    const { rates } = styleRates(group, {
      ...resampling,
      resamples: 400,
      version: 'v2.0',
      features,
      stylesOf,
    });
    for (const [model, theta] of Object.entries(golden)) {
      expect(Math.abs(rates.get(model)!.winRate - sigmoid(theta))).toBeLessThan(1.5);
    }
    expect(Math.abs(rates.get('z')!.atEqualStyle.winRate - 75.47640132)).toBeLessThan(1.5);
  });

  it('finds what the answers were judged by: strength at equal style, and the taste for length', () => {
    const world = { ...WORLD, seed: 2, questions: 1500, tieShare: 0 };
    const group = simulated(world);
    for (const version of ['v0.1', 'v2.0'] as const) {
      const fit = styleRates(group, { ...resampling, resamples: 2, version, features, stylesOf });
      for (const [model, strength] of Object.entries(world.strengths)) {
        // Four standard errors of a share out of 3,000 are 3.6 points; the longest model's raw rate is 8 above.
        expect(Math.abs(fit.rates.get(model)!.atEqualStyle.winRate - sigmoid(strength))).toBeLessThan(3.6);
      }
      const [length, ...marks] = fit.coefficients;
      expect(length!.coefficient! / length!.standardDeviation!).toBeCloseTo(2, 0);
      for (const mark of marks) expect(Math.abs(mark.coefficient!)).toBeLessThan(0.1);
    }
  });

  it('a judge without taste: control changes nothing', () => {
    const group = simulated({ ...WORLD, seed: 3, questions: 1500, lengthTaste: 0 });
    const { rates } = styleRates(group, { ...resampling, resamples: 2, version: 'v2.0', features, stylesOf });
    const plain = 100 * (1 - meanShare(group.battles, 'z'));
    expect(Math.abs(rates.get('z')!.winRate - plain)).toBeLessThan(1);
    expect(Math.abs(rates.get('z')!.atEqualStyle.winRate - plain)).toBeLessThan(2);
  });

  it('swapping every verdict mirrors the controlled win rates and the taste', () => {
    const group = simulated({ ...WORLD, longer: {} });
    const mirrored = {
      ...group,
      battles: group.battles.map((battle) => ({ ...battle, shareOfA: 1 - battle.shareOfA })),
    };
    const [there, back] = [group, mirrored].map((one) =>
      styleRates(one, { ...resampling, version: 'v0.1', features, stylesOf }),
    );
    for (const model of ['x', 'y', 'z']) {
      const sum = there!.rates.get(model)!.winRate + back!.rates.get(model)!.winRate;
      expect(sum).toBeCloseTo(100, 7);
    }
    there!.coefficients.forEach(({ coefficient }, j) => {
      expect(back!.coefficients[j]!.coefficient).toBeCloseTo(-coefficient!, 9);
    });
  });

  it('turning a battle of v2.0 round is the same battle', () => {
    const group = simulated(WORLD);
    const turned = {
      ...group,
      battles: group.battles.map(({ a, b, shareOfA, styles, ...rest }) => ({
        ...rest,
        a: b,
        b: a,
        shareOfA: 1 - shareOfA,
        styles: [styles![1], styles![0]] as const,
      })),
    };
    const [one, other] = [group, turned].map((battles) =>
      styleRates(battles, { ...resampling, version: 'v2.0', features, stylesOf }),
    );
    expect(other!.rates).toEqual(one!.rates);
  });

  it('a feature in which all battles are alike has no coefficient and does no harm', () => {
    const group = simulated(WORLD);
    const bare = {
      ...group,
      battles: group.battles.map((battle) => ({
        ...battle,
        styles: battle.styles!.map((style) => ({ ...style, headers: 0 })) as unknown as [Style, Style],
      })),
    };
    for (const version of ['v0.1', 'v2.0'] as const) {
      const { coefficients, rates } = styleRates(bare, { ...resampling, version, features, stylesOf });
      expect(coefficients.map(({ coefficient }) => coefficient === null)).toEqual([
        false,
        true,
        false,
        false,
      ]);
      expect(rates.get('x')!.winRate).toBeGreaterThan(0);
    }
  });

  it('length alone and markdown alone take their own features', () => {
    const group = simulated(WORLD);
    const of = (control: 'length' | 'markdown') =>
      styleRates(group, { ...resampling, version: 'v2.0', features: STYLE_CONTROLS[control], stylesOf });
    expect(of('length').coefficients.map(({ feature }) => feature)).toEqual(['tokens']);
    expect(of('markdown').coefficients.map(({ feature }) => feature)).toEqual(['headers', 'lists', 'bold']);
    // Without the length, the longest model keeps its advantage.
    expect(of('markdown').rates.get('z')!.winRate).toBeGreaterThan(of('length').rates.get('z')!.winRate);
  });

  it('too few questions for v2.0 are an error with its cause; v0.1 has a fit', () => {
    const group = simulated({ ...WORLD, questions: 2 });
    const of = (version: 'v0.1' | 'v2.0') =>
      styleRates(group, { ...resampling, version, features, stylesOf });
    expect(() => of('v2.0')).toThrow(/predict every battle|apart/);
    expect(of('v0.1').rates.get('x')!.winRate).toBeGreaterThan(0);
  });
});

function meanShare(battles: readonly Battle[], model: string): number {
  const own = battles.filter(({ b }) => b === model);
  return own.reduce((sum, { shareOfA }) => sum + shareOfA, 0) / own.length;
}
