import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type OutlookRule, outlook, predictGain, profileProperties } from './outlook.ts';
import type { DifficultyProfile } from './profile.ts';

const tenths = Array.from({ length: 10 }, (_, i) => ({
  pairs: 10,
  lossNats: 0.1 * (i + 1),
  lengthLead: i < 5 ? 0.4 : -0.2,
  referenceLead: i < 8 ? 0.1 : -0.5,
}));
const profile: DifficultyProfile = {
  pairs: 100,
  aboveLn2: 0.3,
  lossNats: 0.55,
  agreement: 0.8,
  agreementHard: 0.4,
  suspicions: { learned: 0.5, unclear: 0.3, against: 0.2 },
  tenths,
};
/** gain = 0.1 · (share above ln 2) − 0.05 · (agreement) */
const rule: OutlookRule = {
  keepFraction: 0.8,
  properties: ['share of pairs above ln 2', 'agreement between seeds'],
  fit: { intercept: 0, slopes: [0.1, -0.05] },
  error: 0.005,
  leastPairs: 50,
  ranges: [
    [0.1, 0.5],
    [0.5, 0.95],
  ],
  record: { dataSets: 40, worlds: 10, told: 20, wrong: 1 },
  source: 'a test',
};

it('reads the easiest half and the hardest fifth from the tenths', () => {
  const properties = profileProperties(profile);
  expect(properties['difficulty of the hardest 20 %, nats']).toBeCloseTo(0.95, 12);
  expect(properties['length lead, easiest half']).toBeCloseTo(0.4, 12);
  expect(properties['length lead, easiest half − hardest 20 %']).toBeCloseTo(0.6, 12);
  expect(properties['start model’s lead, hardest 20 %']).toBeCloseTo(-0.5, 12);
  expect(properties['share of pairs against their label']).toBe(0.2);
});

describe('what is said', () => {
  const of = (change: Partial<DifficultyProfile>, by: Partial<OutlookRule> = {}) =>
    outlook({ ...profile, ...change }, { ...rule, ...by });

  it('speaks where the prediction lies beyond its error', () => {
    // 0.1 · 0.3 − 0.05 · 0.8 = −0.01, two errors from none.
    expect(of({})).toMatchObject({ says: 'hurt', because: null, keepFraction: 0.8 });
    expect(of({}).predicted).toBeCloseTo(-0.01, 12);
    expect(of({ aboveLn2: 0.5 })).toMatchObject({ says: 'help', because: null });
  });

  it('says that it cannot tell, and why', () => {
    expect(of({}, { error: 0.01 })).toMatchObject({ says: 'unknown', because: 'within-error' });
    // 0.1 … 0.5, and a tenth of the width beyond.
    expect(of({ aboveLn2: 0.53 })).toMatchObject({ says: 'help', because: null });
    expect(of({ aboveLn2: 0.55 })).toMatchObject({ says: 'unknown', because: 'unlike-the-lab' });
    expect(of({ pairs: 49 })).toMatchObject({ says: 'unknown', because: 'too-few-pairs', leastPairs: 50 });
    expect(of({ agreement: null })).toMatchObject({
      says: 'unknown',
      because: 'not-measured',
      predicted: null,
    });
  });

  it('a property that nobody measures is not measured', () => {
    const prediction = predictGain(profileProperties(profile), { ...rule, properties: ['luck', 'luck'] });
    expect(prediction.because).toBe('not-measured');
    expect(prediction.evidence[0]).toMatchObject({ property: 'luck', value: null });
  });
});

it('the rule that comes with winnow speaks of what is measured', () => {
  const file = join(import.meta.dirname, '..', '..', 'assets', 'lab', 'outlook.json');
  const shipped = JSON.parse(readFileSync(file, 'utf8')) as OutlookRule;
  expect(shipped.properties.every((name) => name in profileProperties(profile))).toBe(true);
  expect(shipped.fit.slopes).toHaveLength(shipped.properties.length);
  expect(shipped.ranges.every(([low, high]) => low < high)).toBe(true);
  expect(shipped.error).toBeGreaterThan(0.001);
  expect(shipped.record.wrong).toBeLessThan(shipped.record.told);
});
