import { setFlagsFromString } from 'node:v8';

/**
 * Lets the JavaScript heap grow by 30 % of what is in use before it is swept, instead of doubling: the driver of a run
 * over 100,000 pairs then needs 0.7 GB instead of up to 1, in the same time (`npm run bench -- pairs`). For processes
 * that keep much and throw away little; called before there is much.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=30');
}
