import { type Block, bytesPerElement, type DType, type Spec, sizeOf } from "@descent/core";
import { bytesOf, type Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { indexing } from "./movement/indexing.ts";
import { type ElementBytes, mover } from "./movement/move.ts";
import { scatterAdder } from "./movement/scatter-add.ts";
import { disjointAxes, gathering, merged, scattering, type Walk } from "./movement/walk.ts";

const elementBytes = (dtype: DType): ElementBytes => bytesPerElement(dtype) as ElementBytes;

/** `gatherView, scatterView, concat, take, put`, for elements of any dtype but where they are added up. */
export function movement(
  runtime: Runtime,
  reference: Families,
): Pick<Families, "gatherView" | "scatterView" | "concat" | "take" | "put"> {
  const { pager } = runtime;
  const { move, zero } = mover(runtime);
  const adder = scatterAdder(runtime);
  const moveTo = (y: Block, { dtype }: Spec, walk: Walk, x: Block): void =>
    move(walk, pager.address(x), pager.address(y), elementBytes(dtype));

  return {
    gatherView(x, view, out) {
      const y = pager.start("gatherView", [x.handle], [bytesOf(out)])[0]!;
      moveTo(y, out, gathering(view), x.handle);
      return y;
    },

    scatterView(x, view, out) {
      const isDisjoint = disjointAxes(view).length === view.shape.length;
      const add = isDisjoint ? null : adder(view, out.dtype);
      if (!isDisjoint && add === null) return reference.scatterView(x, view, out);
      const y = pager.start("scatterView", [x.handle], [bytesOf(out)])[0]!;
      if (sizeOf(x.shape) < sizeOf(out.shape) || !isDisjoint) zero(pager.address(y), bytesOf(out));
      if (add === null) moveTo(y, out, scattering(view), x.handle);
      else add(pager.address(x.handle), pager.address(y));
      return y;
    },

    concat(xs, axis, out) {
      const handles = xs.map(({ handle }) => handle);
      const y = pager.start("concat", handles, [bytesOf(out)])[0]!;
      const outer = sizeOf(out.shape.slice(0, axis));
      const all = sizeOf(out.shape.slice(axis));
      let to = 0;
      for (const { shape, handle } of xs) {
        const own = sizeOf(shape.slice(axis));
        const axes = merged([
          { size: outer, from: own, to: all },
          { size: own, from: 1, to: 1 },
        ]);
        moveTo(y, out, { axes, from: 0, to }, handle);
        to += own;
      }
      return y;
    },
    ...indexing(runtime, reference),
  };
}
