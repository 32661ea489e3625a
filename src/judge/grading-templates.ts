import type { GradingTemplates } from './grading-judge.ts';
import { readJudgeTemplate } from './template-files.ts';
import { templateNames } from './template-official.ts';
import { builtInTemplate } from './template-own.ts';

/** Winnow's own templates for single grading. */
export function builtInGrading(language: 'en' | 'ja'): GradingTemplates {
  const of = (name: string) => builtInTemplate(language === 'en' ? name : `${name}-${language}`);
  return {
    turn1: of('grading'),
    turn1WithReference: of('grading-reference'),
    turn2: of('grading-turn-2'),
    turn2WithReference: of('grading-turn-2-reference'),
  };
}

/** As MT-Bench names them (gen_judgment.py, make_judge_single, at 0e6d3e4). */
const NAMES = {
  turn1: 'single-v1',
  turn1WithReference: 'single-math-v1',
  turn2: 'single-v1-multi-turn',
  turn2WithReference: 'single-math-v1-multi-turn',
} as const;

/**
 * MT-Bench's templates for single grading from a judge_prompts.jsonl; the Japanese file has those of the first turn only.
 *
 * @throws inputError `judge-template` when even `single-v1` is missing.
 */
export async function readMtBenchGrading(file: string): Promise<GradingTemplates> {
  const there = new Set(await templateNames(file));
  const read = async (key: keyof typeof NAMES) =>
    there.has(NAMES[key]) ? { [key]: await readJudgeTemplate(file, { name: NAMES[key] }) } : {};
  return {
    turn1: await readJudgeTemplate(file, { name: NAMES.turn1 }),
    ...(await read('turn1WithReference')),
    ...(await read('turn2')),
    ...(await read('turn2WithReference')),
  };
}
