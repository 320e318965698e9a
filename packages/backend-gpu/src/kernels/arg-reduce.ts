import type { ArgReduceFn } from "@descent/core";
import type { Device, GpuArray } from "../device.ts";
import { LONGEST_LOOP, loop, shader } from "../shaders/shader.ts";
import { at, splitAt, walk } from "../shaders/walk.ts";
import type { Families } from "./kernel.ts";

/** Whether `x` is better than `best`, and whether it is not. Neither holds where one is NaN. */
const BETTER: Record<ArgReduceFn, readonly [better: string, notBetter: string]> = {
  argmax: [">", "<="],
  argmin: ["<", ">="],
};

export const argReductions = (device: Device): Families<"argReduce"> => ({
  argReduce(fn, x, axis) {
    const { outer, size, inner } = splitAt(x.shape, axis);
    return best(device, fn, x.handle, { outer, size, inner, candidates: null, count: size });
  },
});

interface Candidates {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
  /** Indices `[outer, count, inner]` among which the best is looked for; `null` for all. */
  readonly candidates: GpuArray | null;
  readonly count: number;
}

/** The first of the best along the middle of `[outer, size, inner]`: the best of every part, and then the best of those. */
function best(device: Device, fn: ArgReduceFn, x: GpuArray, c: Candidates): GpuArray {
  const { outer, size, inner, candidates, count } = c;
  const parts = Math.ceil(count / LONGEST_LOOP);
  const { key, scalars, values, code } = walk([outer, parts, inner], {
    x: { strides: [size * inner, 0, 1], offset: 0 },
    first: { strides: [0, LONGEST_LOOP, 0], offset: 0 },
    ...(candidates === null ? {} : { c: { strides: [count * inner, LONGEST_LOOP * inner, 1], offset: 0 } }),
  });
  const candidate = (k: string): string =>
    candidates === null ? `${at("first")} + ${k}` : `cs[${at("c")} + (${k}) * inner]`;
  const [better, notBetter] = BETTER[fn];
  const body = `${code}let found = ${candidate("0")};
let best = xs[${at("x")} + found * inner];
let stuck = 1;
if (best <= 0 || best >= 0) { stuck = 0; }
const end = count - ${at("first")};
${loop(
  "end",
  `const index = ${candidate("k")};
const x = xs[${at("x")} + index * inner];
let wins = 0;
if (x ${better} best) { wins = 1; } else { if (stuck < 1 && !(x ${notBetter} best)) { wins = 1; stuck = 1; } }
if (wins > 0) { best = x; found = index; }`,
  { from: 1 },
)}
return found;`;
  const found = device.launch(
    fn,
    shader(`${fn} ${candidates === null ? "all" : "some"} ${key}`, {
      arrays: candidates === null ? ["xs"] : ["xs", "cs"],
      scalars: ["count", "inner", ...scalars],
      body,
    }),
    candidates === null ? [x] : [x, candidates],
    [count, inner, ...values],
    outer * parts * inner,
  );
  if (parts === 1) return found;
  const result = best(device, fn, x, { ...c, candidates: found, count: parts });
  device.free(found);
  return result;
}
