import { type Block, type Operand, type Reduction, type Spec, sizeOf } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32 } from "../assembler/index.ts";
import type { KernelModule } from "../kernel-module.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { FloatLanes } from "../vector-math/index.ts";
import { forItems, itemsOf, kernelOf2, zip } from "./elementwise/items.ts";
import { type Lanes, least } from "./lanes.ts";
import { lazy } from "./lazy.ts";
import { REDUCTIONS } from "./reduce/accumulators.ts";
import { partsFor, type Runs, visitRuns } from "./runs.ts";

type X = Operand<Block>;

/** Nanoseconds of sixteen elements. */
const COST = 2.2;
/** How many items a large sum should have, so that threads can share it. */
const PARTS = 32;

/** `mseLoss` and its gradient in float32: one pass over memory each. */
export function losses(runtime: Runtime) {
  const { pager } = runtime;
  const squares = lazy(() =>
    kernelOf2(runtime, (x, target) => {
      const error = x.sub(target);
      return error.mul(error);
    }),
  );
  const kernels = lazy(() => runtime.compile(defineSquaredErrors));

  /** `Σ (x − target)² / count`, in parts that depend on the size alone, so that the number of threads does not show. */
  function reduced(x: X, target: X, count: number, out: Spec): Block {
    const n = sizeOf(x.shape);
    const parts = partsFor(1, n, PARTS);
    const floats = parts === 1 ? n : Math.ceil(n / parts / 16) * 16;
    const items = parts === 1 ? 1 : Math.ceil(n / floats);
    const sizes = parts === 1 ? [bytesOf(out)] : [bytesOf(out), 4 * items];
    const { sum, total } = kernels();
    const [y, partial] = pager.start("mseLoss", [x.handle, target.handle], sizes);
    const [to, at] = [pager.address(y!), pager.address(partial ?? y!)];
    const integers = [pager.address(x.handle), pager.address(target.handle), at, 4 * n, 4 * floats];
    runtime.launch(sum, items, (floats / 16) * COST, integers, [partial === undefined ? count : 1]);
    if (partial !== undefined) {
      runtime.launch(total, 1, 0, [at, to, 4 * items], [count]);
      pager.free(partial);
    }
    return y!;
  }

  return {
    mseLoss([x, target]: readonly [x: X, target: X], reduction: Reduction, [out]: readonly Spec[]) {
      if (x.dtype !== "float32") return null;
      if (reduction === "none") return [zip(runtime, squares(), "mseLoss", x, target, out!, COST)];
      return [reduced(x, target, reduction === "mean" ? sizeOf(x.shape) : 1, out!)];
    },

    mseLossGrad([g, x, target]: readonly [g: X, x: X, target: X], reduction: Reduction, [out]: readonly Spec[]) {
      if (x.dtype !== "float32") return null;
      const kernel = reduction === "none" ? kernels().slopes : kernels().slopesOfOne;
      const operands = [g.handle, x.handle, target.handle];
      const [y] = pager.start("mseLossGrad", operands, [bytesOf(out!)]);
      const addresses = [...operands, y!].map((block) => pager.address(block));
      runtime.launch(kernel, itemsOf(x), COST, addresses, [reduction === "mean" ? 2 / sizeOf(x.shape) : 2]);
      return [y!];
    },
  } satisfies FusedKernels;
}

function defineSquaredErrors(m: KernelModule<"sum" | "total" | "slopes" | "slopesOfOne">): void {
  const sum = (
    f: FunctionBuilder,
    run: Runs,
    y: I32,
    count: F32,
    element: (at: I32, offset: number, lanes: Lanes) => F32x4,
  ) => {
    const total = REDUCTIONS.sum(f, 4, false);
    total.reset();
    visitRuns(f, run, (at, offset, lanes, i) => total.take(i, element(at, offset, lanes), lanes), total.fold);
    total.storeAll(y);
    f.store(y, F32.load(y).div(count));
  };

  // Items are parts of `part` bytes, of which each has a result.
  const parameters = { x: I32, target: I32, y: I32, bytes: I32, part: I32, count: F32 };
  m.kernel("sum", parameters, (f, { x, target, y, bytes, part, count }, { begin, end }) => {
    const distance = f.let(target.sub(x));
    f.for(begin, end, 1, (item) => {
      const start = f.let(item.mul(part));
      const length = f.let(least(bytes.sub(start), part));
      const run = { first: x.add(start), stride: part, count: I32.const(1), bytes: length };
      sum(f, run, f.let(y.add(item.shl(2))), count, (at, offset, lanes) => {
        const error = f.let(lanes.load(at, offset).sub(lanes.load(at.add(distance), offset)));
        return error.mul(error);
      });
    });
  });

  m.kernel("total", { x: I32, y: I32, bytes: I32, count: F32 }, (f, { x, y, bytes, count }) => {
    const run = { first: x, stride: bytes, count: I32.const(1), bytes };
    sum(f, run, y, count, (at, offset, lanes) => lanes.load(at, offset));
  });

  // `scale · g (x − target)`, where g belongs to each element, or to a reduced loss.
  for (const name of ["slopes", "slopesOfOne"] as const)
    m.kernel(name, { g: I32, x: I32, target: I32, y: I32, scale: F32 }, (f, { g, x, target, y, scale }, range) => {
      const splat = (value: F32) => new FloatLanes(f, new Array<F32x4>(4).fill(f.let(F32x4.splat(value))));
      const scales = splat(scale);
      const one = name === "slopesOfOne" ? splat(F32.load(g)).mul(scales) : null;
      forItems(f, range, (i) => {
        const error = FloatLanes.load(f, x.add(i)).sub(FloatLanes.load(f, target.add(i)));
        const slope = one ?? FloatLanes.load(f, g.add(i)).mul(scales);
        slope.mul(error).store(y.add(i));
      });
    });
}
