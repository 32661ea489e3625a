import { describe, expect, it } from 'vitest';
import { machineError } from '../base/errors.ts';
import { randomPairs, tinyCheckpoint } from '../policy/fixtures.ts';
import { openPolicy, type Policy, type Trained } from '../policy/policy.ts';
import type { TokenizedPair } from '../text/tokenized.ts';
import type { Optimisation } from './optimise.ts';
import { scorePairs, trainPreference } from './preference.ts';

const OPTIMISATION: Optimisation = {
  learningRate: 1e-2,
  schedule: 'constant',
  warmupRatio: 0,
  maxGradNorm: 0,
  batchSize: 7,
  epochs: 1,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
};
const LORA: Trained = {
  method: 'lora',
  rank: 4,
  alpha: 8,
  seed: 5,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};

const pairs = randomPairs(7, 11);

type Kind = 'forward' | 'backward' | 'head' | 'allocate' | 'score';

/** Lets the calls of one kind that `failing` picks (from 0) run out of memory; gives the count of calls. */
function starve(policy: Policy, kind: Kind, failing: (call: number) => boolean): () => number {
  let calls = 0;
  const { programs, arena } = policy;
  if (kind === 'allocate') {
    const { allocate } = arena;
    Object.assign(arena, {
      allocate(length: number) {
        if (failing(calls++)) throw new RangeError('Array buffer allocation failed');
        return allocate(length);
      },
    });
  } else {
    const open = (programs[kind] as (...place: unknown[]) => Promise<unknown>).bind(programs);
    Object.assign(programs, {
      async [kind](...place: unknown[]) {
        if (failing(calls++)) throw machineError('out-of-memory', 'the engine could not allocate memory');
        return open(...place);
      },
    });
  }
  return () => calls;
}

interface StepOptions {
  readonly trained: Trained;
  readonly rows?: readonly TokenizedPair[];
  readonly activationBytes?: number;
  readonly prepare?: (policy: Policy) => unknown;
}

/** Uses a fresh policy over the same weights. */
async function withPolicy<T>(
  { trained, activationBytes, prepare }: StepOptions,
  use: (policy: Policy) => Promise<T>,
): Promise<T> {
  const { checkpoint, dispose } = tinyCheckpoint();
  const bytes = activationBytes === undefined ? {} : { activationBytes };
  const policy = openPolicy(checkpoint, { trained, threads: 1, ...bytes });
  try {
    prepare?.(policy);
    return await use(policy);
  } finally {
    await policy.dispose();
    dispose();
  }
}

/** Loss and gradients of one step: AdamW's first moment after it is (1 − β₁) times the gradient. */
function oneStep(options: StepOptions) {
  return withPolicy(options, async (policy) => {
    const rows = options.rows ?? pairs;
    const reference = rows.map((_, i) => ({ chosen: -20 - i, rejected: -24 + i }));
    const job = { pairs: rows, reference, beta: 0.1, shuffleSeed: 3, optimisation: OPTIMISATION };
    const { records, adam } = await trainPreference(policy, job);
    const gradients = [...adam.moments].map(
      ([name, { first }]) => [name, first.map((m) => m / (1 - OPTIMISATION.beta1))] as const,
    );
    return { record: records[0] as (typeof records)[0], gradients: new Map(gradients) };
  });
}

type Step = Awaited<ReturnType<typeof oneStep>>;

/** Equal up to the rounding of float32 sums in another order: of each tensor's largest gradient, a millionth or so. */
function expectSame(halved: Step, whole: Step): void {
  expect(halved.record.rows).toEqual(whole.record.rows);
  expect(Math.abs(halved.record.loss / whole.record.loss - 1)).toBeLessThan(1e-6);
  expect(Math.abs(halved.record.gradNorm / whole.record.gradNorm - 1)).toBeLessThan(1e-5);
  for (const [name, gradient] of whole.gradients) {
    const other = halved.gradients.get(name) as Float32Array;
    const largest = gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    const apart = gradient.reduce((most, g, i) => Math.max(most, Math.abs(g - (other[i] as number))), 0);
    expect(apart, name).toBeLessThanOrEqual(5e-6 * largest);
  }
}

describe('a pass that does not fit into memory is halved, with equal gradients', () => {
  const places: readonly [Kind, number][] = [
    ['forward', 0],
    ['forward', 1],
    ['head', 0],
    ['backward', 0],
    ['backward', 1],
    ['allocate', 0],
    ['allocate', 9],
  ];
  describe.each([
    ['LoRA', LORA],
    ['full', { method: 'full' }],
  ] as const)('%s', (_, trained) => {
    it.each([
      ['kept', undefined],
      ['computed again', 1],
    ])('activations %s: wherever in the pass memory ends', async (_what, activationBytes) => {
      const bytes = activationBytes === undefined ? {} : { activationBytes };
      const whole = await oneStep({ trained, ...bytes });
      expect(whole.gradients.size).toBeGreaterThan(10);
      expect(whole.record.gradNorm).toBeGreaterThan(0.01);
      for (const [kind, at] of places) {
        let calls = () => 0;
        const halved = await oneStep({
          trained,
          ...bytes,
          prepare: (policy) => {
            calls = starve(policy, kind, (call) => call === at);
          },
        });
        expect(calls(), `${kind} ${at}`).toBeGreaterThan(at + 1);
        expectSame(halved, whole);
      }
    });
  });

  it('scores too', async () => {
    const score = (prepare?: StepOptions['prepare']) =>
      withPolicy({ trained: { method: 'none' }, ...(prepare ? { prepare } : {}) }, (policy) =>
        scorePairs(policy, pairs),
      );
    const whole = await score();
    const halved = await score((policy) => starve(policy, 'score', (call) => call === 1));
    halved.forEach(({ chosen, rejected }, i) => {
      expect(chosen).toBeCloseTo(whole[i]?.chosen as number, 4);
      expect(rejected).toBeCloseTo(whole[i]?.rejected as number, 4);
    });
  });
});

describe('memory that is too little for half of a pass', () => {
  it('ends with what is needed and what there is, after one halving', async () => {
    let calls = () => 0;
    const run = oneStep({
      trained: LORA,
      prepare: (policy) => {
        calls = starve(policy, 'forward', () => true);
      },
    });
    await expect(run).rejects.toMatchObject({
      kind: 'machine',
      code: 'out-of-memory',
      fields: { need: expect.stringMatching(/^about \d+ MB/), got: expect.stringMatching(/^\d+ MB free$/) },
    });
    await expect(run).rejects.toThrow(
      /a pass of 4 rows of \d+ tokens does not fit into memory .*fewer workers/,
    );
    expect(calls()).toBe(2);
  });

  it('ends at once where a pass is one row', async () => {
    let calls = () => 0;
    const run = oneStep({
      trained: LORA,
      rows: pairs.slice(0, 1),
      prepare: (policy) => {
        calls = starve(policy, 'backward', () => true);
      },
    });
    await expect(run).rejects.toThrow(/a pass of 1 row of \d+ tokens does not fit into memory/);
    expect(calls()).toBe(1);
  });
});
