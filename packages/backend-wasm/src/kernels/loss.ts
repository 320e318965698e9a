import { type Block, type Operand, type Reduction, type Spec, sizeOf } from "@descent/core";
import { F32, F32x4, I32 } from "../assembler/index.ts";
import type { KernelModule } from "../kernel-module.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Runtime } from "../runtime.ts";
import { FloatLanes } from "../vector-math/index.ts";
import { forItems, itemsOf } from "./elementwise/items.ts";
import { type Lanes, least } from "./lanes.ts";
import { lazy } from "./lazy.ts";
import { REDUCTIONS } from "./reduce/accumulators.ts";
import { partsFor, visitRuns } from "./runs.ts";

type X = Operand<Block>;

/** Nanoseconds of sixteen elements. */
const COST = 2.2;
/** How many items a large sum should have, so that threads can share it. */
const PARTS = 32;

/** `mseLoss` and its gradient in float32: one pass over memory each. */
export function losses(runtime: Runtime) {
  const { pager } = runtime;
  const kernels = lazy(() => runtime.compile(defineSquaredErrors));

  /** `Σ (x − target)² / count`, in parts that depend on the size alone, so that the number of threads does not show. */
  function reduced(x: X, target: X, count: number, out: Spec): Block {
    const n = sizeOf(x.shape);
    const parts = partsFor(1, n, PARTS);
    if (parts === 1) {
      pager.begin("mseLoss");
      pager.use(x.handle);
      pager.use(target.handle);
      const y = pager.allocate(bytesOf(out));
      const integers = [pager.address(x.handle), pager.address(target.handle), pager.address(y), 4 * n, 4 * n];
      runtime.launch(kernels().sum, 1, 0, integers, [count]);
      return y;
    }
    const floats = Math.ceil(n / parts / 16) * 16;
    const items = Math.ceil(n / floats);
    const operands = [x.handle, target.handle];
    const [y, partial] = pager.run("mseLoss", operands, [bytesOf(out), 4 * items], ([x, target], [y, partial]) => {
      const cost = (floats / 16) * COST;
      runtime.launch(kernels().sum, items, cost, [x!, target!, partial!, 4 * n, 4 * floats], [1]);
      runtime.launch(kernels().total, 1, 0, [partial!, y!, 4 * items], [count]);
    });
    pager.free(partial!);
    return y!;
  }

  return {
    mseLoss([x, target]: readonly [x: X, target: X], reduction: Reduction, [out]: readonly Spec[]) {
      if (x.dtype !== "float32") return null;
      if (reduction !== "none") return [reduced(x, target, reduction === "mean" ? sizeOf(x.shape) : 1, out!)];
      pager.begin("mseLoss");
      pager.use(x.handle);
      pager.use(target.handle);
      const y = pager.allocate(bytesOf(out!));
      const addresses = [pager.address(x.handle), pager.address(target.handle), pager.address(y)];
      runtime.launch(kernels().squares, itemsOf(x), COST, addresses);
      return [y];
    },

    mseLossGrad([g, x, target]: readonly [g: X, x: X, target: X], reduction: Reduction, [out]: readonly Spec[]) {
      if (x.dtype !== "float32") return null;
      pager.begin("mseLossGrad");
      pager.use(g.handle);
      pager.use(x.handle);
      pager.use(target.handle);
      const y = pager.allocate(bytesOf(out!));
      const [from, at] = [pager.address(x.handle), pager.address(target.handle)];
      const addresses = [pager.address(g.handle), from, at, pager.address(y)];
      if (reduction === "none") runtime.launch(kernels().slopes, itemsOf(x), COST, addresses);
      else {
        const scale = reduction === "mean" ? 2 / sizeOf(x.shape) : 2;
        runtime.launch(kernels().slopesOfOne, itemsOf(x), COST, addresses, [scale]);
      }
      return [y];
    },
  } satisfies FusedKernels;
}

type LossKernel = "squares" | "sum" | "total" | "slopes" | "slopesOfOne";

function defineSquaredErrors(m: KernelModule<LossKernel>): void {
  m.kernel("squares", { x: I32, target: I32, y: I32 }, (f, { x, target, y }, range) =>
    forItems(f, range, (i) => {
      const error = FloatLanes.load(f, x.add(i)).sub(FloatLanes.load(f, target.add(i)));
      error.mul(error).store(y.add(i));
    }),
  );

  // Items are parts of `part` bytes, of which each has a result.
  const parameters = { x: I32, target: I32, y: I32, bytes: I32, part: I32, count: F32 };
  m.kernel("sum", parameters, (f, { x, target, y, bytes, part, count }, { begin, end }) => {
    const total = REDUCTIONS.sum(f, 4, false);
    const distance = f.let(target.sub(x));
    const error = (at: I32, offset: number, lanes: Lanes): F32x4 =>
      f.let(lanes.load(at, offset).sub(lanes.load(at.add(distance), offset)));
    f.for(begin, end, 1, (item) => {
      const start = f.let(item.mul(part));
      const run = {
        first: x.add(start),
        stride: part,
        count: I32.const(1),
        bytes: f.let(least(bytes.sub(start), part)),
      };
      total.reset();
      visitRuns(
        f,
        run,
        (at, offset, lanes, i) => {
          const e = error(at, offset, lanes);
          total.take(i, e.mul(e), lanes);
        },
        total.fold,
      );
      const to = f.let(y.add(item.shl(2)));
      total.storeAll(to);
      f.store(to, F32.load(to).div(count));
    });
  });

  m.kernel("total", { x: I32, y: I32, bytes: I32, count: F32 }, (f, { x, y, bytes, count }) => {
    const total = REDUCTIONS.sum(f, 4, false);
    total.reset();
    const run = { first: x, stride: bytes, count: I32.const(1), bytes };
    visitRuns(f, run, (at, offset, lanes, i) => total.take(i, lanes.load(at, offset), lanes), total.fold);
    total.storeAll(y);
    f.store(y, F32.load(y).div(count));
  });

  // 2 g (x − target)
  m.kernel("slopes", { g: I32, x: I32, target: I32, y: I32 }, (f, { g, x, target, y }, range) =>
    forItems(f, range, (i) => {
      const error = FloatLanes.load(f, x.add(i)).sub(FloatLanes.load(f, target.add(i)));
      FloatLanes.load(f, g.add(i)).mul(2).mul(error).store(y.add(i));
    }),
  );

  // The same, of a reduced loss.
  const ofOne = { g: I32, x: I32, target: I32, y: I32, scale: F32 };
  m.kernel("slopesOfOne", ofOne, (f, { g, x, target, y, scale }, range) => {
    const slope = new FloatLanes(f, new Array<F32x4>(4).fill(f.let(F32x4.splat(F32.load(g).mul(scale)))));
    forItems(f, range, (i) => {
      const error = FloatLanes.load(f, x.add(i)).sub(FloatLanes.load(f, target.add(i)));
      error.mul(slope).store(y.add(i));
    });
  });
}
