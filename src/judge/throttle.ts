import { wait } from './retry.ts';

/**
 * How many requests may be under way: one at first, one more for each answer (so the number doubles each round) up to
 * the limit; half as many when the server says that it is too much, and from there slowly up again, as TCP does
 * (RFC 5681, slow start and congestion avoidance). A wrong key or address is so found by a single request.
 */
export class Throttle {
  readonly #limit: number;
  #allowed = 1;
  #slowFrom: number;
  #underWay = 0;
  #pausedUntilMs = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
    this.#slowFrom = limit;
  }

  /** Waits for a place; false when the signal fired before there was one. Each true needs one `leave`. */
  async enter(signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (signal.aborted) return false;
      const pauseMs = this.#pausedUntilMs - Date.now();
      if (pauseMs > 0) await wait(pauseMs, signal);
      else if (this.#underWay < Math.floor(this.#allowed)) {
        this.#underWay++;
        return true;
      } else await this.#turn(signal);
    }
  }

  leave(how: 'answered' | 'limited' | 'failed'): void {
    this.#underWay--;
    if (how === 'answered')
      this.#allowed = Math.min(
        this.#limit,
        this.#allowed + (this.#allowed < this.#slowFrom ? 1 : 1 / this.#allowed),
      );
    if (how === 'limited') {
      this.#allowed = Math.max(1, this.#allowed / 2);
      this.#slowFrom = this.#allowed;
    }
    this.#wake();
  }

  /** No request starts within the next `ms`. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, Date.now() + ms);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const turn = () => {
        signal.removeEventListener('abort', turn);
        resolve();
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', turn, { once: true });
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const turn of waiting) turn();
  }
}
