import { type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";

/** A kernel's parameters for the axes that it walks. Strides are in bytes. */
export interface AxisParameters {
  readonly size: I32;
  readonly from: I32;
  readonly to: I32;
}

/** Names and types of the parameters for `count` axes, of which kernels have several sets told apart by a prefix. */
export const axisTypes = (count: number, prefix = ""): Readonly<Record<string, typeof I32>> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, k) => ["size", "from", "to"].map((part) => [`${prefix}${part}${k}`, I32])).flat(),
  );

/** The values of the parameters that `axisTypes` names. */
export const axisValues = (count: number, values: Readonly<Record<string, I32>>, prefix = ""): AxisParameters[] =>
  Array.from({ length: count }, (_, k) => ({
    size: values[`${prefix}size${k}`]!,
    from: values[`${prefix}from${k}`]!,
    to: values[`${prefix}to${k}`]!,
  }));

/**
 * Counts from `begin` to `end` like an odometer with one wheel for each axis, the last one turning fastest, and calls `body` with what the
 * wheels show. The addresses, which are for the first position of all, move along.
 */
export function odometer(
  f: FunctionBuilder,
  axes: readonly AxisParameters[],
  { begin, end }: { readonly begin: I32 | number; readonly end: I32 },
  from: Var<I32>,
  to: Var<I32>,
  body: (index: readonly I32[]) => void,
): void {
  const index = axes.map(() => f.var(I32));
  if (begin !== 0) {
    const rest = f.let(begin as I32);
    for (const [k, axis] of [...axes.entries()].reverse()) {
      index[k]!.set(rest.remU(axis.size));
      rest.set(rest.divU(axis.size));
      from.set(from.add(index[k]!.mul(axis.from)));
      to.set(to.add(index[k]!.mul(axis.to)));
    }
  } else for (const i of index) i.set(I32.const(0));

  const turn = (k: number): void => {
    const { size, from: fromStep, to: toStep } = axes[k]!;
    index[k]!.set(index[k]!.add(1));
    from.set(from.add(fromStep));
    to.set(to.add(toStep));
    if (k === 0) return;
    f.if(index[k]!.eq(size), () => {
      index[k]!.set(I32.const(0));
      from.set(from.sub(size.mul(fromStep)));
      to.set(to.sub(size.mul(toStep)));
      turn(k - 1);
    });
  };
  f.for(begin, end, 1, () => {
    body(index);
    turn(axes.length - 1);
  });
}
