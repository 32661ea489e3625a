import { inputError } from '../base/errors.ts';
import type { Message } from '../pairs/pair.ts';
import { type Program, parseTemplate, runTemplate } from './jinja.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface RenderOptions {
  /** End with the header of an assistant turn that is to be written. */
  readonly generationPrompt: boolean;
}

const compiled = new Map<string, Program>();

/**
 * A conversation in the model's own chat template (Jinja as transformers runs it: trim_blocks, lstrip_blocks).
 * @throws input error `bad-template` when the template does not parse; `template-refused` when it refuses these
 * messages (roles that do not alternate, no system role, …).
 */
export function renderChat(
  tokenizer: TextTokenizer,
  messages: readonly Message[],
  { generationPrompt }: RenderOptions,
): string {
  const template = compile(tokenizer);
  try {
    return runTemplate(template, {
      messages,
      tools: null,
      documents: null,
      add_generation_prompt: generationPrompt,
      bos_token: tokenizer.bosToken ?? '',
      eos_token: tokenizer.eosToken,
    });
  } catch (error) {
    throw inputError(
      'template-refused',
      `the chat template refuses the conversation: ${error instanceof Error ? error.message : String(error)}`,
      {
        file: tokenizer.source,
        got: messages.map((message) => message.role).join(', '),
        remedy: 'Change the roles or their order, or give the model another chat template.',
      },
      error,
    );
  }
}

function compile(tokenizer: TextTokenizer): Program {
  const source = tokenizer.chatTemplate;
  if (source === null) {
    throw inputError('no-template', 'the model has no chat template', {
      file: tokenizer.source,
      remedy: 'Add chat_template.jinja to the model folder.',
    });
  }
  const known = compiled.get(source);
  if (known !== undefined) return known;
  try {
    const template = parseTemplate(source);
    compiled.set(source, template);
    return template;
  } catch (error) {
    throw inputError(
      'bad-template',
      `the chat template does not parse: ${error instanceof Error ? error.message : String(error)}`,
      { file: tokenizer.source, remedy: 'Copy the template anew from the model.' },
      error,
    );
  }
}
