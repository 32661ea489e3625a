import { inputError } from '../../base/errors.ts';
import { linearQuantile } from '../../stats/quantile.ts';
import type { LogisticFault } from '../../stats/ridge-logistic.ts';
import type { ResampleOptions } from './bradley-terry-rates.ts';
import type { ArenaGroup } from './groups.ts';
import { bounds, drawCounts, type RateEstimate, rateOf, rateQuantile } from './rates.ts';
import type { Standard, StyleFeature } from './style.ts';
import { type DesignOptions, type StyleDesign, styleDesign } from './style-design.ts';

/** What one feature of style does to the judge. */
export interface StyleCoefficient {
  readonly feature: StyleFeature;
  /** Log-odds a standard deviation; positive: the judge favours more of it. null: all battles are alike in it. */
  readonly coefficient: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Of the difference over the battles: a minus b in v0.1, the model minus the baseline in v2.0. */
  readonly mean: number;
  readonly standardDeviation: number | null;
}

export interface StyleRate extends RateEstimate {
  /** The same fit where both answers have the same style. */
  readonly atEqualStyle: RateEstimate;
}

export interface StyleFit {
  readonly rates: ReadonlyMap<string, StyleRate>;
  readonly coefficients: readonly StyleCoefficient[];
  /** Resamples without a finite fit, left out. */
  readonly resamplesLeftOut: number;
}

/** Where one fit puts a model, in log-odds against the baseline. */
interface Placed {
  readonly controlled: number;
  readonly atEqualStyle: number;
}

/**
 * win rate = 100 σ(θ_model − θ_baseline) of `StyleDesign`;  at equal style: 100 σ(θ_model − θ_baseline ± Σ_j s_j mean_j / deviation_j)
 *
 * The official value stands where the difference of style is the mean of these battles: a model that is fitted alone
 * keeps the advantage of its own mean length. At equal style the difference is none, as in AlpacaEval's
 * length-controlled win rate; the sign is + in v0.1, whose differences are the baseline's minus the model's.
 * v0.1 gives the fit of all battles and quantiles of ratings over resamples; v2.0 the median and quantiles of win rates
 * over resamples, of which those without a finite fit are left out. The official program of v2.0 ends LBFGS after 50
 * short steps, a little before the optimum that is found here.
 *
 * @throws inputError `style-fit` where v2.0 has no finite fit.
 */
export function styleRates(group: ArenaGroup, options: DesignOptions & ResampleOptions): StyleFit {
  const { baseline, battles, category } = group;
  const old = options.version === 'v0.1';
  const design = styleDesign(group, options);
  const placed = (beta: Float64Array, model: string): Placed => {
    const controlled = design.theta(beta, model) - design.theta(beta, baseline);
    const shift = model === baseline ? 0 : meanStyle(design, beta);
    return { controlled, atEqualStyle: controlled + (old ? shift : -shift) };
  };

  const whole = design.fit();
  if (whole.coefficients === null) throw noFit(whole.fault, category);
  const beta = whole.coefficients;
  const drawn = new Map(design.models.map((model) => [model, [] as Placed[]]));
  const styles: number[][] = design.features.map(() => []);
  let resamplesLeftOut = 0;
  const { seed, resamples } = options;
  for (const counts of drawCounts(battles.length, resamples, seed, 'arena-hard', 'style')) {
    const { coefficients } = design.fit(counts, beta);
    if (coefficients === null) {
      resamplesLeftOut++;
      continue;
    }
    const there = new Set([baseline]);
    design.sides.forEach(({ first, second }, i) => {
      if (counts[i]! > 0) there.add(first).add(second);
    });
    for (const model of there) drawn.get(model)?.push(placed(coefficients, model));
    styles.forEach((own, feature) => {
      const s = design.style(coefficients, feature);
      if (s !== null) own.push(s);
    });
  }

  const [low, high] = bounds(options.level);
  const estimate = (model: string, which: keyof Placed): RateEstimate => {
    const own = (drawn.get(model) as Placed[]).map((place) => place[which]);
    const value = rateOf(placed(beta, model)[which]);
    const at = (p: number) => (old ? rateQuantile(own, p) : quantileOf(own.map(rateOf), p));
    return { winRate: old ? value : (at(0.5) ?? value), low: at(low), high: at(high) };
  };
  return {
    rates: new Map(
      design.models.map((model) => [
        model,
        { ...estimate(model, 'controlled'), atEqualStyle: estimate(model, 'atEqualStyle') },
      ]),
    ),
    coefficients: design.features.map((feature, j) => {
      const { centre: mean, scale: standardDeviation } = design.standards[j] as Standard;
      const own = styles[j] as number[];
      const value = design.style(beta, j);
      return {
        feature,
        coefficient: old ? value : (quantileOf(own, 0.5) ?? value),
        low: quantileOf(own, low),
        high: quantileOf(own, high),
        mean,
        standardDeviation,
      };
    }),
    resamplesLeftOut,
  };
}

/** Σ_j s_j mean_j / deviation_j */
function meanStyle({ standards, style }: StyleDesign, beta: Float64Array): number {
  return standards.reduce((sum, { centre, scale }, j) => {
    const s = style(beta, j);
    return s === null || scale === null ? sum : sum + (s * centre) / scale;
  }, 0);
}

function quantileOf(values: readonly number[], p: number): number | null {
  return values.length === 0 ? null : linearQuantile(values, p);
}

function noFit(fault: LogisticFault, category: string | null) {
  const where = category === null ? '' : ` in the category ${category}`;
  return inputError(
    'style-fit',
    fault === 'collinear'
      ? `the battles do not tell models and features of style apart${where}`
      : `models and style predict every battle without error${where}, so that no finite fit is best`,
    { remedy: 'It takes more questions; --version v0.1 bears a penalty and always has a fit' },
  );
}
