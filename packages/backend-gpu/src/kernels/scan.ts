import type { ScanFn } from "@descent/core";
import type { Device } from "../device.ts";
import { BINARY } from "../shaders/arithmetic.ts";
import { splitAt } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
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
    let result = map(device, { op: "scan", key: "copy", shape: x.shape, inputs: { x: inOrder(x) }, body: "return x;" });
    for (let reach = 1; reach < size; reach *= 2) {
      const next = compute(device, {
        op: "scan",
        key: `scan ${fn}`,
        shape: [outer, size, inner],
        places: { k: steps(0, 1, 0) },
        arrays: { xs: result },
        scalars: { reach: reverse ? reach : -reach, size, inner },
        body: `const y = xs[i];
const other = at_k + reach;
if (other < 0 || other >= size) { return y; }
const x = xs[i + reach * inner];
${JOIN[fn]}`,
      });
      device.free(result);
      result = next;
    }
    return result;
  },
});
