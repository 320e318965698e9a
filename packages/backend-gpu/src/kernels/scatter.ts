import { sizeOf, stridesOf, type View } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { divide, LONGEST_LOOP, loop } from "../shaders/shader.ts";
import { collapse } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
import { fill } from "./elementwise.ts";
import { reduceMiddle } from "./reduce.ts";

/** An axis of a view, turned so that it goes upwards. */
interface Axis {
  readonly size: number;
  /** Where it goes in the result: zero or more. */
  readonly stride: number;
  /** Where it goes in the array that is scattered. */
  readonly step: number;
}

/** How an element of the result finds what is added up in it. */
export interface ScatterPlan {
  /** Axes whose indices are all tried. */
  readonly tried: readonly Axis[];
  /** Axes whose indices follow from the place that is left, the largest stride first. */
  readonly solved: readonly Axis[];
  /** The first place in the result. */
  readonly offset: number;
  /** What is read from there. */
  readonly from: number;
}

/**
 * Turns "add every element to its place" into "add up what has this place", because shaders write to one place only. Axes whose strides
 * reach beyond all smaller ones together are solved by division; of the ways to choose them, the one that leaves the least to try wins.
 */
export function planScatter(view: View): ScatterPlan {
  const { sizes, strides } = collapse(view.shape, [view, { strides: stridesOf(view.shape) }]);
  let { offset } = view;
  let from = 0;
  const axes = sizes.map((size, i): Axis => {
    const [stride, step] = [strides[0]![i]!, strides[1]![i]!];
    if (stride >= 0) return { size, stride, step };
    offset += (size - 1) * stride;
    from += (size - 1) * step;
    return { size, stride: -stride, step: -step };
  });
  axes.sort((a, b) => b.stride - a.stride);
  let best = axes;
  for (const tried of subsets(axes)) {
    const solved = axes.filter((axis) => !tried.includes(axis));
    if (area(tried) < area(best) && isNested(solved)) best = tried;
  }
  return { tried: best, solved: axes.filter((axis) => !best.includes(axis)), offset, from };
}

const area = (axes: readonly Axis[]): number => axes.reduce((total, { size }) => total * size, 1);

function subsets<T>(items: readonly T[]): T[][] {
  let all: T[][] = [[]];
  for (const item of items) all = all.flatMap((subset) => [subset, [...subset, item]]);
  return all;
}

/** Whether every stride, from the largest on, reaches beyond all smaller ones together. */
function isNested(axes: readonly Axis[]): boolean {
  let reach = 0;
  for (const { size, stride } of axes.toReversed()) {
    if (stride <= reach) return false;
    reach += (size - 1) * stride;
  }
  return true;
}

/** `out = 0; out[view(i)] += x[i]` for a result of `n` elements. */
export function scatter(device: Device, x: GpuArray, view: View, n: number): GpuArray {
  if (sizeOf(view.shape) === 0) return fill(device, 0, { shape: [n], dtype: "float32" }, "scatterView");
  const { tried, solved, offset, from } = planScatter(view);
  const count = area(tried);
  const parts = Math.ceil(count / LONGEST_LOOP);
  const scalars: Record<string, number> = { count, offset, from };
  const names = [...tried, ...solved].map(({ size, stride, step }, j) => {
    Object.assign(scalars, { [`length_${j}`]: size, [`stride_${j}`]: stride, [`step_${j}`]: step });
    return `${j}`;
  });
  const result = compute(device, {
    op: "scatterView",
    key: `scatter ${tried.length} ${solved.length}`,
    shape: [parts, n],
    places: { first: steps(LONGEST_LOOP, 0), place: steps(0, 1) },
    arrays: { xs: x },
    scalars,
    body: gather(names.slice(0, tried.length), names.slice(tried.length)),
  });
  if (parts === 1) return result;
  const sum = reduceMiddle(device, "sum", result, { outer: 1, size: parts, inner: n }, "scatterView");
  device.free(result);
  return sum;
}

/** Adds up, over all that is tried, the element whose place is the one that is computed, if there is one. */
const gather = (tried: readonly string[], solved: readonly string[]): string => `let total = 0;
const end = count - at_first;
${loop(
  "end",
  `let at = from;
let left = at_place - offset;
let rest = at_first + k;
${tried
  .map(
    (j) => `${divide("rest", `length_${j}`, `next_${j}`, `index_${j}`)}rest = next_${j};
left = left - index_${j} * stride_${j};
at = at + index_${j} * step_${j};
`,
  )
  .join("")}let fits = 1;
if (left < 0) { fits = 0; left = 0; }
${solved
  .map(
    (j) => `${divide("left", `stride_${j}`, `index_${j}`, `left_${j}`)}left = left_${j};
if (index_${j} >= length_${j}) { fits = 0; }
at = at + index_${j} * step_${j};
`,
  )
  .join("")}if (left > 0) { fits = 0; }
if (fits > 0) { total = total + xs[at]; }`,
)}
return total;`;
