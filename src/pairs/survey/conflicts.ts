/** A label on a prompt, by hashes of its texts. */
export interface LabelledEdge {
  /** Place of the pair. */
  readonly place: number;
  readonly prompt: number;
  readonly chosen: number;
  readonly rejected: number;
}

export interface Conflicts {
  /** Places of two pairs that prefer the same two answers to one prompt the other way round. */
  readonly opposite: readonly (readonly [number, number])[];
  /** Places of pairs in a circle of three and more answers: A over B, B over C, C over A. */
  readonly circles: readonly (readonly number[])[];
}

/** Labels that cannot all be right. Pairs that say the same twice are no conflict. */
export function findConflicts(edges: readonly LabelledEdge[]): Conflicts {
  const byPrompt = new Map<number, LabelledEdge[]>();
  for (const edge of edges) {
    const own = byPrompt.get(edge.prompt);
    if (own === undefined) byPrompt.set(edge.prompt, [edge]);
    else own.push(edge);
  }
  const opposite: [number, number][] = [];
  const circles: number[][] = [];
  for (const own of byPrompt.values()) {
    if (own.length < 2) continue;
    const seen = new Map<string, number>();
    for (const { place, chosen, rejected } of own) {
      const against = seen.get(`${rejected}>${chosen}`);
      if (against !== undefined) opposite.push([against, place]);
      const key = `${chosen}>${rejected}`;
      if (!seen.has(key)) seen.set(key, place);
    }
    if (own.length > 2) circles.push(...circlesIn(own));
  }
  return { opposite, circles };
}

/** Edges within strongly connected parts of three and more answers (Tarjan 1972, without recursion). */
function circlesIn(edges: readonly LabelledEdge[]): number[][] {
  const next = new Map<number, number[]>();
  for (const { chosen, rejected } of edges) {
    next.set(chosen, [...(next.get(chosen) ?? []), rejected]);
    if (!next.has(rejected)) next.set(rejected, []);
  }
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const open: number[] = [];
  const isOpen = new Set<number>();
  const part = new Map<number, number>();
  const sizes: number[] = [];
  for (const start of next.keys()) {
    if (index.has(start)) continue;
    const path: { node: number; at: number }[] = [{ node: start, at: 0 }];
    while (path.length > 0) {
      const step = path.at(-1) as { node: number; at: number };
      const { node } = step;
      if (step.at === 0) {
        low.set(node, index.size);
        index.set(node, index.size);
        open.push(node);
        isOpen.add(node);
      }
      const child = (next.get(node) as number[])[step.at++];
      if (child !== undefined) {
        if (!index.has(child)) path.push({ node: child, at: 0 });
        else if (isOpen.has(child))
          low.set(node, Math.min(low.get(node) as number, index.get(child) as number));
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined)
        low.set(parent.node, Math.min(low.get(parent.node) as number, low.get(node) as number));
      if (low.get(node) !== index.get(node)) continue;
      let size = 0;
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        isOpen.delete(member);
        part.set(member, sizes.length);
        size++;
        if (member === node) break;
      }
      sizes.push(size);
    }
  }
  const circles = new Map<number, number[]>();
  for (const { place, chosen, rejected } of edges) {
    const own = part.get(chosen) as number;
    if (own !== part.get(rejected) || (sizes[own] as number) < 3) continue;
    circles.set(own, [...(circles.get(own) ?? []), place]);
  }
  return [...circles.values()];
}
