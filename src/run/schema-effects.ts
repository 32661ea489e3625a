import { z } from 'zod';

const tags = z.templateLiteral(['meta.', z.string().min(1)]).meta({ title: 'meta.FIELD' });

/** Section `effects` of the configuration. */
export const effects = z.strictObject({
  safetyTags: tags
    .nullable()
    .default(null)
    .describe(
      'Further column of the data (meta.FIELD) that tags pairs for safety: a value, a list of them, or an object of yes and no. The report then says of which tags the selection drops more than their share. null: none.',
    ),
});

/** Limits of a gate: beyond `warn` it is told in the report, beyond `fail` `winnow run` ends with exit code 3. */
const gate = (warn: number, what: string) =>
  z
    .strictObject({
      warn: z
        .number()
        .nullable()
        .default(warn)
        .describe(`${what}: beyond this it is a warning in the report. null: never. Our choice.`),
      fail: z
        .number()
        .nullable()
        .default(null)
        .describe('Beyond this `winnow run` and `winnow report` end with exit code 3. null: never.'),
    })
    .prefault({})
    .describe(`${what}. Limits {warn, fail}.`);

/** Section `gates`. */
export const gates = z.strictObject({
  by: z
    .enum(['interval', 'point'])
    .default('interval')
    .describe(
      'What must lie beyond `fail`. interval: the whole 95 % interval, so that nothing fails by chance; point: the value, which stops earlier. Warnings always go by the value.',
    ),
  lengthGrowth: gate(0.2, 'Growth of the mean answer length against the start model (0.2: a fifth longer)'),
  repetition: gate(0.05, 'Rise of the share of repeated 4-grams in answers'),
  unterminated: gate(0.05, 'Rise of the share of answers that run into the length limit'),
  refusals: gate(0.05, 'Rise of the share of answers that refuse'),
  languageSwitch: gate(0.02, 'Rise of the share of answers in another language than their prompt'),
  chosenLogProbDrop: gate(
    0.7,
    'Drop of the log-probability of held-out chosen answers, nats a token (0.7: half as probable)',
  ),
  calibrationError: gate(0.15, 'Expected calibration error of the implied preference probability'),
  winRateLoss: gate(0.02, 'Win rate lost against training on all pairs (0.02: two points)'),
  correctnessLoss: gate(0.02, 'Share of correct answers lost against training on all pairs'),
});

const price = z.number().min(0).nullable().default(null);

/** Section `prices`. */
export const prices = z.strictObject({
  currency: z.string().min(1).max(12).default('USD').describe('What prices are in; shown as it is.'),
  workerHour: price.describe(
    'Price of an hour of one worker process: the machine’s hourly price divided by the workers that run side by side. null: no money is computed from hours.',
  ),
  gpuHour: price.describe(
    'Price of an hour of one GPU, for the plan of a run on GPUs. null: no money is computed from GPU hours.',
  ),
  millionTrainingTokens: price.describe(
    'Price of a million tokens of the final training, where that is what you pay. null: no money is computed from tokens.',
  ),
});
