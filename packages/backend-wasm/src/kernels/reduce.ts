import { type Operand, type ReduceFn, sizeOf } from "@descent/core";
import { bytesOf, type Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { lazy } from "./lazy.ts";
import { defineArgReductions } from "./reduce/arg-reduce.ts";
import { type Form, formOf } from "./reduce/axes.ts";
import { COLUMNS, itemsOf, launchAlong } from "./reduce/columns.ts";
import { defineReductions } from "./reduce/kernels.ts";
import { partition, partitioned, partsFor } from "./runs.ts";

/** Nanoseconds that an element takes. */
const COST = 0.06;
/** How many items a large reduction should have, so that threads can share it. */
const ITEMS = 32;

type Fn = ReduceFn | "intSum";

/** `reduce, argReduce`. Partial results depend on the shape alone, so that the number of threads does not show. */
export function reductions(runtime: Runtime, reference: Families): Pick<Families, "reduce" | "argReduce"> {
  const { pager } = runtime;
  const kernels = lazy(() => runtime.compile(defineReductions));
  const argKernels = lazy(() => runtime.compile(defineArgReductions));

  /** A reduction in so many parts; `launch` writes `[parts, …]` results. */
  interface Plan {
    readonly parts: number;
    launch(x: number, y: number): void;
  }

  function overRuns(fn: Fn, [outer, kept, inner]: Form["sizes"]): Plan {
    const by = partition(outer, kept, inner, ITEMS);
    const cost = (COST * outer * inner) / by.parts;
    const launch = (x: number, y: number) =>
      runtime.launch(kernels()[`${fn}Runs`], kept * by.parts, cost, [x, y, ...partitioned(outer, kept, inner, by)]);
    return { parts: by.parts, launch };
  }

  function overColumns(fn: Fn, [outer, reduced, inner]: Form["sizes"], wanted = ITEMS): Plan {
    const items = itemsOf(outer, inner);
    const width = Math.min(inner, COLUMNS);
    const rows = Math.ceil(reduced / partsFor(items, reduced * width, wanted));
    const parts = Math.ceil(reduced / rows);
    const launch = (x: number, y: number) => {
      const integers = [x, y, outer, reduced, 4 * inner, rows];
      runtime.launch(kernels()[`${fn}Columns`], items * parts, COST * width * rows, integers);
    };
    return { parts, launch };
  }

  return {
    reduce(fn, x, axes, out) {
      const word = kernelFor(fn, x);
      const form = word === null || sizeOf(x.shape) === 0 ? null : formOf(x.shape, axes);
      if (word === null || form === null) return reference.reduce(fn, x, axes, out);
      const { parts, launch } = (form.kind === "runs" ? overRuns : overColumns)(word, form.sizes);
      if (parts === 1) {
        pager.begin(fn);
        pager.use(x.handle);
        const y = pager.allocate(bytesOf(out));
        launch(pager.address(x.handle), pager.address(y));
        return y;
      }
      const [y, partial] = pager.run(fn, [x.handle], [bytesOf(out), parts * bytesOf(out)], ([x], [y, partial]) => {
        launch(x!, partial!);
        overColumns(word, [1, parts, sizeOf(out.shape)], 1).launch(partial!, y!);
      });
      pager.free(partial!);
      return y!;
    },

    argReduce(fn, x, axis, out) {
      if (x.dtype !== "float32" || sizeOf(x.shape) === 0) return reference.argReduce(fn, x, axis, out);
      pager.begin(fn);
      pager.use(x.handle);
      const y = pager.allocate(bytesOf(out));
      const addresses = [pager.address(x.handle), pager.address(y)];
      const [rows, columns] = [() => argKernels()[`${fn}Rows`], () => argKernels()[`${fn}Columns`]];
      launchAlong(runtime, x.shape, axis, rows, columns, addresses, 2 * COST);
      return y;
    },
  };
}

function kernelFor(fn: ReduceFn, { dtype }: Operand): Fn | null {
  if (dtype === "float32") return fn;
  return dtype === "int32" && fn === "sum" ? "intSum" : null;
}
