import type { Shape, Window } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32, type Var } from "../../assembler/index.ts";
import { times } from "../idioms.ts";
import { FOUR, type Lanes, ONE } from "../lanes.ts";

/** The kernels of pools: for any window, and for those of 2×2 that halve an image. */
export type PoolName = "maxPool" | "averagePool" | "maxPoolGrad" | "averagePoolGrad" | "halve" | "halveGrad";

/** Parameters of kernels that pool planes: the sizes of a plane and of its result, and the window's. */
export const GEOMETRY = {
  ...{ height: I32, width: I32, outHeight: I32, outWidth: I32 },
  ...{ kernelHeight: I32, kernelWidth: I32, strideHeight: I32, strideWidth: I32 },
  ...{ paddingHeight: I32, paddingWidth: I32, dilationHeight: I32, dilationWidth: I32 },
  /** Of a plane with its frame: what windows see, and what vectors read beyond. */
  ...{ framedHeight: I32, framedWidth: I32 },
} as const;
export type Geometry = Readonly<Record<keyof typeof GEOMETRY, Var<I32>>>;

/** What averages need beside them: whether padding counts, and a divisor in place of the sizes of windows; NaN where there is none. */
export const AVERAGE = { ...GEOMETRY, countIncludePad: I32, divisor: F32 } as const;
export type Average = Geometry & { readonly countIncludePad: I32; readonly divisor: F32 };

/** A pool's parameters. */
interface PoolSizes {
  readonly values: readonly number[];
  /** Of a plane with its frame. */
  readonly framedHeight: number;
  readonly framedWidth: number;
}

/** The parameters for images and results `[…, H, W]`. */
export function sizesOf(image: Shape, out: Shape, { kernel, stride, padding, dilation }: Window): PoolSizes {
  const framed = (axis: 0 | 1): number => {
    const seen = (out.at(axis - 2)! - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return Math.max(seen, padding[axis] + image.at(axis - 2)!);
  };
  // A vector has up to three results too many, and reads up to eight floats for them.
  const [framedHeight, framedWidth] = [framed(0), framed(1) + 3 * stride[1] + 8];
  const window = [...kernel, ...stride, ...padding, ...dilation];
  return {
    values: [...image.slice(-2), ...out.slice(-2), ...window, framedHeight, framedWidth],
    framedHeight,
    framedWidth,
  };
}

/** Calls `body` with the places of fours that cover `count` floats and overlap at the end, or of ones where there are fewer than four. */
export function overFours(f: FunctionBuilder, count: I32, body: (i: I32, lanes: Lanes) => void): void {
  f.if(
    count.geS(4),
    () => {
      const last = f.let(count.sub(4));
      f.for(0, last, 4, (i) => body(i, FOUR));
      body(last, FOUR);
    },
    () => f.for(0, count, 1, (i) => body(i, ONE)),
  );
}

/** Calls `body` with a way to load four floats that lie `stride` floats apart, which is fast for 1 and 2. */
export function withStride(f: FunctionBuilder, stride: I32, body: (load: (address: I32) => F32x4) => void): void {
  f.if(
    stride.eq(1),
    () => body((address) => F32x4.load(address)),
    () =>
      f.if(
        stride.eq(2),
        () => body((address) => F32x4.load(address).shuffle(F32x4.load(address, 16), [0, 2, 4, 6])),
        () => {
          const bytes = f.let(stride.shl(2));
          body((address) => {
            const at = f.let(address);
            const [a, b, c, d] = times(4, (k) => F32x4.loadOne(at.add(bytes.mul(k)))) as [F32x4, F32x4, F32x4, F32x4];
            return a.shuffle(b, [0, 4, 0, 4]).shuffle(c.shuffle(d, [0, 4, 0, 4]), [0, 1, 4, 5]);
          });
        },
      ),
  );
}

/** The rows of the kernel that lie inside of the image, from one to before another, for a window that begins at row `first`. */
export function rowsInside(f: FunctionBuilder, first: I32, g: Geometry): { begin: Var<I32>; end: Var<I32> } {
  const [begin, end] = [f.let(I32.const(0)), f.let(g.kernelHeight as I32)];
  const upTo = (rows: I32): I32 => rows.add(g.dilationHeight).sub(1).divS(g.dilationHeight);
  f.if(first.ltS(0), () => begin.set(upTo(I32.const(0).sub(first))));
  const inside = f.let(upTo(g.height.sub(first)));
  f.if(inside.ltS(end), () => end.set(inside));
  return { begin, end };
}
