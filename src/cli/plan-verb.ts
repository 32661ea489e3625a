import type { Command } from 'commander';
import { type CommonFlags, configOf, withRunFlags } from './options.ts';
import type { Outside } from './outside.ts';
import { planLines, planTable } from './plan.ts';
import { planEvaluation, refuseEvaluationFlags, withEvaluationFlags } from './plan-evaluation.ts';
import { gpuPlanText, isShape, planShape, withShapeFlags } from './plan-gpu.ts';
import { type Said, travel } from './verbs.ts';
import type { Way } from './way.ts';

/** `winnow plan`: what a run takes on this machine, or with --effect how many prompts an evaluation needs. */
export function addPlan(program: Command, outside: Outside): void {
  const command = program
    .command('plan')
    .description(
      'say what a run will take: on this machine time, memory, speed (a few passes are measured), or on GPUs their hours and price (nothing is run or queued); with --shape the same for a model that is not at hand; with --effect, how many prompts an evaluation needs',
    );
  withShapeFlags(withEvaluationFlags(withRunFlags(command))).action(async (flags: CommonFlags) => {
    if (flags.effect !== undefined) {
      const said = planEvaluation(flags);
      outside.print(flags.json === true ? `${JSON.stringify(said.data, null, 2)}\n` : `${said.text}\n`);
      return;
    }
    refuseEvaluationFlags(flags);
    if (isShape(flags)) {
      const said = planShape(flags);
      outside.print(flags.json === true ? `${JSON.stringify(said.data, null, 2)}\n` : `${said.text}\n`);
      return;
    }
    await travel(configOf(flags), flags, outside, planRun);
  });
}

async function planRun(way: Way): Promise<Said> {
  if (way.elsewhere) {
    const plan = await way.plannedOnGpus();
    return { data: plan, text: gpuPlanText(plan) };
  }
  const plan = await way.planned();
  return { data: plan, text: [...planLines(plan), '', ...planTable(plan)].join('\n') };
}
