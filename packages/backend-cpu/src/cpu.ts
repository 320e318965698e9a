import { allocate, type Backend, DTYPES, type TypedArray } from "@descent/core";
import { binary, cast, fill, select, unary } from "./elementwise.ts";
import { put, take } from "./indexing.ts";
import { matmul } from "./matmul.ts";
import { concat, gatherView, scatterView } from "./movement.ts";
import { argReduce, reduce, scan } from "./reduce.ts";
import { sort } from "./sort.ts";

/**
 * A new reference backend: plain loops over typed arrays, in every dtype. Its handles are the arrays themselves, which the garbage
 * collector frees.
 */
export const cpu = (): Backend<TypedArray> => ({
  name: "cpu",
  dtypes: DTYPES,
  synchronous: true,

  upload(values, { dtype }) {
    const x = allocate(dtype, values.length);
    x.set(values);
    return x;
  },
  download: (x) => x.handle.slice(),
  read: async (x) => x.handle.slice(),
  free: () => {},

  fill,
  cast,
  unary,
  binary,
  select,
  reduce,
  argReduce,
  matmul,
  gatherView,
  scatterView,
  take,
  put,
  sort,
  scan,
  concat,
});
