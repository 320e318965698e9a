import type { Backend } from "./backend.ts";
import { type DType, isFloat } from "./dtype.ts";
import { DisposedError, DTypeError } from "./errors.ts";
import { scope } from "./memory.ts";
import { to } from "./ops/cast.ts";
import { show } from "./shape.ts";
import { noGrad } from "./tape.ts";
import { checkFits, peekGrad, replaceGrad, Tensor } from "./tensor.ts";

/** A tensor that lives in a field and whose value can be replaced. */
abstract class Variable extends Tensor {
  protected constructor(name: string, value: Tensor) {
    if (value.storage === null)
      throw new DisposedError(name, `the tensor of shape ${show(value.shape)} was disposed`, "use it before dispose()");
    super(value.storage.retain(), value.shape, value.dtype);
    this.kept = true;
  }

  /**
   * Replaces the value by that of a tensor with the same shape, dtype and backend. What was detached or saved before keeps the old one;
   * a backward pass that needs the old value throws.
   */
  assign(value: Tensor): void {
    checkFits("assign", "the value", value, this);
    this.#share(value);
    const node = this.edge?.node;
    if (node?.op === null) this.version = ++node.version;
  }

  /** @internal Moves value and gradient to another backend or dtype; the object, and so its place in an optimizer, stays. */
  relocate(target: Backend | DType): void {
    const { requiresGrad } = this;
    scope(() =>
      noGrad(() => {
        const value = to(this, target);
        const grad = peekGrad(this);
        const moved = grad && to(grad, target);
        this.#share(value);
        if (moved !== grad) replaceGrad(this, null);
        this.edge = null;
        (this as { dtype: DType }).dtype = value.dtype;
        this.requiresGrad = requiresGrad && isFloat(value.dtype);
        if (this.requiresGrad) replaceGrad(this, moved);
      }),
    );
  }

  /** @internal Is `value` in all respects, for everyone who holds the variable, until the function that it returns is called. */
  standIn(value: Tensor): () => void {
    const { storage, edge, version, shape, dtype, inference } = this;
    const from = { edge: value.edge, version: value.version, shape: value.shape, dtype: value.dtype };
    const next = value.storage!.retain();
    Object.assign(this, { ...from, storage: next, inference: value.inference });
    return () => {
      this.storage?.release();
      Object.assign(this, { storage, edge, version, shape, dtype, inference });
    };
  }

  /** Lets go of the old elements and shares those of `value`, which may be the same. */
  #share(value: Tensor): void {
    const next = value.storage!.retain();
    this.storage?.release();
    this.storage = next;
  }
}

/** A leaf that an optimizer trains; a module registers it when it is assigned to a field. */
export class Parameter extends Variable {
  /** Takes the value of a floating tensor, which it shares until one of them changes. */
  constructor(value: Tensor, { requiresGrad = true }: { readonly requiresGrad?: boolean } = {}) {
    if (!isFloat(value.dtype))
      throw new DTypeError(
        "Parameter",
        `a ${value.dtype} tensor cannot be trained`,
        'convert it with .to("float32"), or use a Buffer',
      );
    super("Parameter", value);
    this.requiresGrad = requiresGrad;
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
}

/** State of a module that is saved but not trained, such as running statistics. */
export class Buffer extends Variable {
  constructor(value: Tensor) {
    super("Buffer", value);
  }
}
