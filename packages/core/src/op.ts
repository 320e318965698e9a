import {
  apply,
  type Definition,
  dtypesOf,
  type Inputs,
  type JointVjp,
  type SavePlan,
  shapesOf,
  type Vjp,
} from "./apply.ts";
import { type Backend, type FusedName, type Operand, type Spec, withBackend } from "./backend.ts";
import { type DType, isFloat, type TypedArray } from "./dtype.ts";
import { BackendError, DTypeError } from "./errors.ts";
import { enroll, passOn } from "./memory.ts";
import type { Shape } from "./shape.ts";
import { type Edge, noGrad } from "./tape.ts";
import { alias, make, Tensor } from "./tensor.ts";

/** The shapes of the inputs; a number has shape `[]`. */
type Shapes<I extends Inputs> = { readonly [K in keyof I]: null extends I[K] ? Shape | null : Shape };
/** The dtypes of the inputs; `null` for numbers and what was left out. */
type DTypes<I extends Inputs> = { readonly [K in keyof I]: I[K] extends Tensor ? DType : DType | null };
/** The inputs as kernels see them. */
type Operands<I extends Inputs> = {
  readonly [K in keyof I]: Tensor extends I[K] ? Operand | Exclude<I[K], Tensor> : I[K];
};

/** The inputs as computations on the host see them. */
type Elements<I extends Inputs> = {
  readonly [K in keyof I]: Tensor extends I[K] ? HostArray | Exclude<I[K], Tensor> : I[K];
};

/** The elements of a tensor on the host. */
export interface HostArray extends Spec {
  readonly values: TypedArray;
}

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

/**
 * One function per input, where `null` means "not differentiable in this input", or one for all: its op is differentiable in each of
 * them.
 */
type Gradients<I extends Inputs, A> = { readonly [K in keyof I]: Vjp<I, A> | null } | JointVjp<I, A>;

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
        /**
         * Computes on the host, from elements that are the op's to read: what would make a poor kernel (linear algebra). Devices that
         * cannot be waited for have no such op.
         */
        readonly host: (inputs: Elements<I>, attrs: A, out: readonly Spec[]) => readonly TypedArray[];
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
  let run: Definition["run"];
  if ("view" in body) run = (_backend, [x], _attrs, out) => [share(x as Tensor, out[0]!.shape, null)];
  else if ("host" in body)
    run = (backend, inputs, attrs, out) => {
      const arrays = inputs.map((x) => (x instanceof Tensor ? hostArray(body.name, x) : x));
      const results = body.host(arrays as unknown as Elements<I>, attrs as A, out);
      return results.map((values, i) => make(backend, backend.upload(values, out[i]!), out[i]!));
    };
  else {
    const { kernel, target } = body;
    run = (backend, inputs, attrs, out) => {
      const handles = kernel(backend, inputs as unknown as Operands<I>, attrs as A, out);
      return tensors(target === undefined ? backend : target(attrs as A), handles, out);
    };
  }
  return define(body, {
    run,
    fused: null,
    host: "host" in body,
    ...gradients(body.vjp),
    transparent: null,
    saves: savePlan(body.saves),
  });
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
  const { name } = body;
  const transparent = body.vjp === undefined;
  const decompose = (inputs: Inputs, attrs: unknown): readonly Tensor[] => {
    const result = body.decompose(inputs as I, attrs as A);
    return result instanceof Tensor ? [result] : result;
  };
  const run: Definition["run"] = (backend, inputs, attrs) => {
    const results = passOn(() =>
      withBackend(backend, () => (transparent ? decompose(inputs, attrs) : noGrad(() => decompose(inputs, attrs)))),
    );
    // A decomposition may hand back an argument, or one result twice; the caller must get tensors of its own.
    return results.map((y, i) =>
      inputs.includes(y) || results.indexOf(y) < i ? share(y, y.shape, transparent ? y.edge : null) : y,
    );
  };
  return define(body, {
    run,
    fused: (backend, inputs, attrs, out) => {
      const kernel = backend.fused?.[name as FusedName];
      const handles = kernel?.(inputs as readonly (Operand | number | null)[], attrs as never, out) ?? null;
      return handles && tensors(backend, handles, out);
    },
    host: false,
    ...gradients(body.vjp ?? UNUSED),
    transparent: transparent ? decompose : null,
    saves: savePlan(transparent ? ["inputs"] : body.saves),
  });
}

/** The elements of a tensor, for an op that computes on the host. Throws where the device cannot be waited for. */
export function hostArray(op: string, x: Tensor): HostArray {
  const { backend, shape, dtype } = x;
  if (!backend.synchronous)
    throw new BackendError(
      op,
      `the op is computed on the host, and backend "${backend.name}" computes asynchronously`,
      "move the operand to another backend with .to(backend)",
    );
  return { shape, dtype, values: x.dataSync() };
}

/** Stands for "differentiable, through the decomposition". */
const UNUSED: JointVjp = () => [];

function define<I extends Inputs, A>(
  body: Common & (OneOutput<I, A> | ManyOutputs<I, A>),
  rest: Omit<Definition, "name" | "specs" | "foreign">,
): Op<I, A, Tensor | readonly Tensor[]> {
  const { name } = body;
  let specs: Definition["specs"];
  if ("shape" in body) {
    const { shape, dtype = (dtypes: readonly (DType | null)[]) => sameDType(name, dtypes) } = body;
    specs = (inputs, attrs) => [
      {
        shape: shape(shapesOf(inputs) as unknown as Shapes<I>, attrs as A),
        dtype: dtype(dtypesOf(inputs) as unknown as DTypes<I>, attrs as A),
      },
    ];
  } else {
    const { outputs } = body;
    specs = (inputs, attrs) =>
      outputs(shapesOf(inputs) as unknown as Shapes<I>, dtypesOf(inputs) as unknown as DTypes<I>, attrs as A);
  }
  const definition: Definition = { name, specs, foreign: false, ...rest };
  registry.set(name, definition);
  return "shape" in body
    ? (inputs, attrs) => apply(definition, inputs, attrs)[0]!
    : (inputs, attrs) => apply(definition, inputs, attrs);
}

function savePlan(saves: readonly Save[] = []): SavePlan {
  const numbers = (kind: "input" | "output"): readonly number[] =>
    saves.flatMap((save) => (save.startsWith(kind) && /\d/.test(save) ? [Number(save.slice(kind.length))] : []));
  return {
    inputs: saves.includes("inputs") ? "all" : numbers("input"),
    others: saves.includes("others"),
    outputs: [...(saves.includes("output") ? [0] : []), ...numbers("output")],
  };
}

function gradients<I extends Inputs, A>(vjp: Gradients<I, A>): Pick<Definition, "differentiable" | "vjp"> {
  if (typeof vjp === "function") return { differentiable: () => true, vjp: vjp as JointVjp };
  const functions = vjp as readonly (Vjp | null)[];
  return {
    differentiable: (input) => functions[input] != null,
    vjp: (g, context) => {
      const { needs } = context;
      const gradients = new Array<Tensor | null>(needs.length);
      for (let i = 0; i < needs.length; i++) gradients[i] = needs[i] ? functions[i]!(g, context) : null;
      return gradients;
    },
  };
}

function tensors(backend: Backend, handles: readonly unknown[], out: readonly Spec[]): Tensor[] {
  const made = new Array<Tensor>(out.length);
  for (let i = 0; i < out.length; i++) made[i] = make(backend, handles[i], out[i]!);
  return made;
}

/** A tensor of the caller's over the elements of `x`. */
function share(x: Tensor, shape: Shape, edge: Edge | null): Tensor {
  const y = alias(x, shape, edge);
  enroll(y);
  return y;
}

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
