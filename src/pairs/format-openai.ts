import { afterPromptMessages } from './format-explicit.ts';
import { moreThanText } from './format-llama-factory.ts';
import type { FormatRule } from './format-rule.ts';
import { badRow, isEmpty, isRow, toCompletion, toMessages } from './shape.ts';

/**
 * OpenAI's preference fine-tuning: `{"input": {"messages": […], "tools": […]}, "preferred_output": […],
 * "non_preferred_output": […]}`; also `input` as the list of messages itself, which some tools write.
 */
export const OPENAI: FormatRule = {
  detect: (row) => 'preferred_output' in row && 'non_preferred_output' in row,
  columns: ['input', 'preferred_output', 'non_preferred_output'],
  parse(row) {
    const { input } = row;
    if (!isRow(input) && !Array.isArray(input)) throw badRow('input', '{messages}', input);
    if (isRow(input) && !isEmpty(input.tools)) throw moreThanText('input.tools', 'tools');
    const prompt = isRow(input) ? toMessages(input.messages, 'input.messages') : toMessages(input, 'input');
    return afterPromptMessages(
      prompt,
      toCompletion(row.preferred_output, 'preferred_output'),
      toCompletion(row.non_preferred_output, 'non_preferred_output'),
    );
  },
};
