import { type Shape, unflatten } from "@descent/core";
import { layerOf } from "./function-layer.ts";
import { withDefaults } from "./options.ts";
import { keywords } from "./repr.ts";

/** Options of `Flatten`. */
export interface FlattenOptions {
  /** The first axis that is joined. Default 1, which keeps the batch. */
  readonly startDim?: number;
  /** The last axis that is joined. Default -1. */
  readonly endDim?: number;
}

/** Joins the axes `startDim` to `endDim` into one: `[N, C, H, W] → [N, C·H·W]`. */
export class Flatten extends layerOf("Flatten", (name, options: FlattenOptions = {}) => {
  const dims = withDefaults(name, options, { startDim: 1, endDim: -1 });
  return [(x) => x.flatten(dims.startDim, dims.endDim), () => keywords({ ...dims })];
}) {}

/** Divides the axis `dim` into axes of the given sizes, of which one may be −1: `[N, C·H·W] → [N, C, H, W]`. */
export class Unflatten extends layerOf("Unflatten", (_, dim: number, unflattenedSize: Shape) => [
  (x) => unflatten(x, dim, unflattenedSize),
  () => keywords({ dim, unflattenedSize }),
]) {}
