import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { argumentsOf, readText, tinyWorld, winnowOk } from './tiny-world.ts';
import { apart, python, type Weights, weightsOf } from './trl.fixture.ts';

const world = tinyWorld('trl-dpo');
// What transformers needs to know a tokenizer without a model hub.
const settings = join(world.model, 'tokenizer_config.json');
const known = { ...JSON.parse(readText(settings)), tokenizer_class: 'PreTrainedTokenizerFast' };
writeFileSync(settings, JSON.stringify(known));
const run = promisify(execFile);

describe.skipIf(python === null)(
  'what winnow export writes for TRL (needs node scripts/python-env.mjs)',
  () => {
    it('is run by `trl dpo --config`, to the weights that winnow trains', async () => {
      const [out, selected] = [join(world.dir, 'run'), join(world.dir, 'selected')];
      // Every weight: an adapter would start from TRL's own draw.
      const more = ['--method', 'full', '--learning-rate', '0.001'];
      await winnowOk(argumentsOf('train', world, { out, seeds: 1, workers: 1, arms: 'selected', more }));
      await winnowOk(['export', out, '--to', selected]);
      const trl = join(dirname(python as string), 'trl');
      // As the file says of machines without a GPU.
      await run(trl, ['dpo', '--config', 'train/trl.yaml', '--bf16', 'false'], {
        cwd: selected,
        env: { ...process.env, CUDA_VISIBLE_DEVICES: '', HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1' },
      });
      const [start, ours, theirs] = [
        world.model,
        join(out, 'arms', 'selected'),
        join(selected, 'outputs', 'trl'),
      ].map(weightsOf) as [Weights, Weights, Weights];
      // Its tokens, order, loss, schedule and steps are winnow's own, or these would differ.
      for (const name of ours.keys())
        expect(apart(ours, theirs, name)).toBeLessThan(1e-3 * apart(ours, start, name));
    }, 300_000);
  },
);
