import { topological } from './gradients.ts';
import type { ProgramSpec } from './onnx.ts';
import { apply, type Node, type Value } from './value.ts';

export type Part = Omit<ProgramSpec, 'files'>;

/** New outputs of a node from new inputs, in order; `taken`: whether anything takes an output. */
export type Rule = (
  operands: readonly Value[],
  node: Node,
  taken: (output: number) => boolean,
) => readonly (Value | undefined)[];

const copy: Rule = (inputs, { op, domain, attributes, outputs }) =>
  apply({ op, domain, attributes, inputs, outputs: outputs.map(({ shape, dtype }) => ({ shape, dtype })) });

/** The same program with some nodes made otherwise. Inputs, outputs and what is cut stay as they are. */
export function rewrite({ inputs, outputs }: Part, ruleFor: (node: Node) => Rule | undefined): Part {
  const fed = new Set(Object.values(inputs));
  const nodes = topological(Object.values(outputs), fed);
  const taken = new Set([...nodes.flatMap((node) => node.inputs), ...Object.values(outputs)]);
  const made = new Map<Value, Value>();
  const now = (value: Value) => made.get(value) ?? value;
  for (const node of nodes) {
    const rule = ruleFor(node) ?? copy;
    const results = rule(node.inputs.map(now), node, (i) => taken.has(node.outputs[i] as Value));
    node.outputs.forEach((value, i) => {
      const result = results[i];
      // What is fed takes the place of what would make it.
      if (result !== undefined && !fed.has(value)) made.set(value, result);
    });
  }
  return {
    inputs,
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, now(value)])),
  };
}
