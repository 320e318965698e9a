import type { FunctionBuilder, I32, Var } from "../../assembler/index.ts";
import { type Grid, patchesOf } from "./layout.ts";

/** The images `[N, channels, …size]` that tiles are taken from or put into, with zeros around them. */
export interface Images {
  readonly channels: number;
  /** Height and width. */
  readonly size: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** Image and position of a patch by its number. */
export function positionOf(f: FunctionBuilder, grid: Grid, patch: I32): Record<"image" | "down" | "across", Var<I32>> {
  const image = f.let(patch.divU(patchesOf(grid)));
  const within = f.let(patch.sub(image.mul(patchesOf(grid))));
  const down = f.let(within.divU(grid.across));
  return { image, down, across: f.let(within.sub(down.mul(grid.across))) };
}
