import type { ArgReduceFn } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop } from "../shaders/shader.ts";
import { type Line, splitAt } from "../shaders/walk.ts";
import { compute, steps } from "./compute.ts";
import type { Families } from "./kernel.ts";

/** Whether `x` is better than `best`, and whether it is not. Neither holds where one is NaN. */
const BETTER: Record<ArgReduceFn, readonly [better: string, notBetter: string]> = {
  argmax: [">", "<="],
  argmin: ["<", ">="],
};

export const argReductions = (device: Device): Families<"argReduce"> => ({
  argReduce(fn, x, axis) {
    const line = splitAt(x.shape, axis);
    return best(device, fn, x.handle, line, null, line.size);
  },
});

/**
 * The first of the best along the middle of `[outer, size, inner]`, among all or among `count` candidates `[outer, count, inner]`: the best of
 * every part, and then the best of those.
 */
function best(
  device: Device,
  fn: ArgReduceFn,
  x: GpuArray,
  line: Line,
  candidates: GpuArray | null,
  count: number,
): GpuArray {
  const { outer, size, inner } = line;
  const parts = Math.ceil(count / LONGEST_LOOP);
  const candidate = (k: string): string =>
    candidates === null ? `at_first + ${k}` : `candidates[at_candidate + (${k}) * inner]`;
  const [better, notBetter] = BETTER[fn];
  const found = compute(device, {
    op: fn,
    key: `${fn} ${candidates === null ? "of all" : "of some"}`,
    shape: [outer, parts, inner],
    places: {
      x: steps(size * inner, 0, 1),
      first: steps(0, LONGEST_LOOP, 0),
      candidate: steps(count * inner, LONGEST_LOOP * inner, 1),
    },
    arrays: candidates === null ? { xs: x } : { xs: x, candidates },
    scalars: { count, inner },
    body: `let found = ${candidate("0")};
let best = xs[at_x + found * inner];
let stuck = 1;
if (best <= 0 || best >= 0) { stuck = 0; }
const end = count - at_first;
${loop(
  "end",
  `const index = ${candidate("k")};
const x = xs[at_x + index * inner];
let wins = 0;
if (x ${better} best) { wins = 1; } else { if (stuck < 1 && !(x ${notBetter} best)) { wins = 1; stuck = 1; } }
if (wins > 0) { best = x; found = index; }`,
  { from: 1 },
)}
return found;`,
  });
  if (parts === 1) return found;
  const result = best(device, fn, x, line, found, parts);
  device.free(found);
  return result;
}
