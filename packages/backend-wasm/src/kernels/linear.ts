import { type Block, type Operand, type Spec, sizeOf } from "@descent/core";
import { F32x4, type FunctionBuilder, I32, type Var } from "../assembler/index.ts";
import type { FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";
import { minimum } from "./gemm/macro-kernel.ts";
import { productsOf } from "./gemm/products.ts";
import { lazy } from "./lazy.ts";

type Linear = readonly [x: Operand<Block>, weight: Operand<Block>, bias: Operand<Block> | null];

/** `linear`, `linearRelu` and their gradient `linearWeightGrad`, of float32. */
export function linear(runtime: Runtime): FusedKernels {
  const product =
    (op: string, relu: boolean) =>
    ([x, weight, bias]: Linear, _: unknown, [out]: readonly Spec[]): [Block] | null => {
      if (out!.dtype !== "float32") return null;
      const [columns, k] = weight.shape as readonly [number, number];
      const rows = sizeOf(x.shape.slice(0, -1));
      const shape = { rows, columns, k, transposeA: false, transposeB: true, relu };
      return [productsOf(runtime).run(op, x.handle, weight.handle, bias?.handle ?? null, shape)];
    };

  const sum = lazy(() => sumKernel(runtime));
  return {
    linear: product("linear", false),
    linearRelu: product("linearRelu", true),
    linearWeightGrad([x, g]: readonly [x: Operand<Block>, g: Operand<Block>], _: unknown, out: readonly Spec[]) {
      const [dw, db] = out;
      if (dw!.dtype !== "float32") return null;
      const [rows, columns] = dw!.shape as readonly [number, number];
      const k = sizeOf(g.shape.slice(0, -1));
      const shape = { rows, columns, k, transposeA: true, transposeB: false };
      const weightGrad = productsOf(runtime).run("linearWeightGrad", g.handle, x.handle, null, shape);
      if (db === undefined) return [weightGrad];
      try {
        return [weightGrad, sumOfRows(runtime, sum(), g.handle, k, rows)];
      } catch (error) {
        runtime.pager.free(weightGrad);
        throw error;
      }
    },
  };
}

/** `Σ_row x[row, column]` of `[rows, columns]`. */
function sumOfRows(runtime: Runtime, kernel: Kernel, x: Block, rows: number, columns: number): Block {
  const { pager } = runtime;
  pager.begin("linearWeightGrad");
  pager.use(x);
  const y = pager.allocate(4 * columns);
  const items = Math.ceil(columns / LINE);
  runtime.launch(kernel, items, 10 + rows * 2, [pager.address(x), pager.address(y), rows, columns]);
  return y;
}

/** Columns of an item: a cache line of them. */
const LINE = 16;
/** Rows whose sum is complete before it is added to the others, so that many rows add up with small errors. */
const GROUP = 128;

const sumKernel = (runtime: Runtime): Kernel =>
  runtime.kernel({ x: I32, y: I32, rows: I32, columns: I32 }, (f, { x, y, rows, columns }, { begin, end }) => {
    const stride = f.let(columns.shl(2));
    const sum = (j: I32, vectors: number): void => sumStrip(f, { x, y, rows, stride }, j, vectors);
    f.for(begin.mul(LINE), minimum(end.mul(LINE), columns), LINE, (first) => {
      const last = f.let(minimum(first.add(LINE), columns));
      f.if(
        last.sub(first).eq(LINE),
        () => sum(first, LINE / 4),
        () =>
          f.if(
            columns.ltS(4),
            () => f.for(first, last, 1, (j) => sum(j, 0)),
            // The last vector overlaps the one before it: it gives the same sums again.
            () => f.for(first, last, 4, (j) => sum(minimum(j, columns.sub(4)), 1)),
          ),
      );
    });
  });

interface Rows {
  readonly x: I32;
  readonly y: I32;
  readonly rows: I32;
  readonly stride: I32;
}

/** The sums of 4·`vectors` columns from column `j` on, or of one where `vectors` is 0. */
function sumStrip(f: FunctionBuilder, { x, y, rows, stride }: Rows, j: I32, vectors: number): void {
  const offset = f.let(j.shl(2));
  const at = f.let(x.add(offset));
  const lanes = vectors === 0 ? [0] : Array.from({ length: vectors }, (_, i) => 4 * i);
  const zeros = (): Var<F32x4>[] => lanes.map(() => f.let(F32x4.const(0)));
  const load = vectors === 0 ? F32x4.loadOne : F32x4.load;
  const totals = zeros();
  const sums = zeros();
  f.for(0, rows, GROUP, (group) => {
    for (const sum of sums) sum.set(F32x4.const(0));
    f.for(group, minimum(group.add(GROUP), rows), 1, () => {
      for (const [i, sum] of sums.entries()) sum.set(sum.add(load(at, 4 * lanes[i]!)));
      at.set(at.add(stride));
    });
    for (const [i, total] of totals.entries()) total.set(total.add(sums[i]!));
  });
  for (const [i, total] of totals.entries())
    f.store(y.add(offset), vectors === 0 ? total.lane(0) : total, 4 * lanes[i]!);
}
