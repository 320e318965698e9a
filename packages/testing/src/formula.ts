import type { Shape } from "@descent/core";
import { sizeOf } from "@descent/core";

// Weights and data of whole training runs, which PyTorch makes from the same formula, so that no file holds them (training.json, `weights`).

/** A number in [0, 1) for element `i` of stream `k`: a hash of both. */
export function u(i: number, k: number): number {
  let h = (Math.imul(i, 2654435761) + Math.imul(k, 40503) + 12345) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 8) / 2 ** 24;
}

/** Element by element, what the `k`-th floating tensor of a state dict begins with. */
export function formulaWeights(name: string, shape: Shape, k: number): Float32Array {
  const fanIn = sizeOf(shape) / shape[0]!;
  const value = (u: number): number => {
    if (name.endsWith("weight")) return shape.length > 1 ? (2 * u - 1) * Math.sqrt(6 / fanIn) : 1 + 0.2 * (u - 0.5);
    return name.endsWith("running_var") ? 1 + 0.2 * u : 0.2 * (u - 0.5);
  };
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(u(i, k)));
}
