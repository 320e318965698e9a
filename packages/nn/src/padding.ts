import { ArgumentError, type PadMode, pad } from "@descent/core";
import { FunctionLayer } from "./function-layer.ts";
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
function sides(name: string, n: number, padding: Padding): readonly number[] {
  const list = typeof padding === "number" ? Array<number>(2 * n).fill(padding) : padding;
  if (list.length !== 2 * n || !list.every(Number.isInteger))
    throw new ArgumentError(`${name}${n}d`, `padding must be an integer or a list of ${2 * n}, got [${padding}]`);
  return list;
}

abstract class Pad extends FunctionLayer {
  protected constructor(name: string, n: number, padding: Padding, mode: PadMode) {
    const list = sides(name, n, padding);
    super((x) => pad(x, list, { mode }), python(list));
  }
}

abstract class ConstantPad extends FunctionLayer {
  protected constructor(n: number, padding: Padding, value: number) {
    const list = sides("ConstantPad", n, padding);
    super((x) => pad(x, list, { value }), `padding=${python(list)}, value=${python(value)}`);
  }
}

/** Puts `value` around the last axis. */
export class ConstantPad1d extends ConstantPad {
  /** @internal */
  static override readonly discreet: unknown = ConstantPad1d;
  constructor(padding: Padding1, value: number) {
    super(1, padding, value);
  }
}

/** Puts `value` around the last two axes. */
export class ConstantPad2d extends ConstantPad {
  /** @internal */
  static override readonly discreet: unknown = ConstantPad2d;
  constructor(padding: Padding2, value: number) {
    super(2, padding, value);
  }
}

/** Puts `value` around the last three axes. */
export class ConstantPad3d extends ConstantPad {
  /** @internal */
  static override readonly discreet: unknown = ConstantPad3d;
  constructor(padding: Padding3, value: number) {
    super(3, padding, value);
  }
}

/** Puts zeros around the last axis. */
export class ZeroPad1d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ZeroPad1d;
  constructor(padding: Padding1) {
    super("ZeroPad", 1, padding, "constant");
  }
}

/** Puts zeros around the last two axes. */
export class ZeroPad2d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ZeroPad2d;
  constructor(padding: Padding2) {
    super("ZeroPad", 2, padding, "constant");
  }
}

/** Puts zeros around the last three axes. */
export class ZeroPad3d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ZeroPad3d;
  constructor(padding: Padding3) {
    super("ZeroPad", 3, padding, "constant");
  }
}

/** Continues the last axis of `[C, L]` or `[N, C, L]` by reflection, without repeating the edge. */
export class ReflectionPad1d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ReflectionPad1d;
  constructor(padding: Padding1) {
    super("ReflectionPad", 1, padding, "reflect");
  }
}

/** Continues the last two axes of `[C, H, W]` or `[N, C, H, W]` by reflection, without repeating the edge. */
export class ReflectionPad2d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ReflectionPad2d;
  constructor(padding: Padding2) {
    super("ReflectionPad", 2, padding, "reflect");
  }
}

/** Continues the last three axes of `[C, D, H, W]` or `[N, C, D, H, W]` by reflection, without repeating the edge. */
export class ReflectionPad3d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ReflectionPad3d;
  constructor(padding: Padding3) {
    super("ReflectionPad", 3, padding, "reflect");
  }
}

/** Continues the last axis of `[C, L]` or `[N, C, L]` by repeating the edge. */
export class ReplicationPad1d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ReplicationPad1d;
  constructor(padding: Padding1) {
    super("ReplicationPad", 1, padding, "replicate");
  }
}

/** Continues the last two axes of `[C, H, W]` or `[N, C, H, W]` by repeating the edge. */
export class ReplicationPad2d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ReplicationPad2d;
  constructor(padding: Padding2) {
    super("ReplicationPad", 2, padding, "replicate");
  }
}

/** Continues the last three axes of `[C, D, H, W]` or `[N, C, D, H, W]` by repeating the edge. */
export class ReplicationPad3d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = ReplicationPad3d;
  constructor(padding: Padding3) {
    super("ReplicationPad", 3, padding, "replicate");
  }
}

/** Continues the last axis of `[C, L]` or `[N, C, L]` by the other end, as if it were circular. */
export class CircularPad1d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = CircularPad1d;
  constructor(padding: Padding1) {
    super("CircularPad", 1, padding, "circular");
  }
}

/** Continues the last two axes of `[C, H, W]` or `[N, C, H, W]` by the other end, as if they were circular. */
export class CircularPad2d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = CircularPad2d;
  constructor(padding: Padding2) {
    super("CircularPad", 2, padding, "circular");
  }
}

/** Continues the last three axes of `[C, D, H, W]` or `[N, C, D, H, W]` by the other end, as if they were circular. */
export class CircularPad3d extends Pad {
  /** @internal */
  static override readonly discreet: unknown = CircularPad3d;
  constructor(padding: Padding3) {
    super("CircularPad", 3, padding, "circular");
  }
}
