import type { Adapter, LoraPair } from '../model/adapter.ts';
import type { Policy, Trained } from './policy.ts';

/** The LoRA policy that an adapter belongs to; `seed` draws what the adapter leaves out. */
export function loraOf({ rank, alpha, targetModules }: Adapter, seed = 0): Trained {
  return { method: 'lora', rank, alpha, targets: targetModules, seed };
}

/** Puts an adapter's values into a LoRA policy of its shape; modules that it does not have stay as they are. */
export function setAdapter(policy: Policy, adapter: Adapter): void {
  for (const [module, { a, b }] of adapter.tensors) {
    policy.parameters.get(`${module}.lora_A`)?.data.set(a.data);
    policy.parameters.get(`${module}.lora_B`)?.data.set(b.data);
  }
}

/** The adapter that a LoRA policy's parameters are. */
export function adapterOf(
  parameters: Policy['parameters'],
  { rank, alpha, targets }: Pick<Extract<Trained, { method: 'lora' }>, 'rank' | 'alpha' | 'targets'>,
  baseModel: string,
): Adapter {
  const tensors = new Map<string, LoraPair>();
  for (const [name, a] of parameters) {
    if (!name.endsWith('.lora_A')) continue;
    const module = name.slice(0, -'.lora_A'.length);
    const b = parameters.get(`${module}.lora_B`);
    if (b !== undefined) tensors.set(module, { a, b });
  }
  return { baseModel, rank, alpha, targetModules: targets, tensors };
}
