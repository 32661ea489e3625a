import {
  assumedSequences,
  assumedSize,
  cardBytes,
  GPUS,
  gpuHours,
  LADDER,
  SHAPES,
  scoringFlop,
  sequenceFlop,
  shareOf,
} from '../../src/pipeline/gpu-cost.ts';
import { table } from './document.ts';

const CARDS = 8;
const UTILISATIONS = [0.1, 0.2, 0.4];
/** USD of an hour of one H100: an example, not a quotation. */
export const EXAMPLE_PRICE = 2.5;

const pool = assumedSequences(61_135, 480);
const nameOf = (shape: string) => shape.toUpperCase();

/** What scoring takes, as published and with each saving: FLOP, hours on eight H100, money. */
export function costTable(): string {
  const row = (shape: string, name: string, flop: number) => [
    nameOf(shape),
    name,
    (flop / 1e18).toFixed(2),
    ...UTILISATIONS.map((share) => (gpuHours(flop, GPUS.h100.bfloat16, share) / CARDS).toFixed(2)),
    (EXAMPLE_PRICE * gpuHours(flop, GPUS.h100.bfloat16, 0.2)).toFixed(0),
  ];
  const rows = Object.entries(SHAPES).flatMap(([shape, parameters]) => {
    const size = assumedSize(parameters);
    const final = sequenceFlop(size, shareOf(pool, 0.5), { gradient: true, method: 'full', again: true });
    return [
      ...LADDER.map(({ name, setup }) => row(shape, name, scoringFlop(size, pool, setup))),
      row(shape, 'final training, every weight, on half of the pairs', final),
    ];
  });
  const hours = UTILISATIONS.map((share) => `Hours at ${100 * share} %`);
  return table(['Model', 'What', 'EFLOP', ...hours, 'USD at 20 %'], rows);
}

/** What each card holds beside activations. */
export function memoryTable(): string {
  const rows = Object.entries(SHAPES).map(([shape, parameters]) => {
    const { lora, zero2, zero3 } = cardBytes(parameters, CARDS);
    return [nameOf(shape), ...[lora, zero2, zero3].map((bytes) => (bytes / 1e9).toFixed(0))];
  });
  return table(
    ['Model', 'LoRA, a copy each, GB', 'Full, ZeRO-2 on 8, GB', 'Full, ZeRO-3 or FSDP2 on 8, GB'],
    rows,
  );
}
