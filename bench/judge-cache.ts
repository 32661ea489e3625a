/**
 * How long judging takes when every question is in the cache: 805 prompts in both orders, texts as long as AlpacaEval's.
 * `npm run bench -- judge-cache`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../src/base/random.ts';
import { openChatClient } from '../src/judge/chat-client.ts';
import type { Duel } from '../src/judge/duel.ts';
import { pairwiseJudge } from '../src/judge/pairwise-judge.ts';
import { builtInTemplate } from '../src/judge/template-own.ts';
import { FakeJudge } from '../test/fake-judge.ts';

const PROMPTS = 805;
/** Mean characters of a prompt, an answer and a judge's words. */
const LENGTHS = { prompt: 165, answer: 2_000, said: 1_500 };

const random = new Random('judge-cache');
const words = (length: number) => {
  let text = '';
  while (text.length < length) text += `${random.pick(['alpha', 'beta', 'gamma', 'delta', '日本語'])} `;
  return text;
};
const duels: Duel[] = Array.from({ length: PROMPTS }, (_, i) => ({
  id: String(i),
  conversation: [{ role: 'user', content: `${i}: ${words(LENGTHS.prompt)}` }],
  opponent: words(LENGTHS.answer),
  model: words(LENGTHS.answer),
}));

const fake = new FakeJudge();
const said = words(LENGTHS.said);
fake.answer = () => `${said}\n[[A>B]]`;
const baseUrl = await fake.listen();
const cache = mkdtempSync(join(tmpdir(), 'winnow-judge-cache-'));
try {
  for (const round of ['asked', 'from the cache', 'from the cache', 'from the cache']) {
    const start = performance.now();
    const client = openChatClient({ baseUrl, cache, concurrency: 16 });
    const judge = pairwiseJudge({ client, model: 'judge', template: builtInTemplate('pairwise-five') });
    const opened = performance.now();
    judge.estimate(duels);
    const estimated = performance.now();
    const { spending } = await judge.compare(duels);
    await client.close();
    const ms = (from: number, to: number) => `${Math.round(to - from)} ms`;
    console.log(
      `${round}: ${ms(start, performance.now())} (opening ${ms(start, opened)}, estimate ${ms(opened, estimated)}); ${spending?.paid} paid, ${spending?.cached} cached`,
    );
  }
} finally {
  fake.close();
  rmSync(cache, { recursive: true });
}
