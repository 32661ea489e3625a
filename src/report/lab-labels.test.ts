import { expect, it } from 'vitest';
import { placeLabels, textWidth } from './lab-labels.ts';

const FRAME = { left: 0, right: 400, top: 0, bottom: 300 };

it('puts a lone name right above its dot', () => {
  const [label] = placeLabels([{ name: 'full', x: 200, y: 150 }], FRAME, 11);
  expect(label?.far).toBe(false);
  expect(label?.dx).toBe(0);
  expect(label?.dy).toBeLessThan(0);
});

it('covers neither a name nor a dot, and stays in the frame', () => {
  const dots = Array.from({ length: 30 }, (_, i) => ({
    name: `easiest ${i} %`,
    x: 20 + ((i * 137) % 360),
    y: 20 + ((i * 71) % 260),
  }));
  const boxes = placeLabels(dots, FRAME, 11).flatMap((label, i) => {
    const dot = dots[i];
    if (label === null || dot === undefined) return [];
    return [{ x: dot.x + label.dx, y: dot.y + label.dy, half: textWidth(label.name, 11) / 2 }];
  });
  expect(boxes.length).toBeGreaterThan(20);
  boxes.forEach((a, i) => {
    expect(a.x - a.half).toBeGreaterThanOrEqual(0);
    expect(a.x + a.half).toBeLessThanOrEqual(400);
    for (const b of boxes.slice(i + 1))
      expect(Math.abs(a.x - b.x) >= a.half + b.half - 1e-9 || Math.abs(a.y - b.y) >= 11 - 1e-9).toBe(true);
    for (const { x, y } of dots) expect(Math.abs(a.x - x) < a.half && Math.abs(a.y - y) < 5).toBe(false);
  });
});

it('leaves out a name that has no room', () => {
  const dots = Array.from({ length: 40 }, (_, i) => ({
    name: 'a rather long name',
    x: 200 + i / 40,
    y: 150,
  }));
  const placed = placeLabels(dots, FRAME, 11).filter((label) => label !== null);
  expect(placed.length).toBeGreaterThan(4);
  expect(placed.length).toBeLessThan(40);
});
