import { bytesPerElement, type DType, sizeOf } from "@descent/core";
import { bytesOf, type Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { indexing } from "./movement/indexing.ts";
import { type ElementBytes, Mover } from "./movement/move.ts";
import { ScatterAdd } from "./movement/scatter-add.ts";
import { disjointAxes, gathering, merged, scattering } from "./movement/walk.ts";

const elementBytes = (dtype: DType): ElementBytes => bytesPerElement(dtype) as ElementBytes;

/** `gatherView, scatterView, concat, take, put`, for elements of any dtype but where they are added up. */
export function movement(
  runtime: Runtime,
  reference: Families,
): Pick<Families, "gatherView" | "scatterView" | "concat" | "take" | "put"> {
  const { pager } = runtime;
  const mover = new Mover(runtime);
  const scatterAdd = new ScatterAdd(runtime);
  return {
    gatherView(x, view, out) {
      pager.begin("gatherView");
      pager.use(x.handle);
      const y = pager.allocate(bytesOf(out));
      mover.move(gathering(view), pager.address(x.handle), pager.address(y), elementBytes(out.dtype));
      return y;
    },

    scatterView(x, view, out) {
      const isDisjoint = disjointAxes(view).length === view.shape.length;
      if (!isDisjoint && !scatterAdd.accepts(view, out.dtype)) return reference.scatterView(x, view, out);
      pager.begin("scatterView");
      pager.use(x.handle);
      const y = pager.allocate(bytesOf(out));
      const [from, to] = [pager.address(x.handle), pager.address(y)];
      if (sizeOf(x.shape) < sizeOf(out.shape) || !isDisjoint) mover.zero(to, bytesOf(out));
      if (isDisjoint) mover.move(scattering(view), from, to, elementBytes(out.dtype));
      else scatterAdd.run(view, out.dtype, from, to);
      return y;
    },

    concat(xs, axis, out) {
      pager.begin("concat");
      for (const { handle } of xs) pager.use(handle);
      const y = pager.allocate(bytesOf(out));
      const outer = sizeOf(out.shape.slice(0, axis));
      const all = sizeOf(out.shape.slice(axis));
      let to = 0;
      for (const { shape, handle } of xs) {
        const own = sizeOf(shape.slice(axis));
        const axes = merged([
          { size: outer, from: own, to: all },
          { size: own, from: 1, to: 1 },
        ]);
        mover.move({ axes, from: 0, to }, pager.address(handle), pager.address(y), elementBytes(out.dtype));
        to += own;
      }
      return y;
    },
    ...indexing(runtime, reference),
  };
}
