import { ArgumentError, type PadMode, pad } from "@descent/core";
import { layerOf, type Planner } from "./function-layer.ts";
import { python } from "./repr.ts";

/** How much stands on either side of a sequence, or before and after it; negative numbers crop. */
export type Padding1 = number | readonly [left: number, right: number];
/** How much stands on every side of an image, or on each; negative numbers crop. */
export type Padding2 = number | readonly [left: number, right: number, top: number, bottom: number];
/** How much stands on every side of a volume, or on each; negative numbers crop. */
export type Padding3 =
  | number
  | readonly [left: number, right: number, top: number, bottom: number, front: number, back: number];

type Padding = number | readonly number[];

/** The list that `pad` takes for `n` axes. */
function sides(op: string, n: number, padding: Padding): readonly number[] {
  const list = typeof padding === "number" ? Array<number>(2 * n).fill(padding) : padding;
  if (list.length !== 2 * n || !list.every(Number.isInteger))
    throw new ArgumentError(op, `padding must be an integer or a list of ${2 * n}, got [${padding}]`);
  return list;
}

const around =
  <P extends Padding>(n: number, mode: PadMode): Planner<[padding: P]> =>
  (op, padding) => {
    const list = sides(op, n, padding);
    return [(x) => pad(x, list, { mode }), () => python(list)];
  };

const constant =
  <P extends Padding>(n: number): Planner<[padding: P, value: number]> =>
  (op, padding, value) => {
    const list = sides(op, n, padding);
    return [(x) => pad(x, list, { value }), () => `padding=${python(list)}, value=${python(value)}`];
  };

/** Puts `value` around the last axis. */
export class ConstantPad1d extends layerOf("ConstantPad1d", constant<Padding1>(1)) {}

/** Puts `value` around the last two axes. */
export class ConstantPad2d extends layerOf("ConstantPad2d", constant<Padding2>(2)) {}

/** Puts `value` around the last three axes. */
export class ConstantPad3d extends layerOf("ConstantPad3d", constant<Padding3>(3)) {}

/** Puts zeros around the last axis. */
export class ZeroPad1d extends layerOf("ZeroPad1d", around<Padding1>(1, "constant")) {}

/** Puts zeros around the last two axes. */
export class ZeroPad2d extends layerOf("ZeroPad2d", around<Padding2>(2, "constant")) {}

/** Puts zeros around the last three axes. */
export class ZeroPad3d extends layerOf("ZeroPad3d", around<Padding3>(3, "constant")) {}

/** Continues the last axis of `[C, L]` or `[N, C, L]` by reflection, without repeating the edge. */
export class ReflectionPad1d extends layerOf("ReflectionPad1d", around<Padding1>(1, "reflect")) {}

/** Continues the last two axes of `[C, H, W]` or `[N, C, H, W]` by reflection, without repeating the edge. */
export class ReflectionPad2d extends layerOf("ReflectionPad2d", around<Padding2>(2, "reflect")) {}

/** Continues the last three axes of `[C, D, H, W]` or `[N, C, D, H, W]` by reflection, without repeating the edge. */
export class ReflectionPad3d extends layerOf("ReflectionPad3d", around<Padding3>(3, "reflect")) {}

/** Continues the last axis of `[C, L]` or `[N, C, L]` by repeating the edge. */
export class ReplicationPad1d extends layerOf("ReplicationPad1d", around<Padding1>(1, "replicate")) {}

/** Continues the last two axes of `[C, H, W]` or `[N, C, H, W]` by repeating the edge. */
export class ReplicationPad2d extends layerOf("ReplicationPad2d", around<Padding2>(2, "replicate")) {}

/** Continues the last three axes of `[C, D, H, W]` or `[N, C, D, H, W]` by repeating the edge. */
export class ReplicationPad3d extends layerOf("ReplicationPad3d", around<Padding3>(3, "replicate")) {}

/** Continues the last axis of `[C, L]` or `[N, C, L]` by the other end, as if it were circular. */
export class CircularPad1d extends layerOf("CircularPad1d", around<Padding1>(1, "circular")) {}

/** Continues the last two axes of `[C, H, W]` or `[N, C, H, W]` by the other end, as if they were circular. */
export class CircularPad2d extends layerOf("CircularPad2d", around<Padding2>(2, "circular")) {}

/** Continues the last three axes of `[C, D, H, W]` or `[N, C, D, H, W]` by the other end, as if they were circular. */
export class CircularPad3d extends layerOf("CircularPad3d", around<Padding3>(3, "circular")) {}
