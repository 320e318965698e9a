import { noteOrigin } from "./anomaly.ts";
import type { Backend, Spec } from "./backend.ts";
import { type DType, isFloat } from "./dtype.ts";
import { ArgumentError, DisposedError } from "./errors.ts";
import { type Shape, show } from "./shape.ts";
import { type Call, currentRecorder, type Edge, isGradEnabled, NOTHING, nextOrder } from "./tape.ts";
import { alias, inferenceError, mixedBackends, Tensor } from "./tensor.ts";

/** What an op reads: numbers are scalars that change between calls, `null` is an operand that was left out. */
export type Input = Tensor | number | null;
export type Inputs = readonly Input[];

/** What a gradient function may read. */
export interface Context<I extends Inputs = Inputs, A = unknown> {
  /** The inputs that `saves` names. */
  readonly inputs: I;
  /** The first output, where `saves` names it. */
  readonly output: Tensor;
  /** The outputs that `saves` names. */
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** Whether an input needs a gradient now. */
  readonly needs: readonly boolean[];
  /** Shape and dtype of the inputs that need a gradient. */
  readonly specs: readonly Spec[];
  /** The gradient of every output, `null` where none arrived. The first argument of the function is the first of them. */
  readonly grads: readonly (Tensor | null)[];
}

/**
 * The gradient of one input, given the gradient `g` of the (first) output. Written in ops, so that it can be differentiated again.
 * `null` stands for zero.
 */
export type Vjp<I extends Inputs = Inputs, A = unknown> = (g: Tensor, context: Context<I, A>) => Tensor | null;

/**
 * The gradients of all inputs at once, for ops whose gradients share work. Inputs that `needs` leaves out cost nothing; what stands in
 * their places is ignored.
 */
export type JointVjp<I extends Inputs = Inputs, A = unknown> = (
  g: Tensor,
  context: Context<I, A>,
) => readonly (Tensor | null)[];

/** What a backward pass needs to know of an op. */
export interface Recorded {
  readonly name: string;
  /** The gradients of the inputs that need one; unused on transparent ops. */
  readonly vjp: JointVjp;
  /** Set on composites without gradient functions: they are differentiated through it. */
  readonly transparent: ((inputs: Inputs, attrs: unknown) => readonly Tensor[]) | null;
  /** Whether users wrote the gradient function: they may keep what they see in it. */
  readonly foreign: boolean;
}

/** An op as it is applied. */
export interface Definition extends Recorded {
  readonly specs: (inputs: Inputs, attrs: unknown) => readonly Spec[];
  readonly run: (backend: Backend, inputs: Inputs, attrs: unknown, out: readonly Spec[]) => readonly Tensor[];
  /** Computes the whole op where the backend has a kernel for it; `null` on ops that are no composites. */
  readonly fused: ((backend: Backend, inputs: Inputs, attrs: unknown, out: readonly Spec[]) => Tensor[] | null) | null;
  /** Whether the op is computed on the host, and not there on devices that cannot be waited for. */
  readonly host: boolean;
  /** Whether the op is differentiable in an input. */
  readonly differentiable: (input: number) => boolean;
  readonly saves: SavePlan;
}

/** Which inputs and outputs the tape keeps. */
export interface SavePlan {
  /** All inputs, or these. */
  readonly inputs: "all" | readonly number[];
  /** Also an input where another one needs a gradient. */
  readonly others: boolean;
  readonly outputs: readonly number[];
}

/** Checks, computes and records one call. */
export function apply(op: Definition, inputs: Inputs, attrs: unknown): readonly Tensor[] {
  const backend = commonBackend(op.name, inputs);
  const out = op.specs(inputs, attrs);
  const edges = isGradEnabled() ? neededEdges(op, inputs) : null;
  const fused = op.fused === null ? null : op.fused(backend, inputs, attrs, out);
  const outputs = fused ?? op.run(backend, inputs, attrs, out);
  // A transparent composite that was decomposed has been recorded piece by piece.
  const recorded = op.transparent !== null && fused === null;
  if (edges !== null && !recorded) {
    const call = record(op, attrs, edges, outputs);
    // Now that the outputs have their edges, which what is saved of them shares.
    call.savedInputs = savedInputs(op, inputs, edges);
    call.savedOutputs = savedOutputs(op.saves, outputs);
    announce(call);
  }
  return outputs;
}

function commonBackend(op: string, inputs: Inputs): Backend {
  let backend: Backend | null = null;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    if (x === null || typeof x === "number") continue;
    if (!(x instanceof Tensor))
      throw new ArgumentError(
        op,
        `operand ${i} is ${Array.isArray(x) ? "an array" : typeof x}, not a tensor`,
        "make one with tensor(…)",
      );
    if (x.storage === null)
      throw new DisposedError(
        op,
        `an operand of shape ${show(x.shape)} was disposed`,
        "use it before dispose(), or return it from its scope()",
      );
    if (backend === null) backend = x.storage.backend;
    else if (backend !== x.storage.backend) throw mixedBackends(op, backend, x.storage.backend);
  }
  if (backend === null) throw new ArgumentError(op, "no operand is a tensor", "make one with tensor(…)");
  return backend;
}

/** The edges that a gradient flows along, `null` where none does at all. */
function neededEdges(op: Definition, inputs: Inputs): readonly (Edge | null)[] | null {
  let edges: (Edge | null)[] | null = null;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    const edge = x === null || typeof x === "number" || x.edge === null || !op.differentiable(i) ? null : x.edge;
    if (edge !== null) edges ??= nulls(inputs.length);
    if (edges !== null) edges[i] = edge;
  }
  return edges;
}

// Faster than `fill`.
function nulls<T>(length: number): (T | null)[] {
  const list = new Array<T | null>(length);
  for (let i = 0; i < length; i++) list[i] = null;
  return list;
}

/** Puts a call on the tape, which has saved nothing yet. */
export function record(
  op: Recorded,
  attrs: unknown,
  edges: readonly (Edge | null)[],
  outputs: readonly Tensor[],
): Call {
  const made = new Array<Edge | null>(outputs.length);
  const call: Call = {
    op,
    order: nextOrder(),
    attrs,
    inputs: edges,
    outputs: made,
    savedInputs: NOTHING,
    savedOutputs: NOTHING,
    released: false,
    pass: 0,
    source: null,
  };
  for (let i = 0; i < outputs.length; i++) {
    const y = outputs[i]!;
    if (isFloat(y.dtype)) y.edge = { node: call, output: i, shape: y.shape, dtype: y.dtype, hooks: null, flow: null };
    made[i] = y.edge;
  }
  return call;
}

/** Tells whoever looks on of a call that is recorded and has saved what it needs. */
export function announce(call: Call): void {
  noteOrigin(call);
  currentRecorder()?.(call);
}

function savedInputs(
  { name, saves: plan }: Definition,
  inputs: Inputs,
  needed: readonly (Edge | null)[],
): Call["savedInputs"] {
  let saved: Input[] | null = null;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    const kept = plan.inputs === "all" || plan.inputs.includes(i) || (plan.others && anotherIsNeeded(needed, i));
    if (!kept && typeof x !== "number") continue;
    saved ??= nulls(inputs.length);
    if (x instanceof Tensor && x.inference) throw inferenceError(name);
    saved[i] = x instanceof Tensor ? alias(x) : x;
  }
  return saved ?? NOTHING;
}

function savedOutputs({ outputs: wanted }: SavePlan, outputs: readonly Tensor[]): Call["savedOutputs"] {
  if (wanted.length === 0) return NOTHING;
  return outputs.map((y, i) => (wanted.includes(i) ? alias(y) : null));
}

function anotherIsNeeded(needed: readonly (Edge | null)[], input: number): boolean {
  for (let i = 0; i < needed.length; i++) if (i !== input && needed[i] !== null) return true;
  return false;
}

// Loops, not `map`: every call of every op comes through here.
export function shapesOf(inputs: Inputs): (Shape | null)[] {
  const shapes = new Array<Shape | null>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    shapes[i] = x === null ? null : typeof x === "number" ? SCALAR : x.shape;
  }
  return shapes;
}

export function dtypesOf(inputs: Inputs): (DType | null)[] {
  const dtypes = new Array<DType | null>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    dtypes[i] = x === null || typeof x === "number" ? null : x.dtype;
  }
  return dtypes;
}

const SCALAR: Shape = [];
