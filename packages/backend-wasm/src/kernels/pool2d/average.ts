import { F32, F32x4, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { least } from "../lanes.ts";
import { fillRun } from "../movement/runs.ts";
import { GEOMETRY, type Geometry, type PoolName, rowsInside } from "./geometry.ts";

/** How many elements a window has along an axis, or those of them that are no padding, where it begins at `first`. */
function sizeAlong(f: FunctionBuilder, first: I32, kernel: I32, size: I32, padding: I32, countIncludePad: I32): I32 {
  const start = f.let(first);
  const end = f.let(least(f.let(start.add(kernel)), f.let(size.add(padding))));
  const clipped = f.let(least(end, size));
  return f.let(countIncludePad.select(end.sub(start), clipped.sub(start.gtS(0).select(start, I32.const(0)))));
}

/** What the sums of the windows are divided by is the size of their columns (written for all of them) times that of their rows. */
export function writeColumnSizes(f: FunctionBuilder, to: I32, g: Geometry, countIncludePad: I32, divisor: F32): void {
  f.for(0, g.outWidth, 1, (ow) => {
    const first = ow.mul(g.strideWidth).sub(g.paddingWidth);
    const columns = sizeAlong(f, first, g.kernelWidth, g.width, g.paddingWidth, countIncludePad);
    f.store(to.add(ow.shl(2)), isGiven(divisor).select(divisor, columns.toF32()));
  });
}

export function rowSize(f: FunctionBuilder, first: I32, g: Geometry, countIncludePad: I32, divisor: F32): F32 {
  const rows = sizeAlong(f, first, g.kernelHeight, g.height, g.paddingHeight, countIncludePad);
  return isGiven(divisor).select(F32.const(1), rows.toF32());
}

/** A divisor in place of the sizes; NaN where there is none. */
const isGiven = (divisor: F32): I32 => divisor.eq(divisor);

/** Each element gets its shares of the windows that see it: a row of windows is spread over the columns, then added to its rows. */
export function defineAverageGrad(m: KernelModule<PoolName>): void {
  m.kernel(
    "averagePoolGrad",
    { g: I32, dx: I32, ...GEOMETRY, countIncludePad: I32, divisor: F32 },
    (f, { g: gradient, dx, countIncludePad, divisor, ...g }, { begin, end, scratch }) => {
      const [rowBytes, outBytes] = [f.let(g.width.shl(2)), f.let(g.outWidth.shl(2))];
      const framedBytes = f.let(g.framedWidth.shl(2));
      const sizes = f.let(scratch.add(framedBytes));
      const step = f.let(g.dilationHeight.mul(rowBytes));
      writeColumnSizes(f, sizes, g, countIncludePad, divisor);
      f.for(begin, end, 1, (plane) => {
        const image = f.let(dx.add(plane.mul(g.height).mul(rowBytes)));
        const from = f.let(gradient.add(plane.mul(g.outHeight).mul(outBytes)));
        fillRun(f, image, f.f32x4(0), f.let(g.height.mul(rowBytes)));
        f.for(0, g.outHeight, 1, (oh) => {
          const first = f.let(oh.mul(g.strideHeight).sub(g.paddingHeight));
          const rows = f.let(rowSize(f, first, g, countIncludePad, divisor));
          fillRun(f, scratch, f.f32x4(0), framedBytes);
          f.for(0, g.outWidth, 1, (ow) => {
            const size = F32.load(sizes.add(ow.shl(2))).mul(rows);
            const share = f.let(F32.load(from.add(ow.shl(2))).div(size));
            const at = f.let(scratch.add(ow.mul(g.strideWidth).shl(2)));
            f.for(0, g.kernelWidth, 1, () => {
              f.store(at, F32.load(at).add(share));
              at.set(at.add(g.dilationWidth.shl(2)));
            });
          });
          const inside = rowsInside(f, first, g);
          const to = f.let(image.add(first.mul(rowBytes)).add(inside.begin.mul(step)));
          const inner = f.let(scratch.add(g.paddingWidth.shl(2)));
          f.for(inside.begin, inside.end, 1, () => {
            // Fours must not overlap here: adding twice is not adding once.
            const whole = f.let(g.width.and(-4));
            const [at, share] = [(i: I32) => to.add(i.shl(2)), (i: I32) => inner.add(i.shl(2))];
            f.for(0, whole, 4, (i) => f.store(at(i), F32x4.load(at(i)).add(F32x4.load(share(i)))));
            f.for(whole, g.width, 1, (i) => f.store(at(i), F32.load(at(i)).add(F32.load(share(i)))));
            to.set(to.add(step));
          });
          from.set(from.add(outBytes));
        });
      });
    },
  );
}
