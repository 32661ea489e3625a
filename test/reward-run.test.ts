import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../src/evaluate/answers.ts';
import { loadRewardModel } from '../src/judge/reward-model.ts';
import type { ReportData } from '../src/report/data.ts';
import type { UnitSpec } from '../src/run/unit.ts';
import {
  argumentsOf,
  type Ended,
  isDone,
  type RunOptions,
  readRows,
  readText,
  start,
  stateOf,
  tinyWorld,
  unitsOf,
  until,
  winnow,
  winnowOk,
  writeRewardModel,
  writeRows,
} from './tiny-world.ts';

// What the report says is computed anew from the files of the run: prompts, answers and rewards.

const world = tinyWorld('reward-run');
const reward = writeRewardModel(join(world.dir, 'reward'));
const ARMS = ['selected', 'full', 'random'];
const judged = (options: RunOptions): RunOptions => ({
  arms: ARMS.join(),
  seeds: 1,
  ...options,
  more: ['--reward-model', reward, ...(options.more ?? [])],
});

const out = join(world.dir, 'out');
let ran: Ended;
beforeAll(async () => {
  ran = await winnow([...argumentsOf('run', world, judged({ out })), '--json']);
});

const report = (run = out) => JSON.parse(readText(run, 'report.json')) as ReportData;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const specOf = (unit: string) => JSON.parse(readText(unit, 'unit.json')) as UnitSpec;

function resultOf<T>(unit: string, file: string): T[] {
  const { attempt } = JSON.parse(readText(unit, 'DONE.json')) as { attempt: string };
  return readRows<T>(unit, 'attempts', attempt, file);
}

interface Reward {
  readonly id: string;
  readonly reward: number;
  readonly tokens: number;
}

/** ChatML over bytes, by hand: BOS, two turns, each ended by its token and a line break. */
function conversation(prompt: string, answer: string): number[] {
  const bytes = (text: string) => [...Buffer.from(text)];
  const turn = (role: string, text: string) => [258, ...bytes(`${role}\n${text.trim()}`), 259, 10];
  return [256, ...turn('user', prompt), ...turn('assistant', answer)];
}

/** Answers with rewards, by arm; the start model's too. */
function rewardedAnswers(): Map<string, (Answer & Reward)[]> {
  const rewards = unitsOf(out, 'rewards-').map((unit) => ({
    rows: readText(specOf(unit).places?.tokens as string),
    found: resultOf<Reward>(unit, 'rewards.jsonl'),
  }));
  return new Map(
    unitsOf(out, 'answers-').map((unit) => {
      const { places } = specOf(unit);
      const order = places?.trained === undefined ? null : readText(places.trained, 'order.jsonl');
      const arm =
        order === null
          ? 'start'
          : (ARMS.find((name) => readText(out, 'arms', name, 'order.jsonl') === order) as string);
      const answers = resultOf<Answer>(unit, 'answers.jsonl');
      const lines = answers.map(
        ({ id, prompt, text }) => `${JSON.stringify({ id, tokens: conversation(prompt, text) })}\n`,
      );
      const own = rewards.find(({ rows }) => rows === lines.join(''));
      if (own === undefined) throw new Error(`no rewards for the answers of ${arm}`);
      return [arm, answers.map((answer, i) => ({ ...answer, ...(own.found[i] as Reward) }))];
    }),
  );
}

describe('winnow run with a reward model as judge', () => {
  it('ends well, in stages that are named', () => {
    expect({ code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({ code: 0, stderr: '' });
    expect(ran.stderr).toMatch(/Evaluation: rewards/);
    expect(unitsOf(out, 'rewards-').filter(isDone).length).toBeGreaterThanOrEqual(2);
  });

  it('has a win rate and a mean reward of every arm, from the rewards of whole conversations', () => {
    const answers = rewardedAnswers();
    const before = answers.get('start') as (Answer & Reward)[];
    for (const name of ARMS) {
      const own = answers.get(name) as (Answer & Reward)[];
      const wins = own.map(({ reward, text }, i) => {
        const other = before[i] as Answer & Reward;
        if (text === other.text) return 0.5;
        return reward > other.reward ? 1 : reward < other.reward ? 0 : 0.5;
      });
      const told = report().arms.find((arm) => arm.name === name);
      expect(told?.winRate?.value).toBeCloseTo(mean(wins), 12);
      expect(told?.winRate?.n).toBe(own.length);
      expect(told?.reward?.value).toBeCloseTo(mean(own.map((answer) => answer.reward)), 5);
      expect(told).toMatchObject({ correctness: null, style: null });
    }
    const [first] = report().arms;
    expect(first).toMatchObject({ name: 'start', winRate: null });
    expect(first?.reward?.value).toBeCloseTo(mean(before.map((answer) => answer.reward)), 12);
  });

  it('compares win rates and rewards, rewards also with the model before training', () => {
    const compared = report().comparisons.map(({ metric, b }) => `${metric} ${b}`);
    expect(compared).toEqual(
      expect.arrayContaining([
        'winRate full',
        'winRate random',
        'reward full',
        'reward random',
        'reward start',
      ]),
    );
    expect(compared).not.toContain('winRate start');
    expect(compared.filter((text) => text.startsWith('correctness'))).toEqual([]);
    const arm = (name: string) => report().arms.find((one) => one.name === name)?.reward?.value as number;
    const found = report().comparisons.find(({ metric, b }) => metric === 'reward' && b === 'full');
    expect(found?.difference.value).toBeCloseTo(arm('selected') - arm('full'), 12);
  });

  it('has the rewards that the library gives', async () => {
    const model = await loadRewardModel(reward);
    for (const { prompt, text, reward: found } of rewardedAnswers().get('full') as (Answer & Reward)[]) {
      const [own] = await model.rewardsOf([{ prompt, answer: text }]);
      expect(Math.abs((own as number) - found)).toBeLessThan(1e-5);
    }
    await model.dispose();
  });

  it('names the judge, in both languages', () => {
    expect(report().judge).toEqual({ kind: 'reward-model', name: expect.stringMatching(/reward$/) });
    const page = readText(out, 'report.html');
    expect(page).toContain('The judge is the reward model');
    expect(page).toContain('評価者は報酬モデル');
    expect(page).not.toMatch(/NaN|undefined|Infinity|gold judge/);
  });

  it('knows its plan’s stages', () => {
    const plan = JSON.parse(readText(out, 'plan.json')) as {
      stages: { stage: string; units: number; seconds: number }[];
      outcome: { stages: { stage: string }[] };
    };
    const [planned] = plan.stages.filter(({ stage }) => stage === 'Evaluation: rewards');
    expect(planned?.units).toBe(1 + ARMS.length);
    expect(planned?.seconds).toBeGreaterThan(0);
    expect(plan.outcome.stages.map(({ stage }) => stage)).toContain('Evaluation: rewards');
  });

  it('does nothing anew when it is run again', async () => {
    const before = stateOf(out);
    const again = await winnowOk([...argumentsOf('run', world, judged({ out })), '--json']);
    expect(stateOf(out)).toEqual(before);
    const { command: _, ...numbers } = JSON.parse(again.stdout);
    const { command: __, ...first } = JSON.parse(ran.stdout);
    expect(numbers).toEqual(first);
  });

  it('another judge changes nothing but the rewards', async () => {
    const run = join(world.dir, 'other-judge');
    cpSync(out, run, { recursive: true });
    const other = writeRewardModel(join(world.dir, 'other'), 10);
    const before = stateOf(run);
    await winnowOk(
      argumentsOf('run', world, judged({ out: run, more: ['--reward-model', other, '--quiet'] })),
    );
    const after = stateOf(run);
    const fresh = Object.keys(after).filter((unit) => !(unit in before));
    expect(fresh.length).toBeGreaterThan(0);
    expect(fresh.filter((unit) => !unit.startsWith('rewards-'))).toEqual([]);
    expect(report(run).arms[1]?.reward).not.toEqual(report().arms[1]?.reward);
  });
});

describe('kill -9 while rewards are computed', () => {
  it.each([
    ['the driver', false],
    ['the whole process group', true],
  ])('%s: the same command goes on, to the same bytes', async (_, group) => {
    const run = join(world.dir, group ? 'killed-group' : 'killed-driver');
    cpSync(out, run, { recursive: true });
    // All is done but the rewards.
    for (const unit of unitsOf(run, 'rewards-')) rmSync(unit, { recursive: true });
    const args = argumentsOf('run', world, judged({ out: run, workers: 1, more: ['--quiet'] }));
    const live = start(args, { group: true });
    await until('rewards at work', () =>
      unitsOf(run, 'rewards-').find(
        (unit) => !isDone(unit) && readdirSync(join(unit, 'attempts')).length > 0,
      ),
    );
    process.kill((group ? -1 : 1) * (live.process.pid as number), 'SIGKILL');
    expect((await live.ended).signal).toBe('SIGKILL');
    expect(
      unitsOf(run, 'rewards-').every(isDone) &&
        unitsOf(run, 'rewards-').length === unitsOf(out, 'rewards-').length,
    ).toBe(false);
    const before = stateOf(run);
    await winnowOk(args);
    for (const [unit, state] of Object.entries(before)) expect(stateOf(run)[unit]).toBe(state);
    const { command: _c, seconds: _s, secondsByStage: _b, cost: _k, ...numbers } = report(run);
    const { command: __c, seconds: __s, secondsByStage: __b, cost: __k, ...whole } = report();
    expect(numbers).toEqual(whole);
    await until('one attempt a unit', () =>
      unitsOf(run, 'rewards-').every((unit) => readdirSync(join(unit, 'attempts')).length === 1),
    );
    for (const unit of unitsOf(out, 'rewards-'))
      expect(resultOf(join(run, unit.slice(out.length)), 'rewards.jsonl')).toEqual(
        resultOf(unit, 'rewards.jsonl'),
      );
  });
});

describe('what is chosen by win rate', () => {
  it('learning rate and keep fraction are, on tuning prompts, by the reward model', async () => {
    const run = join(world.dir, 'tuned');
    const tuning = writeRows(
      join(world.dir, 'tuning.jsonl'),
      ['elm fir?', 'gum hay?', 'ivy jam?', 'kelp?'].map((prompt) => ({ prompt })),
    );
    const more = [
      '--limit',
      '30',
      '--keep',
      'auto',
      '--learning-rate',
      '0.003,0.01',
      '--set',
      `evaluation.tuningPrompts=${tuning}`,
    ];
    const chosen = await winnowOk([...argumentsOf('select', world, judged({ out: run, more })), '--json']);
    const { auto } = JSON.parse(chosen.stdout) as { auto: { tried: { winRate: number }[] } };
    expect(auto.tried.length).toBeGreaterThan(3);
    for (const { winRate } of auto.tried) expect(winRate >= 0 && winRate <= 1).toBe(true);
    const scored = await winnowOk(['score', '--out', run, '--json', '--quiet']);
    expect(JSON.parse(scored.stdout).learningRates).toMatchObject({
      by: 'winRate',
      tried: [{ learningRate: 0.003 }, { learningRate: 0.01 }],
    });
    expect(chosen.stderr).toMatch(
      /Choosing the learning rate: rewards[\s\S]*Choosing the keep fraction: rewards/,
    );
  });
});

describe('what cannot be a judge', () => {
  let runs = 0;
  async function refused(options: Partial<RunOptions>, model = world.model): Promise<string> {
    const run = join(world.dir, `refused-${runs++}`);
    const { code, stdout, stderr } = await winnow(
      argumentsOf('check', { ...world, model }, { out: run, seeds: 1, ...options }),
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toMatch(/unexpected failure|\n\s+at /);
    expect(existsSync(run) ? readdirSync(run) : ['winnow-run.json']).toEqual(['winnow-run.json']);
    return stderr;
  }
  const withReward = (model: string) => ({ more: ['--reward-model', model] });
  const changed = (file: string, change: (text: string) => string) => {
    const copy = join(world.dir, `changed-${runs++}`);
    cpSync(reward, copy, { recursive: true });
    writeFileSync(join(copy, file), change(readFileSync(join(copy, file), 'utf8')));
    return copy;
  };

  it.concurrent('a language model', async () => {
    expect(await refused(withReward(world.model))).toMatch(
      /model\/config\.json: this is a language model, and no reward/,
    );
  });

  it.concurrent('and a reward model cannot be trained', async () => {
    expect(await refused({}, reward)).toMatch(
      /reward\/config\.json: this is a reward model.*evaluation\.rewardModel/,
    );
  });

  it.concurrent('a classifier of five labels', async () => {
    const labels = Object.fromEntries([0, 1, 2, 3, 4].map((i) => [i, `LABEL_${i}`]));
    const model = changed('config.json', (text) => JSON.stringify({ ...JSON.parse(text), id2label: labels }));
    expect(await refused(withReward(model))).toMatch(/this is a classifier.*need "one label", got 5/);
  });

  it.concurrent('two at once', async () => {
    const more = ['--reward-model', reward, '--set', 'evaluation.judge=lab'];
    expect(await refused({ more })).toMatch(/command line: there are two judges/);
  });

  it.concurrent('one whose context is too short for a prompt: told before any training, with the prompt', async () => {
    const model = changed('config.json', (text) =>
      JSON.stringify({ ...JSON.parse(text), max_position_embeddings: 30 }),
    );
    const more = ['--reward-model', model, '--set', 'text.onLong=refuse'];
    expect(await refused({ more })).toMatch(
      /row \d+: conversation \w+ has \d+ tokens for the reward model.*need "at most 30/,
    );
  });

  it.concurrent('no folder, and no hub id', async () => {
    expect(await refused(withReward(join(world.dir, 'nowhere')))).toMatch(/nowhere: no such folder/);
  });

  it.concurrent('and auto asks for one', async () => {
    expect(await refused({ more: ['--keep', 'auto'] })).toMatch(
      /evaluation\.judge, evaluation\.rewardModel or llmJudge\.model/,
    );
  });

  it.concurrent('relative to winnow.yaml, it is found beside it', async () => {
    const folder = join(world.dir, 'beside');
    mkdirSync(folder);
    cpSync(reward, join(folder, 'judge'), { recursive: true });
    const file = join(folder, 'winnow.yaml');
    writeFileSync(
      file,
      `model: ${world.model}\ndata: ${world.data}\nout: run\nevaluation:\n  rewardModel: judge\n`,
    );
    await winnowOk(['check', '--config', file, '--quiet']);
    expect(readText(folder, 'run', 'winnow.yaml')).toContain(`rewardModel: ${join(folder, 'judge')}`);
  });
});
