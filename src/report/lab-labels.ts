/** A dot's name where it covers neither a dot nor another name; `far` from the dot it wants a line to it. */
export interface Label {
  readonly name: string;
  /** Pixels from the dot to the middle of the name. */
  readonly dx: number;
  readonly dy: number;
  readonly far: boolean;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

interface Spot {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

const HEIGHT = 11;
const DOT = 5;
/** Gaps between a dot and its name, from the nearest ring of places to the farthest. */
const RINGS = [1, 10, 20, 32];
const SIDES = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
  [1, -1],
  [1, 1],
  [-1, 1],
  [-1, -1],
] as const;

/** Places names beside dots, one after the other at the first free place; null for a name that has none. */
export function placeLabels(dots: readonly Spot[], frame: Box, fontSize: number): (Label | null)[] {
  const taken: Box[] = dots.map(({ x, y }) => around(x, y, 2 * DOT, 2 * DOT));
  return dots.map(({ name, x, y }) => {
    const width = textWidth(name, fontSize);
    for (const ring of RINGS) {
      for (const [across, down] of SIDES) {
        const dx = across * (DOT + ring + width / 2);
        const dy = down * (DOT + ring + HEIGHT / 2);
        const box = around(x + dx, y + dy, width, HEIGHT);
        if (!inside(box, frame) || taken.some((other) => overlap(box, other))) continue;
        taken.push(box);
        return { name, dx, dy, far: ring > (RINGS[0] as number) };
      }
    }
    return null;
  });
}

/** Wide enough for the usual sans-serif faces; wide characters (CJK) take a full square. */
export function textWidth(text: string, fontSize: number): number {
  return [...text].reduce((sum, character) => sum + (character > '\u2e7f' ? 1 : 0.58), 0) * fontSize;
}

function around(x: number, y: number, width: number, height: number): Box {
  return { left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 };
}

function inside(box: Box, frame: Box): boolean {
  return (
    box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom
  );
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
