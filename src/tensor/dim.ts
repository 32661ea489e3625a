/**
 * A dimension of a tensor: a number, or an expression in symbols such as `T`, `B*T`, `P+T`.
 * The rank of a tensor is static; its symbolic dimensions are bound when a program runs.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];
export type Bindings = Readonly<Record<string, number>>;

/** Sum of products: monomial (sorted symbols joined by '*', '' for a constant) → coefficient. */
type Polynomial = Map<string, number>;

function parse(dim: Dim): Polynomial {
  if (typeof dim === 'number') return new Map(dim === 0 ? [] : [['', dim]]);
  const polynomial: Polynomial = new Map();
  for (const term of dim.split('+')) {
    let coefficient = 1;
    const symbols: string[] = [];
    for (const factor of term.split('*')) {
      if (/^\d+$/.test(factor)) coefficient *= Number(factor);
      else symbols.push(factor);
    }
    const key = symbols.sort().join('*');
    polynomial.set(key, (polynomial.get(key) ?? 0) + coefficient);
  }
  return polynomial;
}

function print(polynomial: Polynomial): Dim {
  const terms = [...polynomial]
    .filter(([, coefficient]) => coefficient !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (terms.length === 0) return 0;
  if (terms.length === 1 && terms[0]?.[0] === '') return terms[0][1];
  return terms
    .map(([symbols, coefficient]) =>
      symbols === '' ? String(coefficient) : coefficient === 1 ? symbols : `${coefficient}*${symbols}`,
    )
    .join('+');
}

export function multiplyDims(dims: readonly Dim[]): Dim {
  let product: Polynomial = new Map([['', 1]]);
  for (const dim of dims) {
    const next: Polynomial = new Map();
    for (const [a, ca] of product)
      for (const [b, cb] of parse(dim)) {
        const key = [...a.split('*'), ...b.split('*')]
          .filter((symbol) => symbol !== '')
          .sort()
          .join('*');
        next.set(key, (next.get(key) ?? 0) + ca * cb);
      }
    product = next;
  }
  return print(product);
}

export function addDims(a: Dim, b: Dim): Dim {
  const sum = parse(a);
  for (const [key, coefficient] of parse(b)) sum.set(key, (sum.get(key) ?? 0) + coefficient);
  return print(sum);
}

/** The number a dimension stands for under these bindings. Throws on an unbound symbol. */
export function evaluateDim(dim: Dim, bindings: Bindings): number {
  if (typeof dim === 'number') return dim;
  let total = 0;
  for (const [symbols, coefficient] of parse(dim)) {
    let term = coefficient;
    if (symbols !== '')
      for (const symbol of symbols.split('*')) {
        const value = bindings[symbol];
        if (value === undefined) throw new RangeError(`dimension ${dim}: symbol ${symbol} is not bound`);
        term *= value;
      }
    total += term;
  }
  return total;
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
