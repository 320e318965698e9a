import { type ScanFn, sizeOf, stridesOf } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { BINARY } from "../shaders/arithmetic.ts";
import { shader } from "../shaders/shader.ts";
import { at, splitAt, walk } from "../shaders/walk.ts";
import { type Families, inOrder } from "./kernel.ts";
import { map } from "./map.ts";

/** What two totals, of elements that follow each other, make together. */
const JOIN: Record<ScanFn, string> = {
  sum: BINARY.add,
  prod: BINARY.mul,
  max: BINARY.maximum,
  min: BINARY.minimum,
};

export const scans = (device: Device): Families<"scan"> => ({
  /** Totals of twice as many elements from step to step (Hillis and Steele 1986). */
  scan(fn, x, axis, reverse) {
    const { outer, size, inner } = splitAt(x.shape, axis);
    const shape = [outer, size, inner];
    const place = { strides: stridesOf(shape), offset: 0 };
    let result = map(device, { op: "scan", key: "copy", shape: x.shape, inputs: { x: inOrder(x) }, body: "return x;" });
    for (let reach = 1; reach < size; reach *= 2) {
      const { key, scalars, values, code } = walk(shape, { x: place, k: { strides: [0, 1, 0], offset: 0 } });
      const body = `${code}const y = xs[${at("x")}];
const other = ${at("k")} + reach;
if (other < 0 || other >= size) { return y; }
const x = xs[${at("x")} + reach * inner];
${JOIN[fn]}`;
      const next: GpuArray = device.launch(
        "scan",
        shader(`scan ${fn} ${key}`, { arrays: ["xs"], scalars: ["reach", "size", "inner", ...scalars], body }),
        [result],
        [reverse ? reach : -reach, size, inner, ...values],
        sizeOf(shape),
      );
      device.free(result);
      result = next;
    }
    return result;
  },
});
