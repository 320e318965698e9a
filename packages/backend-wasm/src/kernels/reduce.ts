import { type Operand, type ReduceFn, sizeOf } from "@descent/core";
import { bytesOf, type Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { defineArgReductions } from "./reduce/arg-reduce.ts";
import { type Form, formOf } from "./reduce/axes.ts";
import { COLUMNS, defineReductions } from "./reduce/kernels.ts";

/** Nanoseconds that an element takes. */
const COST = 0.06;
/** How many items a large reduction should have, so that threads can share it. */
const ITEMS = 32;
/** The least number of elements that is worth a partial result. */
const LEAST_PART = 2 ** 15;
/** Floats of a cache line. */
const LINE = 16;

type Fn = ReduceFn | "intSum";

/** `reduce, argReduce`. Partial results depend on the shape alone, so that the number of threads does not show. */
export function reductions(runtime: Runtime, reference: Families): Pick<Families, "reduce" | "argReduce"> {
  const { pager } = runtime;
  const kernels = lazy(() => runtime.compile(defineReductions));
  const argKernels = lazy(() => runtime.compile(defineArgReductions));

  /** Reduces parts of a length (see `extentOf`): `y [parts, …]`. */
  function launch(fn: Fn, form: Form, length: number, x: number, y: number): void {
    const parts = Math.ceil(extentOf(form) / length);
    if (form.kind === "runs") {
      const { outer, kept, inner } = form;
      const split = outer === 1 ? [1, 4 * length, parts] : [length, 4 * inner, 1];
      const cost = (COST * outer * inner) / parts;
      runtime.launch(kernels()[`${fn}Runs`], kept * parts, cost, [x, y, outer, kept, 4 * inner, ...split]);
    } else {
      const { outer, reduced, inner } = form;
      const cost = COST * Math.min(inner, COLUMNS) * length;
      const items = outer * Math.ceil(inner / COLUMNS) * parts;
      runtime.launch(kernels()[`${fn}Columns`], items, cost, [x, y, outer, reduced, 4 * inner, length]);
    }
  }

  return {
    reduce(fn, x, axes, out) {
      const word = kernelFor(fn, x);
      const form = word === null || sizeOf(x.shape) === 0 ? null : formOf(x.shape, axes);
      if (word === null || form === null) return reference.reduce(fn, x, axes, out);
      const length = partLength(form);
      const parts = Math.ceil(extentOf(form) / length);
      if (parts === 1) {
        pager.begin(fn);
        pager.use(x.handle);
        const y = pager.allocate(bytesOf(out));
        launch(word, form, length, pager.address(x.handle), pager.address(y));
        return y;
      }
      const results = sizeOf(out.shape);
      const [y, partial] = pager.run(fn, [x.handle], [bytesOf(out), parts * bytesOf(out)], ([x], [y, partial]) => {
        launch(word, form, length, x!, partial!);
        launch(word, { kind: "columns", outer: 1, reduced: parts, inner: results }, parts, partial!, y!);
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

/** What is divided into parts: rows, runs, or the floats of the only run. */
const extentOf = (form: Form): number =>
  form.kind === "columns" ? form.reduced : form.outer === 1 ? form.inner : form.outer;

/** How much of `extentOf` one item reduces. */
function partLength(form: Form): number {
  const extent = extentOf(form);
  const { outer, inner } = form;
  const items = form.kind === "runs" ? form.kept : outer * Math.ceil(inner / COLUMNS);
  const size = outer * inner * (form.kind === "runs" ? form.kept : form.reduced);
  const parts = Math.min(Math.ceil(ITEMS / items), Math.floor(size / LEAST_PART));
  if (parts <= 1) return extent;
  const length = Math.ceil(extent / parts);
  return form.kind === "runs" && outer === 1 ? Math.ceil(length / LINE) * LINE : length;
}

/** Computes a value when it is first asked for. */
function lazy<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
}
