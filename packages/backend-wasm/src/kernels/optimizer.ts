import type { Block, Operand, Spec } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32 } from "../assembler/index.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";
import { itemsOf } from "./elementwise/items.ts";

type X = Operand<Block>;
type SGDInputs = readonly [
  p: X,
  g: X,
  momentumBuffer: X | null,
  lr: number,
  momentum: number,
  dampening: number,
  weightDecay: number,
];
type AdamInputs = readonly [
  p: X,
  g: X,
  expAvg: X,
  expAvgSq: X,
  maxExpAvgSq: X | null,
  lr: number,
  beta1: number,
  beta2: number,
  correction1: number,
  correction2: number,
  eps: number,
  weightDecay: number,
];

/** What is decided when a kernel is made, not in its loop. */
interface SGDVariant {
  /** Whether there will be a momentum buffer, */
  readonly buffered: boolean;
  /** and is one already: it begins as the gradient. */
  readonly kept: boolean;
  readonly nesterov: boolean;
  readonly maximize: boolean;
  readonly decays: boolean;
}
interface AdamVariant {
  readonly amsgrad: boolean;
  readonly decoupled: boolean;
  readonly maximize: boolean;
  readonly decays: boolean;
}

/** The gradient that a step goes down: of what is minimised, with that of the penalty `½ · decay · p²`. */
function downhill(f: FunctionBuilder, g: F32x4, isMaximized: boolean, p: F32x4, decay: F32x4 | null): F32x4 {
  const own = isMaximized ? g.neg() : g;
  return f.let(decay === null ? own : f.madd(p, decay, own));
}

/** Numbers in all lanes. */
const splats = <Name extends string>(f: FunctionBuilder, numbers: Readonly<Record<Name, F32>>): Record<Name, F32x4> =>
  Object.fromEntries(Object.entries<F32>(numbers).map(([name, x]) => [name, f.let(F32x4.splat(x))])) as never;

const sgdKernel = (runtime: Runtime, { buffered, kept, nesterov, maximize, decays }: SGDVariant): Kernel =>
  runtime.kernel(
    {
      ...{ p: I32, g: I32, b: I32, pNext: I32, bNext: I32 },
      ...{ lr: F32, momentum: F32, taken: F32, weightDecay: F32 },
    },
    (f, { p, g, b, pNext, bNext, ...numbers }, { begin, end }) => {
      const { lr, momentum, taken, weightDecay } = splats(f, numbers);
      f.for(begin.shl(6), end.shl(6), 16, (i) => {
        const value = f.let(F32x4.load(p.add(i)));
        const d = downhill(f, F32x4.load(g.add(i)), maximize, value, decays ? weightDecay : null);
        const average = kept ? f.let(f.madd(d, taken, F32x4.load(b.add(i)).mul(momentum))) : d;
        if (buffered) f.store(bNext.add(i), average);
        const direction = nesterov ? f.let(f.madd(average, momentum, d)) : average;
        f.store(pNext.add(i), f.nmadd(direction, lr, value));
      });
    },
  );

const adamKernel = (runtime: Runtime, { amsgrad, decoupled, maximize, decays }: AdamVariant): Kernel =>
  runtime.kernel(
    {
      ...{ p: I32, g: I32, m: I32, v: I32, most: I32, pNext: I32, mNext: I32, vNext: I32, mostNext: I32 },
      ...{ b1: F32, taken1: F32, b2: F32, taken2: F32 },
      ...{ rootScale: F32, eps: F32, rate: F32, weightDecay: F32, kept: F32 },
    },
    (f, { p, g, m, v, most, pNext, mNext, vNext, mostNext, ...numbers }, { begin, end }) => {
      const { b1, taken1, b2, taken2, rootScale, eps, rate, weightDecay, kept } = splats(f, numbers);
      f.for(begin.shl(6), end.shl(6), 16, (i) => {
        const value = f.let(F32x4.load(p.add(i)));
        const d = downhill(f, F32x4.load(g.add(i)), maximize, value, decays ? weightDecay : null);
        const average = f.let(f.madd(d, taken1, F32x4.load(m.add(i)).mul(b1)));
        const square = f.let(f.madd(d.mul(d), taken2, F32x4.load(v.add(i)).mul(b2)));
        f.store(mNext.add(i), average);
        f.store(vNext.add(i), square);
        const largest = amsgrad ? f.let(F32x4.load(most.add(i)).max(square)) : square;
        if (amsgrad) f.store(mostNext.add(i), largest);
        const root = f.madd(largest.sqrt(), rootScale, eps);
        f.store(pNext.add(i), f.nmadd(average.div(root), rate, decoupled ? value.mul(kept) : value));
      });
    },
  );

/** Nanoseconds of an item. */
const SGD_COST = 4;
const ADAM_COST = 9;

/** `sgdStep` and `adamStep` in float32: one pass over parameter, gradient and state. */
export function optimizerSteps(runtime: Runtime): Pick<FusedKernels, "sgdStep" | "adamStep"> {
  const { pager } = runtime;

  /** A step from tensors of one shape, of which `null` stands for none, to up to so many others. */
  function step<Variant extends object>(
    op: string,
    cost: number,
    results: number,
    compile: (runtime: Runtime, variant: Variant) => Kernel,
  ) {
    const kernels: Kernel[] = [];
    return (variant: Variant, inputs: readonly (X | null)[], out: readonly Spec[], numbers: readonly number[]) => {
      const key = Object.values(variant).reduce((bits, flag) => 2 * bits + Number(flag), 0);
      kernels[key] ??= compile(runtime, variant);
      const blocks = inputs.map((x) => x?.handle ?? null);
      const made = pager.start(op, blocks, new Array<number>(out.length).fill(bytesOf(out[0]!)));
      const addresses = blocks.map((block) => (block === null ? 0 : pager.address(block)));
      for (let i = 0; i < results; i++) addresses.push(i < made.length ? pager.address(made[i]!) : 0);
      runtime.launch(kernels[key], itemsOf(out[0]!), cost, addresses, numbers);
      return made;
    };
  }
  const sgd = step("sgdStep", SGD_COST, 2, sgdKernel);
  const adam = step("adamStep", ADAM_COST, 4, adamKernel);

  return {
    sgdStep(
      [p, g, momentumBuffer, lr, momentum, dampening, weightDecay]: SGDInputs,
      { buffered, nesterov, maximize }: { buffered: boolean; nesterov: boolean; maximize: boolean },
      out: readonly Spec[],
    ) {
      if (p.dtype !== "float32") return null;
      const buffer = buffered ? momentumBuffer : null;
      return sgd(
        { buffered, kept: buffer !== null, nesterov: buffered && nesterov, maximize, decays: weightDecay !== 0 },
        [p, g, buffer],
        out,
        [lr, momentum, 1 - dampening, weightDecay],
      );
    },

    adamStep(
      [p, g, m, v, most, lr, b1, b2, correction1, correction2, eps, weightDecay]: AdamInputs,
      { decoupled, maximize }: { decoupled: boolean; maximize: boolean },
      out: readonly Spec[],
    ) {
      if (p.dtype !== "float32") return null;
      const averages = [b1, 1 - b1, b2, 1 - b2];
      const rates = [1 / Math.sqrt(correction2), eps, lr / correction1, weightDecay, 1 - lr * weightDecay];
      return adam(
        { amsgrad: most !== null, decoupled, maximize, decays: !decoupled && weightDecay !== 0 },
        [p, g, m, v, most],
        out,
        [...averages, ...rates],
      );
    },
  };
}
