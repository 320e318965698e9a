import { type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { splitAt } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
import type { Families, GpuOperand } from "./kernel.ts";
import { map } from "./map.ts";
import { scatter } from "./scatter.ts";

/** What moves elements. */
export const movement = (device: Device): Families<"gatherView" | "scatterView" | "concat"> => ({
  gatherView: (x, view, out) =>
    map(device, {
      op: "gatherView",
      key: "copy",
      shape: out.shape,
      inputs: { x: { array: x.handle, strides: view.strides, offset: view.offset } },
      body: "return x;",
    }),
  scatterView: (x, view, out) => scatter(device, x.handle, view, sizeOf(out.shape)),
  concat: (xs, axis, out) =>
    join(
      device,
      xs.filter(({ shape }) => sizeOf(shape) > 0),
      axis,
      out.shape,
    ),
});

/** How many arrays one shader joins. WebGPU binds seven at most. */
const MOST_JOINED = 4;

/** Joins arrays in groups until one is left, and frees what comes in between. */
function join(device: Device, xs: readonly GpuOperand[], axis: number, shape: Shape): GpuArray {
  const groups: (readonly GpuOperand[])[] = [];
  for (let i = 0; i < xs.length; i += MOST_JOINED) groups.push(xs.slice(i, i + MOST_JOINED));
  if (groups.length <= 1) return joinFew(device, xs, axis, shape);
  const joined = groups.map((group): GpuOperand => {
    const size = group.reduce((total, x) => total + x.shape[axis]!, 0);
    const part = shape.with(axis, size);
    return { shape: part, dtype: group[0]!.dtype, handle: joinFew(device, group, axis, part) };
  });
  const result = join(device, joined, axis, shape);
  for (const { handle } of joined) device.free(handle);
  return result;
}

function joinFew(device: Device, xs: readonly GpuOperand[], axis: number, shape: Shape): GpuArray {
  const { outer, size, inner } = splitAt(shape, axis);
  const arrays: Record<string, GpuArray> = {};
  const scalars: Record<string, number> = { inner };
  let body = "let k = at_k;\n";
  xs.forEach((x, j) => {
    arrays[`x${j}`] = x.handle;
    scalars[`size${j}`] = x.shape[axis]!;
    const read = `return x${j}[(at_outer * size${j} + k) * inner + at_inner];`;
    body += j === xs.length - 1 ? read : `if (k < size${j}) { ${read} }\nk = k - size${j};\n`;
  });
  return compute(device, {
    op: "concat",
    key: `concat ${xs.length}`,
    shape: [outer, size, inner],
    places: { outer: steps(1, 0, 0), k: steps(0, 1, 0), inner: steps(0, 0, 1) },
    arrays,
    scalars,
    body,
  });
}
