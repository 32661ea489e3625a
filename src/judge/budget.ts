/**
 * Money that may be spent, and is: a request is sent only when its most has been reserved, so that
 * spent + possibly spent + reserved ≤ budget at every moment, with any number of requests under way.
 */
export class Budget {
  readonly limitUsd: number;
  #spentUsd = 0;
  #possiblyUsd = 0;
  #reservedUsd = 0;
  #underWay = 0;
  #waiting: (() => void)[] = [];

  /** @param limitUsd Infinity for none. */
  constructor(limitUsd: number) {
    this.limitUsd = limitUsd;
  }

  get spentUsd(): number {
    return this.#spentUsd;
  }

  /** For requests whose answer was lost, and tokens that the server did not count. */
  get possiblyUsd(): number {
    return this.#possiblyUsd;
  }

  /** Waits for requests under way to give back what they do not need. false: the budget is reached. */
  async reserve(mostUsd: number): Promise<boolean> {
    for (;;) {
      if (this.#spentUsd + this.#possiblyUsd + this.#reservedUsd + mostUsd <= this.limitUsd) {
        this.#reservedUsd += mostUsd;
        this.#underWay++;
        return true;
      }
      if (this.#underWay === 0) return false;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Ends a reservation. `possiblyUsd` of it stays taken, since nobody knows whether it was charged. */
  settle(reservedUsd: number, spentUsd: number, possiblyUsd: number): void {
    this.#underWay--;
    // Sums of fractions of a cent leave crumbs that would add up.
    this.#reservedUsd = this.#underWay === 0 ? 0 : this.#reservedUsd - reservedUsd;
    this.#spentUsd += spentUsd;
    this.#possiblyUsd += possiblyUsd;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
