import { type Shape, stridesOf, type View } from "@descent/core";

/** An axis along which two tensors are walked together: the elements between neighbours in either. */
export interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Which element of one tensor goes to which of another: number `from + Σ iₖ·fromₖ` to number `to + Σ iₖ·toₖ`, axes outermost first. */
export interface Walk {
  readonly axes: readonly Axis[];
  readonly from: number;
  readonly to: number;
}

/** The walk that reads a view, in the order of its elements. */
export function gathering({ shape, strides, offset }: View): Walk {
  const dense = stridesOf(shape);
  return { axes: merged(shape.map((size, i) => ({ size, from: strides[i]!, to: dense[i]! }))), from: offset, to: 0 };
}

/** The walk that writes a view of which no two elements share a place, in the order of those places. */
export function scattering({ shape, strides, offset }: View): Walk {
  const dense = stridesOf(shape);
  let [from, to] = [0, offset];
  const axes = shape.map((size, i): Axis => {
    if (strides[i]! >= 0) return { size, from: dense[i]!, to: strides[i]! };
    from += (size - 1) * dense[i]!;
    to += (size - 1) * strides[i]!;
    return { size, from: -dense[i]!, to: -strides[i]! };
  });
  return { axes: merged(axes.sort((a, b) => b.to - a.to)), from, to };
}

/** Without axes of size 1, and with neighbours that both tensors walk without a jump as one. */
export function merged(axes: readonly Axis[]): Axis[] {
  const result: Axis[] = [];
  for (const axis of axes) {
    if (axis.size === 1) continue;
    const outer = result.at(-1);
    if (outer !== undefined && outer.from === axis.size * axis.from && outer.to === axis.size * axis.to)
      result[result.length - 1] = { ...axis, size: outer.size * axis.size };
    else result.push(axis);
  }
  return result;
}

/**
 * The axes of a view along which its elements lie in ranges that do not overlap, by falling stride. All elements have places of their own
 * where these are all axes; otherwise there may or may not be some that share one.
 */
export function disjointAxes({ shape, strides }: { shape: Shape; strides: readonly number[] }): number[] {
  const byStride = shape.map((_, i) => i).sort((i, j) => Math.abs(strides[j]!) - Math.abs(strides[i]!));
  let reach = shape.reduce((sum, size, i) => sum + (size - 1) * Math.abs(strides[i]!), 0);
  const isDisjoint = (i: number): boolean => {
    reach -= (shape[i]! - 1) * Math.abs(strides[i]!);
    return shape[i] === 1 || Math.abs(strides[i]!) > reach;
  };
  const first = byStride.findIndex((i) => !isDisjoint(i));
  return first < 0 ? byStride : byStride.slice(0, first);
}
