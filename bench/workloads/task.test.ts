import { describe, expect, test } from "vitest";
import { conv, RESNET20 } from "./networks.ts";
import { flopsOf, type Layer } from "./task.ts";

describe("flopsOf", () => {
  test("counts a multiplication and an addition per product", () => {
    expect(flopsOf({ kind: "matmul", m: 2, k: 3, n: 5 })).toBe(60);
  });

  test("counts the positions of a convolution, three times with both gradients", () => {
    const task = { kind: "conv", input: [2, 3, 8, 8], conv: conv(3, 4, 3, { stride: 2, padding: 1 }) } as const;
    expect(flopsOf({ ...task, backward: false })).toBe(2 * 2 * 4 * 3 * 9 * 16);
    expect(flopsOf({ ...task, backward: true })).toBe(3 * 2 * 2 * 4 * 3 * 9 * 16);
  });

  test("has no number for other tasks", () => {
    expect(flopsOf({ kind: "chain", length: 20 })).toBeNull();
  });
});

test("ResNet-20 has 20 layers with weights, besides two projections", () => {
  const count = (layers: readonly Layer[]): number =>
    layers.reduce((sum, layer) => {
      if (layer.layer === "residual") return sum + count(layer.body) + count(layer.shortcut);
      return sum + (layer.layer === "conv" || layer.layer === "linear" ? 1 : 0);
    }, 0);
  expect(count(RESNET20)).toBe(20 + 2);
});
