import { hashOf, type Json } from '../base/hash.ts';
import type { Ask } from './chat.ts';

/** Raised when asks are sent in another way that changes what is answered. */
const FORM = 1;

/**
 * What an ask is known by in the cache: SHA-256 of the canonical JSON of the service, the model, the messages, the
 * sampling and the repeat. The service is part of it, since two servers may give one name to two models; not its key,
 * nor anything that only decides how the request travels.
 */
export function askKey(ask: Ask, service: string): string {
  const { model, messages, sampling, repeat = 0, again = 0 } = ask;
  return hashOf({
    form: FORM,
    service,
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    sampling: sampling as unknown as Json,
    repeat,
    again,
  });
}
