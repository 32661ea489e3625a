import { machineError, WinnowError } from '../base/errors.ts';
import { freeMemory } from '../base/machine.ts';
import type { Policy } from '../policy/policy.ts';

/** What a failure in a pass says about memory. */
interface PassSize {
  /** Rows of the largest pass, and the tokens of its longest row. */
  readonly rows: number;
  readonly tokens: number;
}

/**
 * Works through passes of rows (lists of their places). Where a pass does not fit into memory, the gradients that
 * were gathered so far are cleared, and all is done again in passes half as large: the same sums, in other parts.
 * Once; then it is an error that says what was needed and what there was.
 *
 * @param work restartable: what it gathers besides the policy's gradients, it gathers anew.
 * @throws machineError `out-of-memory`.
 */
export async function inPasses<T>(
  policy: Policy,
  passes: readonly (readonly number[])[],
  lengths: readonly number[],
  work: (passes: readonly (readonly number[])[]) => Promise<T>,
): Promise<T> {
  try {
    return await work(passes);
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    const halves = passes.flatMap(halved);
    if (halves.length === passes.length) throw outOfMemory(policy, sizeOf(passes, lengths), error);
    for (const { gradient } of policy.parameters.values()) gradient.fill(0);
    try {
      return await work(halves);
    } catch (again) {
      throw isOutOfMemory(again) ? outOfMemory(policy, sizeOf(halves, lengths), again) : again;
    }
  }
}

function halved(pass: readonly number[]): (readonly number[])[] {
  const middle = Math.ceil(pass.length / 2);
  return pass.length < 2 ? [pass] : [pass.slice(0, middle), pass.slice(middle)];
}

/** Of the runtime, or of JavaScript's own arrays. */
function isOutOfMemory(error: unknown): boolean {
  if (error instanceof WinnowError) return error.code === 'out-of-memory';
  return error instanceof RangeError && /allocation failed|invalid typed array length/i.test(error.message);
}

function sizeOf(passes: readonly (readonly number[])[], lengths: readonly number[]): PassSize {
  const sizes = passes.map((pass) => ({
    rows: pass.length,
    tokens: Math.max(...pass.map((row) => lengths[row] as number)),
  }));
  return sizes.reduce((a, b) => (b.rows * b.tokens > a.rows * a.tokens ? b : a));
}

function outOfMemory(policy: Policy, { rows, tokens }: PassSize, cause: unknown): WinnowError {
  const { config, programs, activationBytes, trained } = policy;
  const oneLayer = programs.savedBytes({ B: rows, T: tokens });
  const all = config.layers * oneLayer;
  const kept = trained.method === 'none' ? oneLayer : all <= activationBytes ? all : oneLayer;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  return machineError(
    'out-of-memory',
    `a pass of ${rows} ${rows === 1 ? 'row' : 'rows'} of ${tokens} tokens does not fit into memory`,
    {
      need: `about ${megabytes(kept)} for its activations, beside the model`,
      got: `${megabytes(freeMemory())} free`,
      remedy: 'Use fewer workers, a shorter text.maxLength, or a smaller model; or free memory',
    },
    cause,
  );
}
