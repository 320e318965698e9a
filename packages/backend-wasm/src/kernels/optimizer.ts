import { type Block, type Operand, type Spec, sizeOf } from "@descent/core";
import { F32, F32x4, type FunctionBuilder, I32 } from "../assembler/index.ts";
import type { KernelModule } from "../kernel-module.ts";
import { bytesOf, type FusedKernels } from "../reference.ts";
import type { Kernel, Runtime } from "../runtime.ts";

/** Elements of an item: a cache line of floats. Blocks end with one, so there are no remainders. */
const ITEM = 16;

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

/** Whether there is a momentum buffer, or will be one that begins as the gradient. */
const BUFFERS = ["none", "first", "kept"] as const;
const DECAYS = ["none", "coupled", "decoupled"] as const;

/** What is decided when a kernel is made, not in its loop. */
interface SGDVariant {
  readonly buffer: (typeof BUFFERS)[number];
  readonly nesterov: boolean;
  readonly maximize: boolean;
  readonly decays: boolean;
}
interface AdamVariant {
  readonly amsgrad: boolean;
  readonly decay: (typeof DECAYS)[number];
  readonly maximize: boolean;
}

/** The gradient that a step goes down: of what is minimised, with that of the penalty `½ · weightDecay · p²`. */
function downhill(
  f: FunctionBuilder,
  g: F32x4,
  { maximize, decay, p }: { readonly maximize: boolean; readonly decay: F32x4 | null; readonly p: F32x4 },
): F32x4 {
  const own = maximize ? g.neg() : g;
  return f.let(decay === null ? own : f.madd(p, decay, own));
}

function defineSGD(m: KernelModule<"step">, { buffer, nesterov, maximize, decays }: SGDVariant): void {
  m.kernel(
    "step",
    {
      ...{ p: I32, g: I32, b: I32, pNext: I32, bNext: I32 },
      ...{ lr: F32, momentum: F32, taken: F32, weightDecay: F32 },
    },
    (f, { p, g, b, pNext, bNext, ...numbers }, { begin, end }) => {
      const splat = (x: F32): F32x4 => f.let(F32x4.splat(x));
      const [lr, momentum] = [splat(numbers.lr), splat(numbers.momentum)];
      const [taken, weightDecay] = [splat(numbers.taken), splat(numbers.weightDecay)];
      f.for(begin.shl(6), end.shl(6), 16, (i) => {
        const value = f.let(F32x4.load(p.add(i)));
        const d = downhill(f, F32x4.load(g.add(i)), { maximize, decay: decays ? weightDecay : null, p: value });
        const average = buffer === "kept" ? f.let(f.madd(d, taken, F32x4.load(b.add(i)).mul(momentum))) : d;
        if (buffer !== "none") f.store(bNext.add(i), average);
        const direction = nesterov ? f.let(f.madd(average, momentum, d)) : average;
        f.store(pNext.add(i), f.nmadd(direction, lr, value));
      });
    },
  );
}

function defineAdam(m: KernelModule<"step">, { amsgrad, decay, maximize }: AdamVariant): void {
  m.kernel(
    "step",
    {
      ...{ p: I32, g: I32, m: I32, v: I32, most: I32, pNext: I32, mNext: I32, vNext: I32, mostNext: I32 },
      ...{
        b1: F32,
        taken1: F32,
        b2: F32,
        taken2: F32,
        rootScale: F32,
        eps: F32,
        rate: F32,
        weightDecay: F32,
        kept: F32,
      },
    },
    (f, { p, g, m, v, most, pNext, mNext, vNext, mostNext, ...numbers }, { begin, end }) => {
      const splat = (x: F32): F32x4 => f.let(F32x4.splat(x));
      const [b1, taken1, b2, taken2] = [
        splat(numbers.b1),
        splat(numbers.taken1),
        splat(numbers.b2),
        splat(numbers.taken2),
      ];
      const [rootScale, eps, rate] = [splat(numbers.rootScale), splat(numbers.eps), splat(numbers.rate)];
      const [weightDecay, kept] = [splat(numbers.weightDecay), splat(numbers.kept)];
      f.for(begin.shl(6), end.shl(6), 16, (i) => {
        const value = f.let(F32x4.load(p.add(i)));
        const d = downhill(f, F32x4.load(g.add(i)), {
          maximize,
          decay: decay === "coupled" ? weightDecay : null,
          p: value,
        });
        const average = f.let(f.madd(d, taken1, F32x4.load(m.add(i)).mul(b1)));
        const square = f.let(f.madd(d.mul(d), taken2, F32x4.load(v.add(i)).mul(b2)));
        f.store(mNext.add(i), average);
        f.store(vNext.add(i), square);
        const largest = amsgrad ? f.let(F32x4.load(most.add(i)).max(square)) : square;
        if (amsgrad) f.store(mostNext.add(i), largest);
        const root = f.madd(largest.sqrt(), rootScale, eps);
        f.store(pNext.add(i), f.nmadd(average.div(root), rate, decay === "decoupled" ? value.mul(kept) : value));
      });
    },
  );
}

/** Nanoseconds of an item. */
const SGD_COST = 4;
const ADAM_COST = 9;

const itemsOf = ({ shape }: Spec): number => Math.ceil(sizeOf(shape) / ITEM);

/** `sgdStep` and `adamStep` in float32: one pass over parameter, gradient and state. */
export function optimizerSteps(runtime: Runtime): Pick<FusedKernels, "sgdStep" | "adamStep"> {
  const { pager } = runtime;
  const sgd: Kernel[] = [];
  const adam: Kernel[] = [];
  /** 0 stands for what is not there. */
  const address = (x: Block | null | undefined): number => (x == null ? 0 : pager.address(x));

  return {
    sgdStep(
      [p, g, momentumBuffer, lr, momentum, dampening, weightDecay]: SGDInputs,
      { buffered, nesterov, maximize }: { buffered: boolean; nesterov: boolean; maximize: boolean },
      out: readonly Spec[],
    ) {
      if (p.dtype !== "float32") return null;
      const buffer = !buffered ? 0 : momentumBuffer === null ? 1 : 2;
      const decays = weightDecay !== 0;
      const variant = 8 * buffer + (nesterov ? 4 : 0) + (maximize ? 2 : 0) + (decays ? 1 : 0);
      sgd[variant] ??= runtime.compile<"step">((m) =>
        defineSGD(m, { buffer: BUFFERS[buffer], nesterov: buffered && nesterov, maximize, decays }),
      ).step;
      const b = buffered && momentumBuffer !== null ? momentumBuffer.handle : null;
      const made = pager.start("sgdStep", [p.handle, g.handle, b], sizesOf(out));
      const integers = [address(p.handle), address(g.handle), address(b), address(made[0]), address(made[1])];
      runtime.launch(sgd[variant], itemsOf(p), SGD_COST, integers, [lr, momentum, 1 - dampening, weightDecay]);
      return made;
    },

    adamStep(
      [p, g, expAvg, expAvgSq, maxExpAvgSq, lr, b1, b2, correction1, correction2, eps, weightDecay]: AdamInputs,
      { decoupled, maximize }: { decoupled: boolean; maximize: boolean },
      out: readonly Spec[],
    ) {
      if (p.dtype !== "float32") return null;
      const amsgrad = maxExpAvgSq !== null;
      const decay = decoupled ? 2 : weightDecay === 0 ? 0 : 1;
      const variant = 4 * decay + (amsgrad ? 2 : 0) + (maximize ? 1 : 0);
      adam[variant] ??= runtime.compile<"step">((m) => defineAdam(m, { amsgrad, decay: DECAYS[decay], maximize })).step;
      const [m, v, most] = [expAvg.handle, expAvgSq.handle, amsgrad ? maxExpAvgSq.handle : null];
      const made = pager.start("adamStep", [p.handle, g.handle, m, v, most], sizesOf(out));
      const from = [address(p.handle), address(g.handle), address(m), address(v), address(most)];
      const to = [address(made[0]), address(made[1]), address(made[2]), address(made[3])];
      const averages = [b1, 1 - b1, b2, 1 - b2];
      const numbers = [1 / Math.sqrt(correction2), eps, lr / correction1, weightDecay, 1 - lr * weightDecay];
      runtime.launch(adam[variant], itemsOf(p), ADAM_COST, [...from, ...to], [...averages, ...numbers]);
      return made;
    },
  };
}

/** Bytes of parameter and state, which have one shape. */
function sizesOf(out: readonly Spec[]): number[] {
  const bytes = bytesOf(out[0]!);
  const sizes = new Array<number>(out.length);
  for (let i = 0; i < sizes.length; i++) sizes[i] = bytes;
  return sizes;
}
