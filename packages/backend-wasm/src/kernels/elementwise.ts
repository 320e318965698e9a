import { sizeOf } from "@descent/core";
import { F32x4, I32 } from "../assembler/index.ts";
import type { KernelModule } from "../kernel-module.ts";
import { bytesOf, type Families } from "../reference.ts";
import type { Runtime } from "../runtime.ts";

/** Elements that one item of an elementwise kernel has: a cache line of floats. Blocks end with one, so there are no remainders. */
const ITEM = 16;

function define(m: KernelModule<"relu">): void {
  m.kernel("relu", { x: I32, y: I32 }, (f, { x, y }, { begin, end }) => {
    f.for(begin.shl(6), end.shl(6), 16, (i) => {
      f.store(y.add(i), F32x4.load(x.add(i)).pmax(f.f32x4(0)));
    });
  });
}

/** `unary, binary, select, cast, fill`. */
export function elementwise(runtime: Runtime, reference: Families): Pick<Families, "unary"> {
  const { pager } = runtime;
  const kernels = runtime.compile(define);
  return {
    unary(fn, x, out) {
      if (fn !== "relu" || out.dtype !== "float32") return reference.unary(fn, x, out);
      pager.begin(fn);
      pager.use(x.handle);
      const y = pager.allocate(bytesOf(out));
      const items = Math.ceil(sizeOf(out.shape) / ITEM);
      runtime.launch(kernels.relu, items, 1.5, [pager.address(x.handle), pager.address(y)]);
      return y;
    },
  };
}
