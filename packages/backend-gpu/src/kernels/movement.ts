import { type Shape, sizeOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { shader } from "../shaders/shader.ts";
import { at, splitAt, walk } from "../shaders/walk.ts";
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
  const { key, scalars, values, code } = walk([outer, size, inner], {
    outer: { strides: [1, 0, 0], offset: 0 },
    k: { strides: [0, 1, 0], offset: 0 },
    inner: { strides: [0, 0, 1], offset: 0 },
  });
  const names = xs.map((_, j) => `x${j}`);
  const reads = names.map(
    (name, j) =>
      `${j < names.length - 1 ? `if (k < size_of_${name}) { ` : ""}return ${name}[(${at("outer")} * size_of_${name} + k) * inner + ${at("inner")}];${
        j < names.length - 1 ? ` }\nk = k - size_of_${name};\n` : ""
      }`,
  );
  return device.launch(
    "concat",
    shader(`concat ${names.length} ${key}`, {
      arrays: names,
      scalars: ["inner", ...names.map((name) => `size_of_${name}`), ...scalars],
      body: `${code}let k = ${at("k")};\n${reads.join("")}`,
    }),
    xs.map((x) => x.handle),
    [inner, ...xs.map((x) => x.shape[axis]!), ...values],
    outer * size * inner,
  );
}
