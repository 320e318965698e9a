/** The stable, machine-readable names of everything that can go wrong. */
export type ErrorCode =
  | "SHAPE"
  | "DTYPE"
  | "BACKEND"
  | "OUT_OF_MEMORY"
  | "GRADIENT"
  | "DISPOSED"
  | "STATE_DICT"
  | "ARGUMENT"
  | "INDEX"
  | "DATA"
  | "LINALG";

/**
 * The base of every error this library throws on purpose.
 *
 * Its message reads `op: what is wrong, with the values (in module path); what to do`. `code` is stable, the message is for people.
 */
export abstract class TensorError extends Error {
  abstract readonly code: ErrorCode;
  /** Path of the module whose `forward` was running, `null` outside of a model. */
  modulePath: string | null = null;

  constructor(
    /** The public function that rejected its input. */
    readonly op: string,
    readonly problem: string,
    readonly remedy?: string,
  ) {
    super(`${op}: ${problem}${remedy === undefined ? "" : `; ${remedy}`}`);
    this.name = new.target.name;
  }

  /** Adds the place in the model where the error came up; the innermost module wins. */
  locate(modulePath: string): void {
    if (this.modulePath !== null) return;
    this.modulePath = modulePath;
    this.message = `${this.op}: ${this.problem} (in ${modulePath})${this.remedy === undefined ? "" : `; ${this.remedy}`}`;
  }
}

/** Shapes, axes or ranks that do not fit each other. */
export class ShapeError extends TensorError {
  readonly code = "SHAPE";
}
/** Element types that an op does not accept or does not mix. */
export class DTypeError extends TensorError {
  readonly code = "DTYPE";
}
/** Operands on different backends, or something that the backend declares it cannot do. */
export class BackendError extends TensorError {
  readonly code: ErrorCode = "BACKEND";
}
/** Device memory that cannot hold the operands of a single op. */
export class OutOfMemoryError extends BackendError {
  override readonly code = "OUT_OF_MEMORY";
}
/** A backward pass that was asked for something that the graph does not hold. */
export class GradientError extends TensorError {
  readonly code = "GRADIENT";
}
/** A tensor that was used after `dispose()`. */
export class DisposedError extends TensorError {
  readonly code = "DISPOSED";
}
/** Missing, unexpected or misshapen entries of a state dict. */
export class StateDictError extends TensorError {
  readonly code = "STATE_DICT";
}
/** An option or argument out of its range. */
export class ArgumentError extends TensorError {
  readonly code = "ARGUMENT";
}
/** An index beyond the size of the axis it selects from. */
export class IndexError extends TensorError {
  readonly code = "INDEX";
}
/** A file or data set that is missing or corrupt. */
export class DataError extends TensorError {
  readonly code = "DATA";
}
/** A matrix that a decomposition or a solution does not exist for: singular, not positive-definite, not finite. */
export class LinAlgError extends TensorError {
  readonly code = "LINALG";
}
