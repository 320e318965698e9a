import { ShapeError } from "./errors.ts";

/** Sizes of the axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/**
 * A strided window onto a contiguous tensor: element `i` of the view is `x[offset + Σ iₖ·stridesₖ]`.
 *
 * Strides count elements and may be zero (expand) or negative (flip). Every position lies inside of `x`.
 */
export interface View {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i]!;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Strides of a contiguous tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let i = shape.length - 1, step = 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** How a message shows a shape: `[2,3]`. */
export const show = (shape: Shape): string => `[${shape.join(",")}]`;

/** The common shape of two operands under NumPy's rules, where axes of size 1 stretch. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b) || b.length === 0) return a;
  if (a.length === 0) return b;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1;
    const n = b[b.length - i] ?? 1;
    if (m !== n && m !== 1 && n !== 1)
      throw new ShapeError(
        op,
        `shapes do not broadcast: ${show(a)} and ${show(b)} (axis -${i}: ${m} ≠ ${n})`,
        "reshape() or expand() one of them so that the axes are equal or 1",
      );
    out[rank - i] = m === 1 ? n : m;
  }
  return out;
}

/** Strides with which a contiguous tensor of `shape` is read as one of shape `to`: zero along the stretched axes. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const lead = to.length - shape.length;
  const strides = stridesOf(shape);
  return to.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : strides[i - lead]!));
}

/** An axis counted from the front, whichever side it was counted from. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank)
    throw new ShapeError(
      op,
      `axis ${axis} does not exist in a tensor of rank ${rank}`,
      rank === 0 ? "a scalar has no axes" : `axes run from ${-rank} to ${rank - 1}`,
    );
  return at;
}

/** Axes counted from the front, ascending, each once; all of them where none is named. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return range(rank);
  if (typeof axes === "number") return [normalizeAxis(op, axes, rank)];
  const list = axes.map((axis) => normalizeAxis(op, axis, rank)).sort((a, b) => a - b);
  if (list.some((axis, i) => axis === list[i - 1]))
    throw new ShapeError(op, `an axis appears twice in [${axes}]`, "name each axis once");
  return list;
}

function range(n: number): number[] {
  const list: number[] = [];
  for (let i = 0; i < n; i++) list.push(i);
  return list;
}

/** The axes that a reduction goes over: all where none is named, as in PyTorch, where a scalar counts as having one axis. */
export function reducedAxes(op: string, dim: number | readonly number[] | undefined, rank: number): number[] {
  const named = dim !== undefined && (typeof dim === "number" || dim.length > 0);
  if (!named) return normalizeAxes(op, undefined, rank);
  const axes = normalizeAxes(op, dim, Math.max(rank, 1));
  return rank === 0 ? [] : axes;
}

/** The shape after reducing `axes` (normalised), which stay as size 1 with `keepdim`. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdim: boolean): Shape {
  return keepdim ? shape.map((size, i) => (axes.includes(i) ? 1 : size)) : shape.filter((_, i) => !axes.includes(i));
}

/** Throws unless the number of axes lies in an interval. */
export function checkRank(op: string, shape: Shape, least: number, most: number, remedy = "reshape() it"): void {
  if (shape.length >= least && shape.length <= most) return;
  const wanted =
    least === most ? least : most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
  throw new ShapeError(op, `expected ${wanted} axes, got ${show(shape)}`, remedy);
}

/** Throws unless `shape` is a list of non-negative integers. */
export function checkShape(op: string, shape: Shape): Shape {
  for (const size of shape)
    if (!Number.isInteger(size) || size < 0)
      throw new ShapeError(op, `sizes must be non-negative integers, got ${show(shape)}`, "round or clamp them first");
  return shape;
}
