import { type Operand, type ReduceFn, sizeOf } from "@descent/core";
import { bytesOf, type Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { lazy } from "./lazy.ts";
import { defineArgReductions } from "./reduce/arg-reduce.ts";
import { type Columns, formOf, type Runs } from "./reduce/axes.ts";
import { COLUMNS, defineReductions } from "./reduce/kernels.ts";
import { type Partition, partition, partitioned, partsFor } from "./runs.ts";

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

  function overRuns(fn: Fn, { outer, kept, inner }: Runs, by: Partition, x: number, y: number): void {
    const cost = (COST * outer * inner) / by.parts;
    const integers = [x, y, ...partitioned(outer, kept, inner, by)];
    runtime.launch(kernels()[`${fn}Runs`], kept * by.parts, cost, integers);
  }

  /** Reduces parts of `rows` rows. */
  function overColumns(fn: Fn, { outer, reduced, inner }: Columns, rows: number, x: number, y: number): void {
    const items = outer * Math.ceil(inner / COLUMNS) * Math.ceil(reduced / rows);
    const cost = COST * Math.min(inner, COLUMNS) * rows;
    runtime.launch(kernels()[`${fn}Columns`], items, cost, [x, y, outer, reduced, 4 * inner, rows]);
  }

  /** A reduction in so many parts; `launch` writes `[parts, …]` results. */
  interface Plan {
    readonly parts: number;
    readonly launch: (x: number, y: number) => void;
  }

  function planRuns(fn: Fn, form: Runs): Plan {
    const by = partition(form.outer, form.kept, form.inner, ITEMS);
    return { parts: by.parts, launch: (x, y) => overRuns(fn, form, by, x, y) };
  }

  function planColumns(fn: Fn, form: Columns): Plan {
    const items = form.outer * Math.ceil(form.inner / COLUMNS);
    const parts = partsFor(items, form.reduced * Math.min(form.inner, COLUMNS), ITEMS);
    const rows = Math.ceil(form.reduced / parts);
    return { parts: Math.ceil(form.reduced / rows), launch: (x, y) => overColumns(fn, form, rows, x, y) };
  }

  return {
    reduce(fn, x, axes, out) {
      const word = kernelFor(fn, x);
      const form = word === null || sizeOf(x.shape) === 0 ? null : formOf(x.shape, axes);
      if (word === null || form === null) return reference.reduce(fn, x, axes, out);
      const { parts, launch } = form.kind === "runs" ? planRuns(word, form) : planColumns(word, form);
      if (parts === 1) {
        pager.begin(fn);
        pager.use(x.handle);
        const y = pager.allocate(bytesOf(out));
        launch(pager.address(x.handle), pager.address(y));
        return y;
      }
      const [y, partial] = pager.run(fn, [x.handle], [bytesOf(out), parts * bytesOf(out)], ([x], [y, partial]) => {
        launch(x!, partial!);
        const rest: Columns = { kind: "columns", outer: 1, reduced: parts, inner: sizeOf(out.shape) };
        overColumns(word, rest, parts, partial!, y!);
      });
      pager.free(partial!);
      return y!;
    },

    argReduce(fn, x, axis, out) {
      const size = x.shape[axis]!;
      if (x.dtype !== "float32" || sizeOf(x.shape) === 0) return reference.argReduce(fn, x, axis, out);
      const inner = sizeOf(x.shape.slice(axis + 1));
      const outer = sizeOf(x.shape.slice(0, axis));
      pager.begin(fn);
      pager.use(x.handle);
      const y = pager.allocate(bytesOf(out));
      const [from, to] = [pager.address(x.handle), pager.address(y)];
      if (inner === 1) runtime.launch(argKernels()[`${fn}Rows`], outer, 2 * COST * size, [from, to, 4 * size]);
      else {
        const cost = 4 * COST * size * Math.min(inner, COLUMNS);
        const items = outer * Math.ceil(inner / COLUMNS);
        runtime.launch(argKernels()[`${fn}Columns`], items, cost, [from, to, size, 4 * inner]);
      }
      return y;
    },
  };
}

function kernelFor(fn: ReduceFn, { dtype }: Operand): Fn | null {
  if (dtype === "float32") return fn;
  return dtype === "int32" && fn === "sum" ? "intSum" : null;
}
