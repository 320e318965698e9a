import { type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import type { Range } from "../../kernel-module.ts";
import { increase, times } from "../idioms.ts";
import type { Axis } from "./walk.ts";

/** The parameters for `count` axes: of each its size, and two strides in bytes. */
export const axisTypes = (count: number): (typeof I32)[] => new Array<typeof I32>(3 * count).fill(I32);

/** Appends the values of axes for elements of so many bytes, of `count` with others of one element in front; returns the product of sizes. */
export function pushAxes(integers: number[], axes: readonly Axis[], count: number, bytes: number): number {
  let product = 1;
  for (let k = axes.length; k < count; k++) integers.push(1, 0, 0);
  for (const { size, from, to } of axes) {
    integers.push(size, from * bytes, to * bytes);
    product *= size;
  }
  return product;
}

/**
 * Counts through a range like an odometer with one wheel for each axis, the last one turning fastest, and calls `body` with what the first
 * wheel shows. The addresses, which are for the first position of all, move along.
 */
export function odometer(
  f: FunctionBuilder,
  axes: readonly I32[],
  { begin, end }: Pick<Range, "end"> & { readonly begin: I32 | number },
  from: Var<I32>,
  to: Var<I32>,
  body: (first: I32) => void,
): void {
  const wheels = times(axes.length / 3, (k) => {
    const [size, fromStep, toStep] = axes.slice(3 * k) as [I32, I32, I32];
    return { size, fromStep, toStep, shown: f.var(I32) };
  });
  if (begin === 0) for (const { shown } of wheels) shown.set(I32.const(0));
  else {
    const rest = f.let(begin as I32);
    for (const { size, fromStep, toStep, shown } of [...wheels].reverse()) {
      shown.set(rest.remU(size));
      rest.set(rest.divU(size));
      increase(from, shown.mul(fromStep));
      increase(to, shown.mul(toStep));
    }
  }

  const turn = (k: number): void => {
    const { size, fromStep, toStep, shown } = wheels[k]!;
    increase(shown, 1);
    increase(from, fromStep);
    increase(to, toStep);
    if (k === 0) return;
    f.if(shown.eq(size), () => {
      shown.set(I32.const(0));
      from.set(from.sub(size.mul(fromStep)));
      to.set(to.sub(size.mul(toStep)));
      turn(k - 1);
    });
  };
  f.for(begin, end, 1, () => {
    body(wheels[0]!.shown);
    turn(wheels.length - 1);
  });
}
