import { Claims } from './claims.ts';
import type { Study } from './study.ts';
import { runSweep } from './sweep.ts';

/** When does leaving out the hardest pairs help? */
export const prediction: Study = {
  name: 'prediction',
  title: 'When it helps',
  question: '',
  async run(lab, { seeds }) {
    const cells = await runSweep(lab, seeds);
    return {
      name: prediction.name,
      title: prediction.title,
      verdict: `${cells.length} cells`,
      claims: new Claims().done(),
      tables: [],
      figures: [],
    };
  },
};
