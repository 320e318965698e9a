import { F32, I32, I32x4 } from "../../assembler/index.ts";
import type { KernelModule } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { copyRun, fillRun } from "../movement/runs.ts";
import { GEOMETRY, type PoolName, withStride } from "./geometry.ts";

/**
 * The gradient of a maximum goes to the first largest element of each window, or to the first NaN. Windows are looked at in fours, on a
 * plane with a frame of −∞ in scratch memory; what falls on the frame of the result's plane beside it is dropped. Items are planes.
 */
export function defineMaxGrad(m: KernelModule<PoolName>): void {
  m.kernel("maxPoolGrad", { g: I32, x: I32, dx: I32, ...GEOMETRY }, (f, p, { begin, end, scratch }) => {
    const [rowBytes, outBytes] = [f.let(p.width.shl(2)), f.let(p.outWidth.shl(2))];
    const framedBytes = f.let(p.framedWidth.shl(2));
    const planeBytes = f.let(p.framedHeight.mul(framedBytes));
    const sums = f.let(scratch.add(planeBytes));
    const inner = f.let(p.paddingHeight.mul(framedBytes).add(p.paddingWidth.shl(2)));
    const [down, across] = [f.let(p.dilationHeight.mul(framedBytes)), f.let(p.dilationWidth.shl(2))];
    fillRun(f, scratch, f.f32x4(Number.NEGATIVE_INFINITY), planeBytes);
    f.for(begin, end, 1, (plane) => {
      const first = f.let(plane.mul(p.height).mul(rowBytes));
      const from = f.let(p.g.add(plane.mul(p.outHeight).mul(outBytes)));
      const overRows = (body: (row: I32, framed: I32) => void, framed: I32, at: I32): void => {
        const [row, inside] = [f.let(at.add(first)), f.let(framed.add(inner))];
        f.for(0, p.height, 1, () => {
          body(row, inside);
          increase(row, rowBytes);
          increase(inside, framedBytes);
        });
      };
      overRows((row, framed) => copyRun(f, framed, row, rowBytes), scratch, p.x);
      fillRun(f, sums, f.f32x4(0), planeBytes);
      f.for(0, p.outHeight, 1, (oh) => {
        withStride(f, p.strideWidth, (load) =>
          f.for(0, p.outWidth, 4, (ow) => {
            const window = f.let(oh.mul(p.strideHeight).mul(framedBytes).add(ow.mul(p.strideWidth).shl(2)));
            const corner = f.let(scratch.add(window));
            const best = f.let(load(corner));
            const place = f.let(f.i32x4(0));
            f.for(0, p.kernelHeight, 1, (i) => {
              const offset = f.let(i.mul(down));
              f.for(0, p.kernelWidth, 1, () => {
                const next = f.let(load(corner.add(offset)));
                const isBetter = f.let(next.gt(best).or(next.ne(next).and(best.eq(best))));
                best.set(isBetter.select(next, best));
                place.set(isBetter.selectI32(I32x4.splat(offset), place));
                increase(offset, across);
              });
            });
            const to = f.let(sums.add(window));
            for (let k = 0; k < 4; k++)
              f.if(ow.add(k).ltS(p.outWidth), () => {
                const at = f.let(to.add(place.lane(k)).add(p.strideWidth.mul(4 * k)));
                f.store(at, F32.load(at).add(F32.load(from.add(ow.shl(2)), 4 * k)));
              });
          }),
        );
        increase(from, outBytes);
      });
      overRows((row, framed) => copyRun(f, row, framed, rowBytes), sums, p.dx);
    });
  });
}
