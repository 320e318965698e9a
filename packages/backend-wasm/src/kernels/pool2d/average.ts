import { F32, type FunctionBuilder, I32 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { least, sweep } from "../lanes.ts";
import { fillRun } from "../movement/runs.ts";
import { AVERAGE, type Average, type PoolName, rowsInside } from "./geometry.ts";

/** How many elements a window has along an axis, or those of them that are no padding, where it begins at `first`. */
function sizeAlong(f: FunctionBuilder, first: I32, kernel: I32, size: I32, padding: I32, countIncludePad: I32): F32 {
  const start = f.let(first);
  const end = f.let(least(f.let(start.add(kernel)), f.let(size.add(padding))));
  const clipped = least(end, size).sub(start.gtS(0).select(start, I32.const(0)));
  return f.let(countIncludePad.select(end.sub(start), clipped)).toF32();
}

/** What the sums of the windows are divided by is the size of their columns (written for all of them) times that of their rows. */
export function writeColumnSizes(f: FunctionBuilder, to: I32, p: Average): void {
  f.for(0, p.outWidth, 1, (ow) => {
    const first = ow.mul(p.strideWidth).sub(p.paddingWidth);
    const columns = sizeAlong(f, first, p.kernelWidth, p.width, p.paddingWidth, p.countIncludePad);
    f.store(to.add(ow.shl(2)), isGiven(p).select(p.divisor, columns));
  });
}

export function rowSize(f: FunctionBuilder, first: I32, p: Average): F32 {
  const rows = sizeAlong(f, first, p.kernelHeight, p.height, p.paddingHeight, p.countIncludePad);
  return isGiven(p).select(F32.const(1), rows);
}

const isGiven = ({ divisor }: Average): I32 => divisor.eq(divisor);

/** Each element gets its shares of the windows that see it: a row of windows is spread over the columns, then added to its rows. */
export function defineAverageGrad(m: KernelModule<PoolName>): void {
  m.kernel("averagePoolGrad", { g: I32, dx: I32, ...AVERAGE }, (f, p, { begin, end, scratch }) => {
    const [rowBytes, outBytes] = [f.let(p.width.shl(2)), f.let(p.outWidth.shl(2))];
    const framedBytes = f.let(p.framedWidth.shl(2));
    const sizes = f.let(scratch.add(framedBytes));
    const step = f.let(p.dilationHeight.mul(rowBytes));
    const inner = f.let(scratch.add(p.paddingWidth.shl(2)));
    writeColumnSizes(f, sizes, p);
    f.for(begin, end, 1, (plane) => {
      const image = f.let(p.dx.add(plane.mul(p.height).mul(rowBytes)));
      const from = f.let(p.g.add(plane.mul(p.outHeight).mul(outBytes)));
      fillRun(f, image, f.f32x4(0), f.let(p.height.mul(rowBytes)));
      f.for(0, p.outHeight, 1, (oh) => {
        const first = f.let(oh.mul(p.strideHeight).sub(p.paddingHeight));
        const rows = f.let(rowSize(f, first, p));
        fillRun(f, scratch, f.f32x4(0), framedBytes);
        f.for(0, p.outWidth, 1, (ow) => {
          const size = F32.load(sizes.add(ow.shl(2))).mul(rows);
          const share = f.let(F32.load(from.add(ow.shl(2))).div(size));
          const at = f.let(scratch.add(ow.mul(p.strideWidth).shl(2)));
          f.for(0, p.kernelWidth, 1, () => {
            f.store(at, F32.load(at).add(share));
            increase(at, p.dilationWidth.shl(2));
          });
        });
        const inside = rowsInside(f, first, p);
        const to = f.let(image.add(first.mul(rowBytes)).add(inside.begin.mul(step)));
        f.for(inside.begin, inside.end, 1, () => {
          // Fours must not overlap here: adding twice is not adding once.
          sweep(f, rowBytes, 1, (at, _, lanes) =>
            lanes.store(f, to.add(at), lanes.load(to.add(at)).add(lanes.load(inner.add(at)))),
          );
          increase(to, step);
        });
        increase(from, outBytes);
      });
    });
  });
}
