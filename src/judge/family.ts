/**
 * Families of language models by words of their names. A judge favours the words of its own family (Panickssery et
 * al. 2024, "LLM Evaluators Recognize and Favor Their Own Generations").
 */
const FAMILIES: readonly (readonly [family: string, pattern: RegExp])[] = [
  // Not EleutherAI's GPT-J and GPT-Neo, nor GPT4All.
  ['gpt', /^(chat)?gpt(?!4all)[\d.]*(o|oss)?$|^o[134]$|^(openai|davinci)$/],
  ['claude', /^claude|^anthropic$/],
  ['gemini', /^gemini|^palm\d?$/],
  ['gemma', /gemma/],
  ['llama', /llama|^(vicuna|alpaca|tulu|wizardlm|nemotron|swallow|elyza)/],
  ['qwen', /qwen|^(qwq|qvq)/],
  ['mistral', /^(mistral|mixtral|ministral|magistral|codestral|devstral|zephyr)/],
  ['deepseek', /^deepseek/],
  ['phi', /^phi[\d.]*$/],
  ['command', /^(command|cohere|c4ai|aya)/],
  ['grok', /^grok/],
  ['yi', /^yi$/],
  ['glm', /glm/],
  ['kimi', /^(kimi|moonshot)/],
  ['nova', /^nova$/],
  ['granite', /^granite/],
  ['olmo', /^olmo/],
  ['falcon', /^falcon/],
  ['internlm', /^internlm/],
  ['minicpm', /^minicpm/],
  ['exaone', /^exaone/],
  ['stablelm', /stablelm/],
  ['smollm', /^smollm/],
];
const OTHER_GPT = /\bgpt-(j|neo|neox)\b/;

/** Families that a name tells; a distilled model may tell two. */
export function familiesOf(name: string): string[] {
  // Of a path only the last folder: the others are of the disk. A hub's id has an owner that tells something.
  const parts = name.split(/[\\/]/).filter((part) => part !== '');
  const told = (parts.length > 2 || /^[./~\\]/.test(name) ? parts.slice(-1) : parts).join('-').toLowerCase();
  const words = told.split(/[^a-z0-9.]+|(?<!\d)\.|\.(?!\d)/).filter((word) => word !== '');
  return FAMILIES.filter(
    ([family, pattern]) =>
      words.some((word) => pattern.test(word)) && !(family === 'gpt' && OTHER_GPT.test(told)),
  ).map(([family]) => family);
}

/** The family that judge and model share, or null; for two equal names the name. Warn where there is one. */
export function sameFamily(judge: string, model: string): string | null {
  const own = familiesOf(model);
  const shared = familiesOf(judge).find((family) => own.includes(family));
  if (shared !== undefined) return shared;
  return judge.toLowerCase() === model.toLowerCase() ? judge : null;
}
