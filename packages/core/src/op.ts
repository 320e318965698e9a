import { type Backend, type FusedName, type Operand, type Spec, withBackend } from "./backend.ts";
import { type DType, isFloat } from "./dtype.ts";
import { ArgumentError, DisposedError, DTypeError } from "./errors.ts";
import { enroll, scope } from "./memory.ts";
import { type Shape, show } from "./shape.ts";
import { type Call, type Edge, isGradEnabled, NOTHING, nextOrder, noGrad } from "./tape.ts";
import { alias, make, mixedBackends, Tensor } from "./tensor.ts";

/** What an op reads: numbers are scalars that change between calls, `null` is an operand that was left out. */
export type Input = Tensor | number | null;
export type Inputs = readonly Input[];

/** The shapes of the inputs; a number has shape `[]`. */
type Shapes<I extends Inputs> = { readonly [K in keyof I]: null extends I[K] ? Shape | null : Shape };
/** The dtypes of the inputs; `null` for numbers and what was left out. */
type DTypes<I extends Inputs> = { readonly [K in keyof I]: I[K] extends Tensor ? DType : DType | null };
/** The inputs as kernels see them. */
type Operands<I extends Inputs> = {
  readonly [K in keyof I]: Tensor extends I[K] ? Operand | Exclude<I[K], Tensor> : I[K];
};

/** What a gradient function may read. */
export interface Context<I extends Inputs = Inputs, A = unknown> {
  /** The inputs that `saves` names. */
  readonly inputs: I;
  /** The first output, where `saves` names it. */
  readonly output: Tensor;
  /** The outputs that `saves` names. */
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
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
 * What the gradient functions read, and the tape therefore keeps: all inputs, single ones, outputs, or `others`: an input where the
 * gradient of another one is needed (a product).
 */
export type Save = "inputs" | "others" | `input${number}` | "output" | `output${number}`;

interface Common {
  readonly name: string;
  readonly saves?: readonly Save[];
}

interface OneOutput<I extends Inputs, A> {
  /** The shape of the output, and the only check of input shapes. */
  readonly shape: (shapes: Shapes<I>, attrs: A) => Shape;
  /** The dtype of the output and the check of input dtypes; by default all tensors must agree. */
  readonly dtype?: (dtypes: DTypes<I>, attrs: A) => DType;
}

interface ManyOutputs<I extends Inputs, A> {
  /** Shapes and dtypes of the outputs, and the only check of the inputs' own. */
  readonly outputs: (shapes: Shapes<I>, dtypes: DTypes<I>, attrs: A) => readonly Spec[];
}

/** One function per input, or one for all where their number varies; `null` means "not differentiable in this input". */
type Gradients<I extends Inputs, A> =
  | { readonly [K in keyof I]: Vjp<I, A> | null }
  | ((input: number) => Vjp<I, A> | null);

type Primitive<I extends Inputs, A> = Common & {
  readonly vjp: Gradients<I, A>;
} & (
    | {
        /** Calls a required kernel of the backend, which returns one handle per output. */
        readonly kernel: (
          backend: Backend,
          operands: Operands<I>,
          attrs: A,
          out: readonly Spec[],
        ) => readonly unknown[];
        /** The backend of the output, where it is not that of the inputs. */
        readonly target?: (attrs: A) => Backend;
      }
    | {
        /** The output has the elements of the first input under another shape. */
        readonly view: true;
      }
  );

type Composite<I extends Inputs, A> = Common & {
  /** The op in terms of others: what runs where the backend has no kernel of this name. */
  readonly decompose: (inputs: I, attrs: A) => Tensor | readonly Tensor[];
  /** Without it, the op is differentiated through `decompose`. */
  readonly vjp?: Gradients<I, A>;
};

/** An op as the tape and the backward walk see it. */
export interface Definition {
  readonly name: string;
  readonly specs: (inputs: Inputs, attrs: unknown) => readonly Spec[];
  readonly run: (backend: Backend, inputs: Inputs, attrs: unknown, out: readonly Spec[]) => readonly Tensor[];
  /** The gradient function of an input, `null` where the op is not differentiable in it. */
  readonly vjp: (input: number) => Vjp | null;
  /** Set on composites without gradient functions: they are differentiated through it. */
  readonly transparent: ((inputs: Inputs, attrs: unknown) => readonly Tensor[]) | null;
  readonly saves: SavePlan;
}

interface SavePlan {
  readonly input: (input: number, needed: readonly (Edge | null)[]) => boolean;
  readonly output: (output: number) => boolean;
}

/** Every op that has been defined, by name: what conformance suites and tables walk through. */
export const registry = new Map<string, Definition>();

/** A call of an op: its inputs, then its attributes. */
export type Op<I extends Inputs, A = void, Y = Tensor> = (inputs: I, attrs: A) => Y;

/** Defines an op that a required kernel of every backend computes, or that only changes the shape (`view`). */
export function primitive<I extends Inputs, A = void>(
  body: Primitive<NoInfer<I>, NoInfer<A>> & OneOutput<NoInfer<I>, NoInfer<A>>,
): Op<I, A>;
export function primitive<I extends Inputs, A = void>(
  body: Primitive<NoInfer<I>, NoInfer<A>> & ManyOutputs<NoInfer<I>, NoInfer<A>>,
): Op<I, A, readonly Tensor[]>;
export function primitive<I extends Inputs, A>(
  body: Primitive<I, A> & (OneOutput<I, A> | ManyOutputs<I, A>),
): Op<I, A, Tensor | readonly Tensor[]> {
  const run: Definition["run"] =
    "view" in body
      ? (_backend, [x], _attrs, out) => [share(x as Tensor, out[0]!.shape, null)]
      : (backend, inputs, attrs, out) => {
          const handles = body.kernel(backend, inputs as unknown as Operands<I>, attrs as A, out);
          const home = body.target === undefined ? backend : body.target(attrs as A);
          return out.map((spec, i) => make(home, handles[i], spec));
        };
  return define(body, { run, vjp: gradients(body.vjp), transparent: null, saves: savePlan(body.saves) });
}

/** Defines an op in terms of others, which a backend may replace by a fused kernel of the same name. */
export function composite<I extends Inputs, A = void>(
  body: Composite<NoInfer<I>, NoInfer<A>> & OneOutput<NoInfer<I>, NoInfer<A>>,
): Op<I, A>;
export function composite<I extends Inputs, A = void>(
  body: Composite<NoInfer<I>, NoInfer<A>> & ManyOutputs<NoInfer<I>, NoInfer<A>>,
): Op<I, A, readonly Tensor[]>;
export function composite<I extends Inputs, A>(
  body: Composite<I, A> & (OneOutput<I, A> | ManyOutputs<I, A>),
): Op<I, A, Tensor | readonly Tensor[]> {
  const transparent = body.vjp === undefined;
  const decompose = (inputs: Inputs, attrs: unknown): readonly Tensor[] => {
    const result = body.decompose(inputs as I, attrs as A);
    return result instanceof Tensor ? [result] : result;
  };
  const run: Definition["run"] = (backend, inputs, attrs, out) => {
    const fused = backend.fused?.[body.name as FusedName];
    if (fused !== undefined) {
      const handles = fused(inputs as readonly (Operand | number | null)[], attrs as never, out);
      return out.map((spec, i) => make(backend, handles[i], spec));
    }
    const parts = (): readonly Tensor[] => withBackend(backend, () => decompose(inputs, attrs));
    const results = scope(() => (transparent ? parts() : noGrad(parts)));
    // A decomposition may hand back an argument; the caller must get a tensor of its own.
    return results.map((y) => (inputs.includes(y) ? share(y, y.shape, transparent ? y.edge : null) : y));
  };
  return define(body, {
    run,
    vjp: body.vjp === undefined ? () => UNUSED : gradients(body.vjp),
    transparent: transparent ? decompose : null,
    saves: savePlan(transparent ? ["inputs"] : body.saves),
  });
}

/** Stands for "differentiable, through the decomposition". */
const UNUSED: Vjp = () => null;

function define<I extends Inputs, A>(
  body: Common & (OneOutput<I, A> | ManyOutputs<I, A>),
  rest: Omit<Definition, "name" | "specs">,
): Op<I, A, Tensor | readonly Tensor[]> {
  const { name } = body;
  const specs: Definition["specs"] =
    "shape" in body
      ? (inputs, attrs) => {
          const shape = body.shape(shapesOf(inputs) as unknown as Shapes<I>, attrs as A);
          const dtypes = dtypesOf(inputs);
          const dtype =
            body.dtype === undefined ? sameDType(name, dtypes) : body.dtype(dtypes as unknown as DTypes<I>, attrs as A);
          return [{ shape, dtype }];
        }
      : (inputs, attrs) =>
          body.outputs(shapesOf(inputs) as unknown as Shapes<I>, dtypesOf(inputs) as unknown as DTypes<I>, attrs as A);
  const definition: Definition = { name, specs, ...rest };
  registry.set(name, definition);
  return "shape" in body
    ? (inputs, attrs) => apply(definition, inputs, attrs)[0]!
    : (inputs, attrs) => apply(definition, inputs, attrs);
}

/** Checks, computes and records one call. */
function apply(op: Definition, inputs: Inputs, attrs: unknown): readonly Tensor[] {
  const backend = commonBackend(op.name, inputs);
  const out = op.specs(inputs, attrs);
  const edges = isGradEnabled() ? neededEdges(op, inputs) : null;
  const outputs = op.run(backend, inputs, attrs, out);
  // A transparent composite that was decomposed has been recorded piece by piece.
  const recorded = op.transparent !== null && backend.fused?.[op.name as FusedName] === undefined;
  if (edges !== null && !recorded) record(op, inputs, attrs, edges, outputs);
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
function neededEdges(op: Definition, inputs: Inputs): (Edge | null)[] | null {
  let edges: (Edge | null)[] | null = null;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    if (!(x instanceof Tensor) || x.edge === null || op.vjp(i) === null) continue;
    edges ??= new Array<Edge | null>(inputs.length).fill(null);
    edges[i] = x.edge;
  }
  return edges;
}

function record(
  op: Definition,
  inputs: Inputs,
  attrs: unknown,
  edges: readonly (Edge | null)[],
  outputs: readonly Tensor[],
): void {
  const call: Call = { op, order: nextOrder(), attrs, inputs: edges, outputs: [], saved: NOTHING, released: false };
  const made = new Array<Edge | null>(outputs.length);
  const savedInputs = new Array<Tensor | number | null>(inputs.length);
  const savedOutputs = new Array<Tensor | null>(outputs.length);
  for (let i = 0; i < outputs.length; i++) {
    const y = outputs[i]!;
    if (isFloat(y.dtype)) y.edge = { node: call, output: i, shape: y.shape, dtype: y.dtype, hooks: null };
    made[i] = y.edge;
    savedOutputs[i] = op.saves.output(i) ? alias(y) : null;
  }
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    savedInputs[i] = !(x instanceof Tensor) ? x : op.saves.input(i, edges) ? alias(x) : null;
  }
  call.outputs = made;
  call.saved = { inputs: savedInputs, outputs: savedOutputs };
}

function savePlan(saves: readonly Save[] = []): SavePlan {
  const all = saves.includes("inputs");
  const others = saves.includes("others");
  const numbers = (kind: "input" | "output"): readonly number[] =>
    saves.flatMap((save) => (save.startsWith(kind) && /\d/.test(save) ? [Number(save.slice(kind.length))] : []));
  const inputs = numbers("input");
  const outputs = saves.includes("output") ? [0] : numbers("output");
  return {
    input: (i, needed) => all || inputs.includes(i) || (others && anotherIsNeeded(needed, i)),
    output: (i) => outputs.includes(i),
  };
}

function anotherIsNeeded(needed: readonly (Edge | null)[], input: number): boolean {
  for (let i = 0; i < needed.length; i++) if (i !== input && needed[i] !== null) return true;
  return false;
}

const gradients = <I extends Inputs, A>(vjp: Gradients<I, A>): Definition["vjp"] =>
  (typeof vjp === "function" ? vjp : (input: number) => vjp[input] ?? null) as Definition["vjp"];

/** A tensor of the caller's over the elements of `x`. */
function share(x: Tensor, shape: Shape, edge: Edge | null): Tensor {
  const y = alias(x, shape, edge);
  enroll(y);
  return y;
}

// Loops, not `map`: every call of every op comes through here.
function shapesOf(inputs: Inputs): (Shape | null)[] {
  const shapes = new Array<Shape | null>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    shapes[i] = x === null ? null : typeof x === "number" ? SCALAR : x.shape;
  }
  return shapes;
}

function dtypesOf(inputs: Inputs): (DType | null)[] {
  const dtypes = new Array<DType | null>(inputs.length);
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    dtypes[i] = x instanceof Tensor ? x.dtype : null;
  }
  return dtypes;
}

const SCALAR: Shape = [];

/** The dtype that all tensors of a call have. */
export function sameDType(op: string, dtypes: readonly (DType | null)[]): DType {
  let common: DType | null = null;
  for (const dtype of dtypes) {
    if (dtype === null || dtype === common) continue;
    if (common !== null)
      throw new DTypeError(
        op,
        `operands have different dtypes: ${common} and ${dtype}`,
        `convert one with .to("${common}")`,
      );
    common = dtype;
  }
  return common!;
}

/** A dtype rule for ops that are computed in floating point: all tensors agree on float32 or float64. */
export const floating =
  (op: string) =>
  (dtypes: readonly (DType | null)[]): DType => {
    const dtype = sameDType(op, dtypes);
    if (!isFloat(dtype))
      throw new DTypeError(op, `expected a floating dtype, got ${dtype}`, 'convert it with .to("float32")');
    return dtype;
  };
