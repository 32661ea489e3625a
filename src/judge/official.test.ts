import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Duel } from './duel.ts';
import { readMtBenchGrading } from './grading-templates.ts';
import { alpacaEvalOrder, modelShare } from './order.ts';
import { readPreference } from './preference-judge.ts';
import { fillTemplate } from './template.ts';
import { readJudgeTemplate } from './template-files.ts';
import { findLabel, ratingOf } from './verdict.ts';

/** Files as the benchmarks publish them; sources: ../shared/data/INDEX.md. */
const DATA = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const jsonLines = <T>(text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
const linesOf = <T>(name: string) => jsonLines<T>(readFileSync(`${DATA}${name}`, 'utf8'));
const unzipped = (name: string) => gunzipSync(readFileSync(`${DATA}${name}`)).toString('utf8');

describe.skipIf(!existsSync(`${DATA}alpaca_eval`))('AlpacaEval 2 (needs ../shared/data)', () => {
  it('orders and preferences are those of 24,873 published judgments', () => {
    const baseline = JSON.parse(unzipped('alpaca_eval/baseline_gpt4_1106_preview.model_outputs.json.gz')) as {
      readonly instruction: string;
    }[];
    const orders = baseline.map(({ instruction }) =>
      alpacaEvalOrder({ conversation: [{ role: 'user', content: instruction }] } as unknown as Duel),
    );
    expect(new Set(orders).size).toBe(2);
    let [checked, oneLabel, largest] = [0, 0, 0];
    interface Annotation {
      readonly index: number;
      readonly preference: number;
      readonly top_logprobs: Readonly<Record<string, number>> | null;
    }
    const rows = jsonLines<Annotation>(unzipped('alpaca_eval/annotations_slim.jsonl.gz'));
    for (const { index, preference, top_logprobs: top } of rows) {
      if (top === null) continue;
      const place = Object.entries(top).map(([token, logProb]) => ({ token, logProb }));
      const reading = readPreference([place], { a: 'm', b: 'M' });
      if (!('value' in reading)) throw new Error(reading.failure);
      // 1 is the baseline, 2 the model.
      const win = modelShare(reading.value.winA, orders[index] as (typeof orders)[number]);
      largest = Math.max(largest, Math.abs(win - (preference - 1)));
      checked++;
      if (top.m === undefined || top.M === undefined) oneLabel++;
    }
    expect(checked).toBe(24_873);
    expect(oneLabel).toBe(14);
    expect(largest).toBeLessThan(1e-9);
  });

  it('its template: roles by ChatML, the texts in place, white space around messages dropped', async () => {
    const file = `${DATA}alpaca_eval/judge_prompt_alpaca_eval_clf.txt`;
    const template = await readJudgeTemplate(file);
    expect(template).toMatchObject({ kind: 'preference', labels: { a: 'm', b: 'M' }, usesReference: false });
    const messages = fillTemplate(template, { prompt: 'P{output_1}', answer_a: 'A', answer_b: 'B' });
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
    const user = messages[1]?.content as string;
    expect(user).toContain('"instruction": """P{output_1}"""');
    expect(user).toContain('"model_identifier": "m",\n        "output": """A"""');
    expect(user).toContain('"model_identifier": "M",\n        "output": """B"""');
    expect(user.endsWith('## Best Model Identifier')).toBe(true);
    expect(user.trim()).toBe(user);
    expect(messages[0]?.content).not.toContain('<|im_');
  });
});

describe.skipIf(!existsSync(`${DATA}arena_hard`))('Arena-Hard (needs ../shared/data)', () => {
  it.each(['arena-hard-v0.1', 'arena-hard-v2.0'])('%s.yaml', async (name) => {
    const file = `${DATA}arena_hard/${name}.yaml`;
    const template = await readJudgeTemplate(file, { system: 'Judge {fairly}.' });
    expect(template).toMatchObject({ kind: 'pairwise', name, note: null });
    const [system, user] = fillTemplate(template, { prompt: 'Q', answer_a: 'one', answer_b: 'two' });
    expect(system).toEqual({ role: 'system', content: 'Judge {fairly}.' });
    expect(user?.content).toBe(
      "<|User Prompt|>\nQ\n\n<|The Start of Assistant A's Answer|>\none\n<|The End of Assistant A's Answer|>\n\n<|The Start of Assistant B's Answer|>\ntwo\n<|The End of Assistant B's Answer|>",
    );
    const own = await readJudgeTemplate(file);
    expect(own.note).toMatch(/system prompt is Winnow’s own/);
    expect(findLabel('At first [[A>B]], but in the end: [[b>>a]]', template.verdict)).toBe('B>>A');
    expect(findLabel('so [A=B] it is', template.verdict)).toBe('A=B');
  });

  it('finds the verdicts of published judgments', async () => {
    const { verdict } = await readJudgeTemplate(`${DATA}arena_hard/arena-hard-v0.1.yaml`);
    const rows = linesOf<{ games: { judgment: string; score: string | null }[] }>(
      'arena_hard/v0.1.judgment.by-gpt-3.5-turbo-0125.Athene-V2-Chat.jsonl',
    );
    const games = rows.flatMap((row) => row.games).filter(({ score }) => score !== null);
    expect(games.length).toBeGreaterThan(200);
    const other = games.filter(({ judgment, score }) => findLabel(judgment, verdict) !== score);
    expect(other).toEqual([]);
  });
});

describe.skipIf(!existsSync(`${DATA}mt_bench`))('MT-Bench (needs ../shared/data)', () => {
  it('its four templates for single grading fill as FastChat fills them', async () => {
    const templates = await readMtBenchGrading(`${DATA}mt_bench/judge_prompts.jsonl`);
    const questions = new Map(
      linesOf<{ question_id: number; turns: string[] }>('mt_bench/question.jsonl').map((row) => [
        row.question_id,
        row.turns,
      ]),
    );
    const turnsOf = (name: string) =>
      new Map(
        linesOf<{ question_id: number; choices: { turns: string[] }[] }>(name).map((row) => [
          row.question_id,
          row.choices[0]?.turns ?? [],
        ]),
      );
    const references = turnsOf('mt_bench/reference_answer.gpt-4.jsonl');
    const answers = turnsOf('mt_bench/answer.llama2_chat_7b.jsonl');
    const names = {
      'single-v1': templates.turn1,
      'single-math-v1': templates.turn1WithReference,
      'single-v1-multi-turn': templates.turn2,
      'single-math-v1-multi-turn': templates.turn2WithReference,
    };
    interface Rated {
      readonly question_id: number;
      readonly model: string;
      readonly judge: readonly [string, keyof typeof names];
      readonly user_prompt: string;
      readonly judgment: string;
      readonly score: number;
    }
    const judgments = linesOf<Rated>('mt_bench/judgment.don-tpanic.gpt-4_single.jsonl');
    const used = new Set<string>();
    let [scores, same] = [0, 0];
    for (const { question_id: id, model, judge, user_prompt: asked, judgment, score } of judgments) {
      const template = names[judge[1]];
      if (template === undefined) throw new Error(`no template ${judge[1]}`);
      const label = findLabel(judgment, template.verdict);
      expect(label === null ? -1 : (ratingOf(label) ?? -1)).toBe(score);
      scores++;
      if (model !== 'llama2_chat_7b') continue;
      const [prompt = '', prompt2 = ''] = questions.get(id) ?? [];
      const [answer = '', answer2 = ''] = answers.get(id) ?? [];
      const [reference = '', reference2 = ''] = references.get(id) ?? [];
      const filled = fillTemplate(template, {
        prompt,
        answer,
        reference,
        prompt_1: prompt,
        answer_1: answer,
        reference_1: reference,
        prompt_2: prompt2,
        answer_2: answer2,
        reference_2: reference2,
      });
      expect(filled.at(-1)?.content).toBe(asked);
      used.add(judge[1]);
      same++;
    }
    expect(scores).toBe(800);
    expect(same).toBe(160);
    expect(used.size).toBe(4);
  });

  it('pairwise: A is looked for before B, and B before C', async () => {
    const file = `${DATA}mt_bench/judge_prompts.jsonl`;
    const template = await readJudgeTemplate(file, { name: 'pair-v2' });
    expect(template).toMatchObject({ kind: 'pairwise', usesReference: false });
    expect(findLabel('[[B]] … no: [[A]]', template.verdict)).toBe('A');
    expect(findLabel('[[C]] or [[B]]', template.verdict)).toBe('B');
    expect(findLabel('[C]', template.verdict)).toBeNull();
    expect((await readJudgeTemplate(file, { name: 'pair-math-v1' })).usesReference).toBe(true);
    await expect(readJudgeTemplate(file, { name: 'pair-v2-multi-turn' })).rejects.toThrow(
      /compares ratings or dialogues/,
    );
    await expect(readJudgeTemplate(file)).rejects.toThrow(/several templates.*single-math-v1-multi-turn/);
    await expect(readJudgeTemplate(file, { name: 'pair-v9' })).rejects.toThrow(/no template pair-v9/);
  });
});

describe.skipIf(!existsSync(`${DATA}ja_mt_bench`))('Japanese MT-Bench (needs ../shared/data)', () => {
  it('has templates of the first turn, and the ratings of its 564 judgments are found', async () => {
    const templates = await readMtBenchGrading(`${DATA}ja_mt_bench/judge_ja_prompts.jsonl`);
    expect(Object.keys(templates).sort()).toEqual(['turn1', 'turn1WithReference']);
    const rows = linesOf<{ judgment: string; score: number }>('ja_mt_bench/judgment.gpt-4_single.jsonl');
    expect(rows).toHaveLength(564);
    const other = rows.filter(({ judgment, score }) => {
      const label = findLabel(judgment, templates.turn1.verdict);
      return (label === null ? -1 : (ratingOf(label) ?? -1)) !== score;
    });
    expect(other).toEqual([]);
  });
});
