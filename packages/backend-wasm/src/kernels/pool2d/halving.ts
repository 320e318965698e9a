import { F32x4, type FunctionBuilder, I32, type I32x4 } from "../../assembler/index.ts";
import type { KernelModule, Range } from "../../kernel-module.ts";
import { increase } from "../idioms.ts";
import { fillRun } from "../movement/runs.ts";
import { greater } from "./forward.ts";
import type { PoolName } from "./geometry.ts";

/** Of a plane and of its result. */
const SIZES = { height: I32, width: I32, outHeight: I32, outWidth: I32 } as const;

/** Maxima over windows of 2×2 that lie side by side and inside, at least four in a row. Items are planes. */
export function defineHalving(m: KernelModule<PoolName>): void {
  m.kernel("halve", { x: I32, y: I32, ...SIZES }, (f, p, range) =>
    overWindows(f, p, range, ([a, b, c, d], windows) => {
      const [left, right] = [f.let(greater(a, c)), f.let(greater(b, d))];
      f.store(p.y.add(windows), greater(left.shuffle(right, EVEN), f.let(left.shuffle(right, ODD))));
    }),
  );

  m.kernel("halveGrad", { g: I32, x: I32, dx: I32, ...SIZES }, (f, p, range) => {
    const { begin, end } = range;
    const rowBytes = f.let(p.width.shl(2));
    // What no window sees: the last column of an odd width, and the last row of an odd height.
    f.if(p.width.and(1), () =>
      f.for(f.let(begin.mul(p.height)), f.let(end.mul(p.height)), 1, (row) =>
        f.store(p.dx.add(row.add(1).mul(rowBytes)).sub(4), I32.const(0)),
      ),
    );
    f.if(p.height.and(1), () =>
      f.for(begin, end, 1, (plane) => {
        const last = f.let(p.dx.add(plane.add(1).mul(p.height).sub(1).mul(rowBytes)));
        fillRun(f, last, f.f32x4(0), rowBytes);
      }),
    );
    overWindows(f, p, range, ([a, b, c, d], windows, image) => {
      // By their places in the windows: above left and right, below left and right.
      const seen = [a.shuffle(b, EVEN), a.shuffle(b, ODD), c.shuffle(d, EVEN), c.shuffle(d, ODD)].map((e) => f.let(e));
      const [above, below] = [f.let(greater(seen[0]!, seen[1]!)), f.let(greater(seen[2]!, seen[3]!))];
      const most = f.let(greater(above, below));
      const gradient = f.let(F32x4.load(p.g.add(windows)).asI32x4());
      const taken = f.let(f.i32x4(0));
      const shares = seen.map((element, k) => {
        // The first one that is the largest, or NaN where that is.
        const wins = f.let(element.eq(most).or(element.ne(element)) as I32x4);
        const share = f.let(gradient.and(wins).andNot(taken).asF32x4());
        if (k < 3) taken.set(taken.or(wins));
        return share;
      });
      const to = f.let(p.dx.add(image));
      for (const [row, address] of [to, f.let(to.add(rowBytes))].entries()) {
        const [left, right] = [shares[2 * row]!, shares[2 * row + 1]!];
        f.store(address, left.shuffle(right, [0, 4, 1, 5]));
        f.store(address, left.shuffle(right, [2, 6, 3, 7]), 16);
      }
    });
  });
}

/**
 * Calls `body` for four windows in a row with the eight pixels above and below that they see, and the places of windows and of pixels; the
 * last four overlap with those before.
 */
function overWindows(
  f: FunctionBuilder,
  { x, height, width, outHeight, outWidth }: Readonly<Record<"x" | keyof typeof SIZES, I32>>,
  { begin, end }: Range,
  body: (pixels: readonly [F32x4, F32x4, F32x4, F32x4], windows: I32, image: I32) => void,
): void {
  const [rowBytes, outBytes, last] = [f.let(width.shl(2)), f.let(outWidth.shl(2)), f.let(outWidth.sub(4))];
  const windows = f.let(begin.mul(outHeight).mul(outBytes));
  f.for(begin, end, 1, (plane) => {
    const image = f.let(plane.mul(height).mul(rowBytes));
    f.for(0, outHeight, 1, () => {
      const at = f.let(I32.const(0));
      f.loop((again) => {
        const place = f.let(image.add(at.shl(3)));
        const above = f.let(x.add(place));
        const below = f.let(above.add(rowBytes));
        const load = (row: I32, offset: number): F32x4 => f.let(F32x4.load(row, offset));
        const pixels = [load(above, 0), load(above, 16), load(below, 0), load(below, 16)] as const;
        body(pixels, windows.add(at.shl(2)), place);
        // On to the next four, then to the last four, then beyond.
        const next = f.let(at.add(4));
        at.set(at.ltS(last).and(next.gtS(last)).select(last, next));
        again(at.leS(last));
      });
      increase(image, rowBytes.shl(1));
      increase(windows, outBytes);
    });
  });
}

const EVEN = [0, 2, 4, 6] as const;
const ODD = [1, 3, 5, 7] as const;
