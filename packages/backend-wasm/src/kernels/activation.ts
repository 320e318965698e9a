import type { Block, Operand, Spec } from "@descent/core";
import { I32 } from "../assembler/index.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";
import { expOfNegative, FloatLanes, phi, sigmoid, silu } from "../vector-math/index.ts";
import { forItems, itemsOf, run2, run3 } from "./elementwise/items.ts";

interface Activation {
  /** Nanoseconds of sixteen elements. */
  readonly cost: number;
  readonly of: (x: FloatLanes) => FloatLanes;
}

interface Gradient {
  /** Nanoseconds of sixteen elements. */
  readonly cost: number;
  /** Of the gradient of the result, and the result or argument that the definition of the op names. */
  readonly of: (g: FloatLanes, x: FloatLanes) => FloatLanes;
}

const ACTIVATIONS = {
  gelu: { cost: 25, of: (x) => x.mul(phi(x)) },
  silu: { cost: 11, of: silu },
} satisfies Record<string, Activation>;

/** The normal density. */
const density = (x: FloatLanes): FloatLanes => expOfNegative(x.mul(x).mul(-0.5)).mul(1 / Math.sqrt(2 * Math.PI));

const GRADIENTS = {
  // Where y is NaN the gradient stays.
  reluGrad: { cost: 2.2, of: (g, y) => g.bits().andNot(y.le(0)).asFloats() },
  tanhGrad: { cost: 2.2, of: (g, y) => g.mul(y).nmadd(y, g) },
  sigmoidGrad: { cost: 2.2, of: (g, y) => g.mul(y.nmadd(y, y)) },
  siluGrad: {
    cost: 13,
    of: (g, x) => {
      const s = sigmoid(x);
      return g.mul(s.mul(x.madd(s.neg().add(1), 1)));
    },
  },
  geluGrad: { cost: 36, of: (g, x) => g.mul(x.madd(density(x), phi(x))) },
} satisfies Record<string, Gradient>;

type Argument = Operand<Block> | number | null | undefined;

const isFloat32 = (x: Argument): x is Operand<Block> => typeof x === "object" && x !== null && x.dtype === "float32";

/** Activations that are no primitives, and the gradients of activations: one pass over memory each. */
export function activation(runtime: Runtime): FusedKernels {
  const entries = [
    ...Object.entries(ACTIVATIONS).map(([name, fn]) => [name, activationKernel(runtime, name, fn)] as const),
    ...Object.entries(GRADIENTS).map(([name, fn]) => [name, gradientKernel(runtime, name, fn)] as const),
  ];
  return Object.fromEntries(entries) as FusedKernels;
}

function activationKernel(runtime: Runtime, name: string, { cost, of }: Activation) {
  const { pager } = runtime;
  let kernel: Kernel | undefined;
  return ([x]: readonly Argument[], _attrs: unknown, [out]: readonly Spec[]): readonly Block[] | null => {
    if (!isFloat32(x)) return null;
    kernel ??= runtime.compile<"kernel">((m) =>
      m.kernel("kernel", { x: I32, y: I32 }, (f, { x, y }, range) =>
        forItems(f, range, (i) => of(FloatLanes.load(f, x.add(i))).store(y.add(i))),
      ),
    ).kernel;
    pager.begin(name);
    pager.use(x.handle);
    const y = pager.allocate(bytesOf(out!));
    run2(runtime, kernel, itemsOf(x), cost, pager.address(x.handle), pager.address(y));
    return [y];
  };
}

function gradientKernel(runtime: Runtime, name: string, { cost, of }: Gradient) {
  const { pager } = runtime;
  let kernel: Kernel | undefined;
  return ([g, x]: readonly Argument[], _attrs: unknown, [out]: readonly Spec[]): readonly Block[] | null => {
    if (!isFloat32(g) || !isFloat32(x)) return null;
    kernel ??= runtime.compile<"kernel">((m) =>
      m.kernel("kernel", { g: I32, x: I32, y: I32 }, (f, { g, x, y }, range) =>
        forItems(f, range, (i) => of(FloatLanes.load(f, g.add(i)), FloatLanes.load(f, x.add(i))).store(y.add(i))),
      ),
    ).kernel;
    pager.begin(name);
    pager.use(g.handle);
    pager.use(x.handle);
    const y = pager.allocate(bytesOf(out!));
    const [from, at, to] = [pager.address(g.handle), pager.address(x.handle), pager.address(y)];
    run3(runtime, kernel, itemsOf(g), cost, from, at, to);
    return [y];
  };
}
