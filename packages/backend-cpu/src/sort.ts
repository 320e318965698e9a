import { allocate } from "@descent/core";
import type { Kernel } from "./kernel.ts";
import { splitAt } from "./rows.ts";

/** Sorts the positions of every line along the axis; typed arrays sort stably. */
export const sort: Kernel<"sort"> = ({ handle: x, shape, dtype }, axis, descending) => {
  const values = allocate(dtype, x.length);
  const indices = allocate("int32", x.length);
  const { outer, size, inner } = splitAt(shape, axis);
  const order = new Int32Array(size);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      const at = (k: number): number => (o * size + k) * inner + i;
      for (let k = 0; k < size; k++) order[k] = k;
      order.sort((a, b) => (descending ? compare(x[at(b)]!, x[at(a)]!) : compare(x[at(a)]!, x[at(b)]!)));
      for (let k = 0; k < size; k++) {
        values[at(k)] = x[at(order[k]!)]!;
        indices[at(k)] = order[k]!;
      }
    }
  return [values, indices];
};

/** Ascending, with NaN above infinity. */
const compare = (a: number, b: number): number =>
  a < b ? -1 : a > b ? 1 : a === b ? 0 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
