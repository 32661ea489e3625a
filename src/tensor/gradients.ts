import { add } from './elementwise.ts';
import type { Node, Value } from './value.ts';

/**
 * Reverse-mode gradients: for every value of `wrt`, Σ over outputs of cotangentᵀ · ∂output/∂value, as new
 * values of the same graph. Only paths from `wrt` to the outputs are walked, so frozen weights cost nothing.
 * A value that no output depends on is an error: its gradient would be a silent zero.
 */
export function gradients(
  outputs: readonly { readonly value: Value; readonly cotangent: Value }[],
  wrt: readonly Value[],
): Value[] {
  const sinks = new Set(wrt);
  const order = topological(outputs.map((output) => output.value));
  const depends = new Set<Value>();
  for (const value of wrt) depends.add(value);
  for (const node of order)
    if (node.inputs.some((value) => depends.has(value)))
      for (const output of node.outputs) depends.add(output);

  const cotangents = new Map<Value, Value>();
  const accumulate = (value: Value, g: Value) => {
    const before = cotangents.get(value);
    cotangents.set(value, before === undefined ? g : add(before, g));
  };
  for (const { value, cotangent } of outputs) accumulate(value, cotangent);
  for (const node of order.reverse()) {
    const ofOutputs = node.outputs.map((output) => cotangents.get(output));
    const wanted = node.inputs.map((value) => depends.has(value));
    if (!ofOutputs.some((g) => g !== undefined) || !wanted.includes(true)) continue;
    // What lies behind a value that is asked for is not needed unless another asked-for value lies there too.
    if (node.backward === undefined) throw new Error(`${node.op} is not differentiable`);
    const ofInputs = node.backward(ofOutputs, wanted);
    node.inputs.forEach((value, i) => {
      const g = ofInputs[i];
      if (wanted[i] && g !== undefined) accumulate(value, g);
    });
  }
  return [...sinks].map((value) => {
    const g = cotangents.get(value);
    if (g === undefined) throw new Error(`no output depends on ${value.label}`);
    return g;
  });
}

/**
 * The nodes that the values need, producers before consumers; nodes behind `stop` are left out.
 * The order depends only on the graph, so equal graphs give equal programs.
 */
export function topological(values: readonly Value[], stop: ReadonlySet<Value> = new Set()): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  const open = (value: Value) => {
    if (value.producer === null || stop.has(value) || seen.has(value.producer)) return;
    seen.add(value.producer);
    stack.push({ node: value.producer, next: 0 });
  };
  for (const value of values) {
    open(value);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number };
      const following = top.node.inputs[top.next++];
      if (following === undefined) {
        order.push(top.node);
        stack.pop();
      } else open(following);
    }
  }
  return order;
}
