import { announce, type JointVjp, record } from "../apply.ts";
import { ArgumentError, GradientError } from "../errors.ts";
import { enroll } from "../memory.ts";
import { zeros } from "../ops/creation.ts";
import { type Edge, isGradEnabled, noGrad } from "../tape.ts";
import { alias, checkFits, inferenceError, type Place, Tensor } from "../tensor.ts";

/** What a function returns, and what its gradient may be for each of its arguments. */
type Tensors = Tensor | readonly Tensor[];
type Gradients = Tensor | null | readonly (Tensor | null | undefined)[];

/** What `forward` leaves for `backward`. Functions may add fields of their own for what is no tensor. */
export interface FunctionContext<Saved extends readonly (Tensor | null)[] = readonly Tensor[]> {
  /** Keeps tensors, inputs and outputs above all, until the backward pass has been here. Called once, in `forward`. */
  saveForBackward(...tensors: Saved): void;
  /** What was saved, in `backward`. */
  readonly savedTensors: Saved;
  /** Which arguments of `forward` need a gradient; in `backward`, in this pass. */
  readonly needsInputGrad: readonly boolean[];
  /** Says that no gradient flows through these outputs. */
  markNonDifferentiable(...outputs: readonly Tensor[]): void;
  /** Whether `backward` gets zeros, not `null`, for outputs whose gradient is zero. Default true. */
  setMaterializeGrads(materialize: boolean): void;
}

/** A class with the two halves of a function. */
interface Halves {
  readonly name: string;
  forward(...inputs: never[]): Tensors;
  backward(ctx: never, ...gradients: never[]): Gradients;
  setupContext?(ctx: never, inputs: never, output: never): void;
}

type Rest<A> = A extends readonly [unknown, ...infer R] ? R : [];
type Arguments<F extends Halves> = F extends { setupContext: unknown }
  ? Parameters<F["forward"]>
  : Rest<Parameters<F["forward"]>>;

/**
 * A function with a gradient of its own, as a class with two static methods that is called through `apply`:
 *
 * `forward(ctx, ...inputs)` computes one tensor or an array of them, without recording, and keeps what the gradient needs in `ctx`.
 * `backward(ctx, ...gradients)` gets one gradient per output and returns one per input, `null` for what is no tensor; written in ops, it
 * can be differentiated again. With a static `setupContext(ctx, inputs, output)`, `forward` takes the inputs alone.
 */
// A class, so that functions are written as in PyTorch. It is exported as `Function` too; only there does it shadow the global one.
// biome-ignore lint/complexity/noStaticOnlyClass: subclasses are what users write.
export abstract class CustomFunction {
  /** Calls the function. */
  static apply<F extends Halves>(this: F, ...inputs: Arguments<F>): ReturnType<F["forward"]> {
    // biome-ignore lint/complexity/noThisInStatic: it is the subclass.
    return call(this, inputs) as ReturnType<F["forward"]>;
  }
}

const placeOf = ({ shape, dtype, backend }: Tensor): Place => ({ shape, dtype, backend });

function call(halves: Halves, inputs: readonly unknown[]): Tensors {
  const { name } = halves;
  const edges = inputs.map((x) => (isGradEnabled() && x instanceof Tensor ? x.edge : null));
  const saved: { readonly original: Tensor; readonly copy: Tensor }[] = [];
  const constant = new Set<Tensor>();
  let materialize = true;
  const ctx = {
    savedTensors: [] as readonly (Tensor | null)[],
    needsInputGrad: edges.map((edge) => edge !== null) as readonly boolean[],
    // The copies are private at once: a scope in `forward` may free the originals.
    saveForBackward: (...tensors: Tensor[]) => {
      saved.push(...tensors.map((original) => ({ original, copy: original && alias(original) })));
    },
    markNonDifferentiable: (...outputs: Tensor[]) => {
      for (const y of outputs) constant.add(y);
    },
    setMaterializeGrads: (value: boolean) => {
      materialize = value;
    },
  };
  const result = noGrad(() => forward(halves, ctx, inputs));
  const made = (result instanceof Tensor ? [result] : result) as readonly Tensor[];
  if (!Array.isArray(made) || !made.every((y) => y instanceof Tensor))
    throw new ArgumentError(name, "forward() returned something else than a tensor or an array of tensors");
  // What exists elsewhere gets an identity of its own as an output.
  const outputs = made.map((y, i) =>
    inputs.includes(y) || y.edge !== null || y.kept || made.indexOf(y) < i ? share(y, null) : y,
  );

  if (edges.some((edge) => edge !== null) && !made.every((y) => constant.has(y))) {
    const [from, to] = [inputs.map((x) => (x instanceof Tensor ? placeOf(x) : null)), outputs.map(placeOf)];
    const vjp: JointVjp = (_, { grads, inputs: saved, needs }) => {
      if (typeof halves.backward !== "function")
        throw new GradientError(name, "the class has no static backward()", "write one, or call it in noGrad()");
      ctx.needsInputGrad = needs;
      ctx.savedTensors = (saved as readonly (Tensor | null)[]).map((x) => x && share(x));
      try {
        const gradients = grads.map((g, i) => (g ? share(g) : materialize ? zeros(to[i]!.shape, to[i]) : null));
        return checked(name, halves.backward(ctx as never, ...(gradients as never[])), from, needs);
      } finally {
        ctx.savedTensors = [];
      }
    };
    const call = record({ name, vjp, transparent: null, foreign: true }, undefined, edges, outputs);
    for (const [i, y] of outputs.entries()) if (constant.has(made[i]!)) y.edge = null;
    call.outputs = outputs.map(({ edge }) => edge);
    call.savedInputs = saved.map(({ original, copy }) => {
      if (copy?.inference) throw inferenceError(name);
      const output = made.indexOf(original);
      // An output is saved as what it is in the graph.
      if (output >= 0 && !inputs.includes(original)) copy.edge = outputs[output]!.edge;
      return copy;
    });
    announce(call);
  } else for (const { copy } of saved) copy?.dispose();
  return result instanceof Tensor ? outputs[0]! : outputs;
}

function forward(halves: Halves, ctx: unknown, inputs: readonly unknown[]): Tensors {
  if (halves.setupContext === undefined) return halves.forward(...([ctx, ...inputs] as never[]));
  const output = halves.forward(...(inputs as never[]));
  halves.setupContext(ctx as never, inputs as never, output as never);
  return output;
}

/** The same tensor for somebody else, who may keep it. */
function share(x: Tensor, edge: Edge | null = x.edge): Tensor {
  const y = alias(x, x.shape, edge);
  enroll(y);
  return y;
}

/** What `backward` returned, if it fits what went into `forward`. */
function checked(
  name: string,
  result: Gradients,
  inputs: readonly (Place | null)[],
  needs: readonly boolean[],
): (Tensor | null)[] {
  const gradients = Array.isArray(result) ? (result as readonly (Tensor | null)[]) : [result as Tensor | null];
  const surplus = gradients.slice(inputs.length);
  if (gradients.length < inputs.length || surplus.some((g) => g != null))
    throw new GradientError(
      name,
      `backward() returned ${gradients.length} gradients for ${inputs.length} inputs of forward()`,
      "return one for each, null for what has none",
    );
  return inputs.map((input, i) => {
    const g = gradients[i] ?? null;
    if (g === null) return null;
    if (input === null || !(g instanceof Tensor))
      throw new GradientError(
        name,
        `backward() returned ${g instanceof Tensor ? "a tensor" : typeof g} for input ${i}, which is ${input === null ? "no" : "a"} tensor`,
        "return null where there is no gradient",
      );
    if (!needs[i]) return null;
    checkFits(name, `the gradient of input ${i}`, g, input);
    return g;
  });
}
