import { z } from 'zod';

const count = z.int().min(1);
const name = z.string().min(1);

/** Section `trl`: how the engine of that name runs. */
export const trl = z.strictObject({
  python: name
    .nullable()
    .default(null)
    .describe(
      'Python with what engines/trl/requirements.txt names; null: WINNOW_PYTHON, else the environment that `winnow setup trl` made.',
    ),
  dtype: z
    .enum(['bfloat16', 'float32'])
    .default('bfloat16')
    .describe(
      'Numbers that the model is loaded and computed in. bfloat16, as the paper trained; float32 is what the embedded engine computes in. Part of what a result is known by.',
    ),
  processes: z
    .union([count, z.literal('auto')])
    .default('auto')
    .describe(
      'Processes of one unit, each with a GPU of its own; auto: executor.gpus, at least 1. Does not change which pairs a step sees.',
    ),
  parallel: name
    .default('ddp')
    .describe(
      'How the processes share the model: ddp (a copy each), fsdp2, zero2, zero3, or a config file of Accelerate. LoRA up to 14B fits ddp on 80 GB cards; training every weight of 8B and more wants fsdp2 or zero3.',
    ),
  microBatch: z
    .union([count, z.literal('auto')])
    .default('auto')
    .describe(
      'Pairs that a process takes in one pass; auto: 4, fewer where a step has fewer. Where memory runs out it is halved. A step is always training.batchSize pairs.',
    ),
  attention: z
    .enum(['sdpa', 'eager', 'flash_attention_2', 'flash_attention_3'])
    .default('sdpa')
    .describe('Implementation of attention, as transformers calls it.'),
  gradientCheckpointing: z
    .boolean()
    .default(true)
    .describe('Compute activations again in the backward pass: a third more work, far less memory.'),
  gpu: z
    .union([z.enum(['h100', 'h200', 'a100']), z.number().positive()])
    .default('h100')
    .describe(
      'The card that `winnow plan` reckons with: a name, or the TFLOP/s that it reaches at most in the dtype. Changes no result.',
    ),
  utilisation: z
    .number()
    .gt(0)
    .max(1)
    .default(0.2)
    .describe(
      'Share of the card’s peak that `winnow plan` expects, until units of the run have measured it. Our assumption: packed DPO of 7B on H100 was measured at 16.9 % and 22.5 % (open-instruct, pull requests 1466 and 1467); unpacked batches of two reached 2.5 %. Changes no result.',
    ),
});

/** Section `server`: a model server that answers, and scores, in place of the engine. */
export const server = z.strictObject({
  url: name
    .nullable()
    .default(null)
    .describe(
      'OpenAI-compatible server (vLLM, SGLang) that has the model, such as http://gpu1:8000/v1; answers then come from it, by /completions with token ids. null: the engine answers. The key is read from WINNOW_SERVER_KEY.',
    ),
  model: name
    .nullable()
    .default(null)
    .describe('The start model’s name at the server; null: the only one that it serves as a base.'),
  scoring: z
    .boolean()
    .default(false)
    .describe(
      'Also take log-probabilities of the reference pass and of held-out pairs from it (echo and logprobs). Held-out pairs and their reference then come from the same server; scoring runs stay with the engine, and so does the reference that they are held against.',
    ),
  concurrency: count.default(16).describe('Requests at a time of one unit.'),
});

const template = name.nullable().default(null);

/** Section `executor`: where the workers of units run. */
export const executor = z.strictObject({
  kind: z
    .enum(['local', 'slurm', 'ray', 'command'])
    .default('local')
    .describe(
      'local: processes of this machine; slurm: job arrays; ray: jobs of a Ray cluster; command: any other queue, by commands of your own. All but local need a run folder, a model and winnow that the nodes see under the same paths.',
    ),
  gpus: z
    .union([z.int().min(0), z.literal('auto')])
    .default('auto')
    .describe('GPUs of one unit; auto: one for engine trl, none for the embedded engine.'),
  cpus: z
    .union([count, z.literal('auto')])
    .default('auto')
    .describe('CPU cores of one unit, where it is not local; auto: 4, and 4 for each GPU beyond the first.'),
  memoryGB: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('Memory that is asked for one unit, 10⁹ bytes; null: the queue’s default.'),
  minutes: count
    .nullable()
    .default(null)
    .describe(
      'Time limit of one unit; one that runs into it goes on from its checkpoint. null: the queue’s default.',
    ),
  atOnce: count
    .nullable()
    .default(null)
    .describe('Most units in the queue’s hands at a time; null: all that are ready.'),
  setup: z
    .array(z.string())
    .default([])
    .describe('Shell lines before the worker starts, such as `module load cuda`.'),
  retries: z
    .int()
    .min(0)
    .default(3)
    .describe('How often a unit that failed for no fault of its input is tried again.'),
  pollSeconds: z.number().positive().default(5).describe('How often the queue is asked.'),
  settleSeconds: z
    .number()
    .min(0)
    .default(60)
    .describe(
      'How long results are waited for after the queue says that a unit has ended: shared file systems show files late.',
    ),
  slurm: z
    .strictObject({
      partition: name.nullable().default(null).describe('Partition; null: the default one.'),
      account: name.nullable().default(null).describe('Account that is billed; null: the default one.'),
      qos: name.nullable().default(null).describe('Quality of service; null: the default one.'),
      extra: z
        .array(z.string())
        .default([])
        .describe('Further options of sbatch, such as `--constraint=h100`.'),
    })
    .prefault({})
    .describe('Of slurm.'),
  ray: z
    .strictObject({
      address: name
        .default('http://127.0.0.1:8265')
        .describe('Address of the dashboard, which takes jobs (RAY_API_SERVER_ADDRESS goes before).'),
    })
    .prefault({})
    .describe('Of ray.'),
  command: z
    .strictObject({
      submit: template.describe(
        'Command that submits a batch and prints its handle as the last word of its last line; docs/executors.md has the words in braces that it may use, such as {script}, {count}, {name}, {cpus} and {gpus}.',
      ),
      poll: template.describe(
        'Command that prints the state of each task: `INDEX queued|running|ended [EXIT CODE]`, a line each, or one word for all.',
      ),
      cancel: template.describe('Command that takes back the tasks {indexes} of {job}.'),
      find: template.describe(
        'Command that prints the handle of the batch {name}, or nothing: for a driver that was killed while it submitted. null: a batch without a handle counts as never submitted.',
      ),
    })
    .prefault({})
    .describe('Of command.'),
});
