import type { Device, GpuArray } from "../device.ts";
import { compute, steps } from "../kernels/compute.ts";
import type { GpuOperand } from "../kernels/kernel.ts";
import { reduceMiddle } from "../kernels/reduce.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import { type Line, splitAt } from "../shaders/walk.ts";
import type { FusedKernel, FusedKernels } from "./fused.ts";

/** `e^x` of a number without a sign above it, into `e`; NaN stays NaN. */
const exponential = (x: string): string => `const power = ${x};
let e = power;
if (power <= 0 || power > 0) { e = Math.exp(power); }`;

/** Softmax and what belongs to it: a launch per statistic of the lines, and one for the result. */
export const softmax = (device: Device): FusedKernels => ({
  softmax: along(device, "softmax", "return e / scale;"),
  logSoftmax: along(device, "logSoftmax", "return power - Math.log(scale);"),
  softmaxGrad: gradient(
    device,
    "softmaxGrad",
    "total = total + gs[at_line + k * inner] * ys[at_line + k * inner];",
    "return ys[i] * (gs[i] - total);",
  ),
  logSoftmaxGrad: gradient(
    device,
    "logSoftmaxGrad",
    "total = total + gs[at_line + k * inner];",
    `${exponential("ys[i]")}\nreturn gs[i] - e * total;`,
  ),
  softmaxCrossEntropy([logits, target]: readonly [GpuOperand, GpuOperand]) {
    const [rows, classes] = logits.shape as readonly [number, number];
    if (classes > LONGEST_LOOP) return null;
    const line = { outer: rows, size: classes, inner: 1 };
    const most = reduceMiddle(device, "max", logits.handle, line, "softmaxCrossEntropy");
    const loss = compute(device, {
      op: "softmaxCrossEntropy",
      key: "softmaxCrossEntropy",
      shape: [rows],
      places: { row: steps(classes) },
      arrays: { xs: logits.handle, targets: target.handle, mosts: most },
      scalars: { size: classes, inner: 1 },
      body: `const most = mosts[i];
${SCALE}
return most + Math.log(total) - xs[at_row + targets[i]];`,
    });
    device.free(most);
    return [loss];
  },
  softmaxCrossEntropyGrad([g, logits, target]: readonly [GpuOperand, GpuOperand, GpuOperand]) {
    const [rows, classes] = logits.shape as readonly [number, number];
    if (classes > LONGEST_LOOP) return null;
    const line = { outer: rows, size: classes, inner: 1 };
    const { most, scale } = statistics(device, "softmaxCrossEntropyGrad", logits.handle, line);
    const dx = compute(device, {
      op: "softmaxCrossEntropyGrad",
      key: "softmaxCrossEntropyGrad",
      shape: [rows, classes],
      places: { row: steps(1, 0), k: steps(0, 1) },
      arrays: { xs: logits.handle, mosts: most, scales: scale, targets: target.handle, gs: g.handle },
      scalars: {},
      body: `${exponential("xs[i] - mosts[at_row]")}
const target = targets[at_row];
const hit = at_k <= target && at_k >= target ? 1 : 0;
return gs[at_row] * (e / scales[at_row] - hit);`,
    });
    device.free(most);
    device.free(scale);
    return [dx];
  },
});

/** The sum of `e^(x − most)` over a row, into `total`. */
const SCALE = `let total = 0;
${loop("size", `${exponential("xs[at_row + k * inner] - most")}\ntotal = total + e;`)}`;

/** The largest element of every line, and the sum of the exponentials of what is left without it. */
function statistics(device: Device, op: string, x: GpuArray, line: Line): { most: GpuArray; scale: GpuArray } {
  const { outer, size, inner } = line;
  const most = reduceMiddle(device, "max", x, line, op);
  const scale = compute(device, {
    op,
    key: "sum of exponentials",
    shape: [outer, inner],
    places: { row: steps(size * inner, 1) },
    arrays: { xs: x, mosts: most },
    scalars: { size, inner },
    body: `const most = mosts[i];\n${SCALE}\nreturn total;`,
  });
  return { most, scale };
}

/** A function of `power`, the element without the largest of its line, of `e` to it, and of the line's `scale`. */
const along =
  (device: Device, op: string, body: string): FusedKernel<readonly [x: GpuOperand], number> =>
  ([x], axis) => {
    const line = splitAt(x.shape, axis);
    if (line.size > LONGEST_LOOP) return null;
    const { most, scale } = statistics(device, op, x.handle, line);
    const y = compute(device, {
      op,
      key: op,
      shape: [line.outer, line.size, line.inner],
      places: { line: steps(line.inner, 0, 1) },
      arrays: { xs: x.handle, mosts: most, scales: scale },
      scalars: {},
      body: `const scale = scales[at_line];\n${exponential("xs[i] - mosts[at_line]")}\n${body}`,
    });
    device.free(most);
    device.free(scale);
    return [y];
  };

/** A gradient of the result `y` along an axis, from a `total` over its line. */
const gradient =
  (
    device: Device,
    op: string,
    next: string,
    body: string,
  ): FusedKernel<readonly [g: GpuOperand, y: GpuOperand], number> =>
  ([g, y], axis) => {
    const { outer, size, inner } = splitAt(y.shape, axis);
    if (size > LONGEST_LOOP) return null;
    const arrays = { gs: g.handle, ys: y.handle };
    const totals = compute(device, {
      op,
      key: `${op} of lines`,
      shape: [outer, inner],
      places: { line: steps(size * inner, 1) },
      arrays,
      scalars: { size, inner },
      body: `let total = 0;\n${loop("size", next)}\nreturn total;`,
    });
    const dx = compute(device, {
      op,
      key: op,
      shape: [outer, size, inner],
      places: { line: steps(inner, 0, 1) },
      arrays: { ...arrays, totals },
      scalars: {},
      body: `const total = totals[at_line];\n${body}`,
    });
    device.free(totals);
    return [dx];
  };
