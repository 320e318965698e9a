// For whoever compiles against the package without the library of `using`.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Backend, Operand, Spec } from "./backend.ts";
import { html } from "./display.ts";
import type { DType, TypedArray } from "./dtype.ts";
import { isFloat } from "./dtype.ts";
import { BackendError, DisposedError, DTypeError, GradientError, ShapeError } from "./errors.ts";
import { format } from "./format.ts";
import { enroll, type Scoped, Storage } from "./memory.ts";
import { type Shape, sameShape, show, sizeOf } from "./shape.ts";
import { type Collected, collectedOf, type Edge, isInferenceModeEnabled, type Leaf } from "./tape.ts";

/** Nested arrays of numbers, as deep as the tensor has axes. */
export type NestedArray = number | NestedArray[];

/**
 * An immutable, contiguous array of numbers on a backend, with reverse-mode automatic differentiation.
 *
 * Tensors are made by functions (`tensor`, `zeros`, `randn`, …). `@descent/core/methods` gives them their methods.
 */
export class Tensor implements Operand, Scoped {
  /** @internal What the elements are kept in; `null` once disposed. */
  storage: Storage | null;
  /** @internal Identity in the graph; `null` where no gradient is needed. */
  edge: Edge | null;
  /** @internal Which assignment of its leaf this value came from. */
  version = 0;
  /** @internal */
  kept = false;
  /** @internal Whether it was made in inference mode. */
  inference = isInferenceModeEnabled();

  /** @internal */
  constructor(
    storage: Storage,
    readonly shape: Shape,
    readonly dtype: DType,
    edge: Edge | null = null,
  ) {
    this.storage = storage;
    this.edge = edge;
  }

  /** Number of axes. */
  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  numel(): number {
    return sizeOf(this.shape);
  }

  /** Where the elements live. */
  get backend(): Backend {
    return live(this).backend;
  }

  /** @internal What kernels read. */
  get handle(): unknown {
    return live(this).handle;
  }

  /** Whether no op made this tensor, so that `backward()` collects its gradient in `grad`. */
  get isLeaf(): boolean {
    return this.edge === null || this.edge.node.op === null;
  }

  /** Whether the tensor was made in `inferenceMode`: ops that save it for a backward pass throw. */
  isInference(): boolean {
    return this.inference;
  }

  /** The op that made this tensor and was recorded; `null` on leaves. */
  get gradFn(): { readonly name: string } | null {
    return this.edge?.node.op ?? null;
  }

  /** Whether `grad` collects the gradient of this tensor though it is no leaf. */
  get retainsGrad(): boolean {
    return !this.isLeaf && collectedOf(this.edge) !== null;
  }

  /** Whether gradients flow through this tensor. Can be set on leaves of a floating dtype. */
  get requiresGrad(): boolean {
    return this.edge !== null;
  }

  set requiresGrad(value: boolean) {
    if (!this.isLeaf)
      throw new GradientError(
        "requiresGrad",
        "only leaves can be switched",
        "use detach() to get a tensor outside of the graph",
      );
    if (value === (this.edge !== null)) return;
    if (value && !isFloat(this.dtype))
      throw new GradientError(
        "requiresGrad",
        `a ${this.dtype} tensor has no gradient`,
        'convert it with .to("float32")',
      );
    if (value && this.inference && !isInferenceModeEnabled()) throw inferenceError("requiresGrad");
    this.edge = value ? leafEdge(this) : null;
    this.version = 0;
  }

  /** The gradient that `backward()` collected; `null` before, and on tensors that are no leaves, but for `retainGrad()`. */
  get grad(): Tensor | null {
    const collected = collectedOf(this.edge);
    if (collected === null) return null;
    collected.seen = true;
    return collected.grad;
  }

  set grad(value: Tensor | null) {
    const collected = collectedOf(this.edge);
    if (collected === null) {
      if (value === null) return;
      throw new GradientError("grad", "only leaves that require a gradient have one", "set requiresGrad = true first");
    }
    if (value !== null) {
      checkFits("grad", "the gradient", value, this);
      value.kept = true;
    }
    setGrad(collected, value, true);
  }

  /** The elements in row-major order. Throws on backends that compute asynchronously. */
  dataSync(): TypedArray {
    const { backend } = this;
    if (!backend.synchronous)
      throw new BackendError("dataSync", `backend "${backend.name}" computes asynchronously`, "use await data()");
    return backend.download(this);
  }

  /** The elements in row-major order, on every backend. */
  async data(): Promise<TypedArray> {
    return this.backend.read(this);
  }

  /** The only element, as a number (0 or 1 for bool). */
  item(): number {
    if (this.numel() !== 1)
      throw new ShapeError(
        "item",
        `a tensor of shape ${show(this.shape)} has ${this.numel()} elements, not one`,
        "use toArray() or dataSync()",
      );
    return this.dataSync()[0]!;
  }

  /** The elements as nested arrays, a number for a scalar. Who knows how deep says so: `toArray<number[][]>()`. */
  toArray<T extends NestedArray = NestedArray>(): T {
    const values = this.dataSync();
    let at = 0;
    const nest = (axis: number): NestedArray =>
      axis === this.shape.length ? values[at++]! : Array.from({ length: this.shape[axis]! }, () => nest(axis + 1));
    return nest(0) as T;
  }

  /** Values, shape and dtype as PyTorch prints them; without values where they cannot be read synchronously. */
  toString(): string {
    if (this.storage === null) return "tensor(disposed)";
    const op = this.edge?.node.op;
    const autograd = op === undefined ? null : op === null ? "requiresGrad=true" : `gradFn=<${op.name}>`;
    return this.backend.synchronous
      ? format(this.dataSync(), this, autograd)
      : `tensor(…, shape=${show(this.shape)}, dtype=${this.dtype}, backend=${this.backend.name})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** What a notebook shows: the convention of Deno's kernel for Jupyter. */
  [Symbol.for("Jupyter.display")](): Readonly<Record<string, string>> {
    const text = this.toString();
    const readable = this.storage !== null && this.backend.synchronous;
    return { "text/plain": text, ...(readable && { "text/html": html(this.dataSync(), this, text) }) };
  }

  /** Frees the elements now, unless something else shares them. Optional: the garbage collector does it otherwise. */
  dispose(): void {
    this.storage?.release();
    this.storage = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const live = (x: Tensor): Storage => {
  if (x.storage === null)
    throw new DisposedError(
      "tensor",
      `the tensor of shape ${show(x.shape)} was disposed`,
      "use it before dispose(), or return it from its scope()",
    );
  return x.storage;
};

/** A new tensor over what a kernel made. */
export function make(backend: Backend, handle: unknown, { shape, dtype }: Spec): Tensor {
  const tensor = new Tensor(new Storage(backend, handle), shape, dtype);
  enroll(tensor);
  return tensor;
}

/** A private tensor over the same elements, at the same place in the graph. Its maker owns it. */
export function alias(x: Tensor, shape: Shape = x.shape, edge: Edge | null = x.edge): Tensor {
  const tensor = new Tensor(live(x).retain(), shape, x.dtype, edge);
  tensor.version = x.version;
  tensor.inference = x.inference;
  return tensor;
}

/** The same elements outside of the graph: a snapshot that later assignments do not change. */
export function detach(x: Tensor): Tensor {
  const tensor = alias(x, x.shape, null);
  enroll(tensor);
  return tensor;
}

/** Marks a tensor that a field owns, so that no scope frees it. */
export function keep<T extends Tensor>(tensor: T): T {
  tensor.kept = true;
  return tensor;
}

const leafEdge = ({ backend, shape, dtype }: Tensor): Edge => {
  const node: Leaf = { op: null, backend, grad: null, seen: false, version: 0 };
  return { node, output: 0, shape, dtype, hooks: null, flow: null };
};

/** Replaces a gradient that was collected, and frees the old one, unless user code may hold it. */
export function setGrad(leaf: Collected, value: Tensor | null, seen = false): void {
  if (leaf.grad !== value && !leaf.seen) leaf.grad?.dispose();
  leaf.grad = value;
  leaf.seen = seen;
}

/** @internal A leaf's gradient for a look: reading `grad` itself means that user code may hold it, and that only the collector frees it. */
export function peekGrad({ edge }: Tensor): Tensor | null {
  return edge?.node.op === null ? edge.node.grad : null;
}

/** @internal Puts a gradient that the library made, and nobody has seen, into a leaf. */
export function replaceGrad({ edge }: Tensor, value: Tensor | null): void {
  if (edge?.node.op === null) setGrad(edge.node, value === null ? null : keep(value));
}

/** The error for what can never have a gradient again. */
export const inferenceError = (op: string): GradientError =>
  new GradientError(
    op,
    "a tensor that was made in inferenceMode cannot be saved for a backward pass",
    "use a clone() of it, or noGrad() in place of inferenceMode()",
  );

/** What has to agree where one tensor stands for another. */
export interface Place extends Spec {
  readonly backend: Backend;
}

/** Throws unless `value` can stand in a place: same shape, dtype and backend. */
export function checkFits(op: string, what: string, value: Tensor, { shape, dtype, backend }: Place): void {
  if (!sameShape(value.shape, shape))
    throw new ShapeError(
      op,
      `${what} has shape ${show(value.shape)}, expected ${show(shape)}`,
      "reshape(), expand() or sum() it",
    );
  if (value.dtype !== dtype)
    throw new DTypeError(op, `${what} is ${value.dtype}, expected ${dtype}`, `convert it with .to("${dtype}")`);
  if (value.backend !== backend) throw mixedBackends(op, value.backend, backend);
}

/** The error for operands that live in different places. */
export function mixedBackends(op: string, a: Backend, b: Backend): BackendError {
  const problem =
    a.name === b.name
      ? `operands live on two different instances of backend "${a.name}"`
      : `operands live on "${a.name}" and "${b.name}"`;
  return new BackendError(op, problem, "move one with .to(backend)");
}

// Two copies of this file would make `instanceof` and the current backend disagree in ways nobody finds.
const COPY = Symbol.for("@descent/core");
if (COPY in globalThis)
  throw new BackendError(
    "@descent/core",
    "a second copy of the package was loaded into one process",
    "make the package manager deduplicate it",
  );
Object.defineProperty(globalThis, COPY, { value: true });
