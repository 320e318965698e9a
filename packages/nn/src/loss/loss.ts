import {
  ArgumentError,
  Buffer,
  DTypeError,
  type Reduction,
  ShapeError,
  sameShape,
  scope,
  show,
  Tensor,
} from "@descent/core";
import { Module } from "../base.ts";
import { oneOf, withDefaults } from "../options.ts";

/** Options of most losses. */
export interface LossOptions {
  /** `"mean"`, the default, `"sum"`, or `"none"` for one loss per element or sample. */
  readonly reduction?: Reduction;
}

/** What most losses compare. */
type Pair = [x: Tensor, target: Tensor];

/** A loss as a function. */
export interface LossFunction<O extends object, I extends readonly unknown[] = Pair> {
  (...inputs: [...I, options?: O]): Tensor;
  /** @internal Reads options for whoever bears the name `op`, the function or the class. */
  readonly read: (op: string, options?: O) => Required<O>;
  /** @internal The loss under options that have been read. */
  readonly run: (settings: Required<O>, inputs: I) => Tensor;
}

/**
 * Makes a loss of what it costs each element or sample, which is reduced as the options say; a scalar is all there is to it.
 *
 * The one place for defaults and checks of its options.
 */
export function loss<O extends { readonly reduction?: string } = LossOptions, I extends readonly unknown[] = Pair>(
  op: string,
  defaults: Required<Omit<O, "reduction">>,
  losses: (settings: Required<O>, ...inputs: I) => Tensor,
  check?: (op: string, settings: Required<O>) => void,
  reductions: readonly string[] = ["mean", "sum", "none"],
): LossFunction<O, I> {
  const read = (op: string, options = {} as O): Required<O> => {
    const settings = withDefaults(op, options, { reduction: "mean", ...defaults } as unknown as Required<O>);
    oneOf<string>(op, "reduction", settings.reduction!, reductions);
    check?.(op, settings);
    return settings;
  };
  const count = losses.length - 1;
  const run = (settings: Required<O>, inputs: I): Tensor =>
    scope(() => reduce(losses(settings, ...inputs), settings.reduction!));
  const compute = (...args: [...I, options?: O]): Tensor =>
    run(read(op, args[count] as O | undefined), args.slice(0, count) as unknown as I);
  return Object.assign(compute, { read, run });
}

const reduce = (losses: Tensor, reduction: string): Tensor =>
  reduction === "none" || losses.ndim === 0 ? losses : reduction === "sum" ? losses.sum() : losses.mean();

/**
 * A loss as a module. What is neither number, word nor truth among its options is a field: a module, a tensor as a buffer, or the `null` in
 * its place.
 */
export abstract class Loss<O extends object = LossOptions, I extends readonly unknown[] = Pair> extends Module {
  readonly #loss: LossFunction<O, I>;
  readonly #options: Required<O>;

  /** The function that the module calls, and the options with which it does. */
  protected constructor(loss: LossFunction<O, I>, settings: Required<O>) {
    super();
    const held = Object.entries(settings).filter(([, value]) => /object|function/.test(typeof value));
    const fields = Object.fromEntries(held.map(([name, x]) => [name, x instanceof Tensor ? new Buffer(x) : x])) as O;
    Object.assign(this, fields);
    this.#loss = loss;
    this.#options = { ...settings, ...fields };
  }

  forward(...inputs: I): Tensor {
    return this.#loss.run(this.#options, inputs);
  }

  protected get options(): Required<O> {
    return this.#options;
  }
}

/** The base class of a loss with a name of its own. */
export const lossClass = <O extends object, I extends readonly unknown[]>(
  name: string,
  loss: LossFunction<O, I>,
): (new (
  options?: O,
) => Loss<O, I>) =>
  class extends Loss<O, I> {
    constructor(options?: O) {
      super(loss, loss.read(name, options));
    }
  };

/** Throws where a target has not the shape of the input. */
export function checkSame(op: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(
      op,
      `the input ${show(x.shape)} and the target ${show(target.shape)} differ`,
      "reshape() one of them",
    );
}

/** Throws where tensors have different numbers of axes. */
export function checkAxes(op: string, names: string, tensors: readonly Tensor[]): void {
  if (tensors.some(({ ndim }) => ndim !== tensors[0]!.ndim))
    throw new ShapeError(
      op,
      `${names} ${tensors.map((x) => show(x.shape)).join(", ")} have different numbers of axes`,
      "reshape() them",
    );
}

/** Throws unless the targets are classes. */
export function checkInt32(op: string, { dtype }: Tensor): void {
  if (dtype !== "int32") throw new DTypeError(op, `the classes have dtype ${dtype}`, 'convert them with .to("int32")');
}

/** Throws unless `value` is above `limit`, or at it where `orEqual` says so. */
export function checkAbove(op: string, name: string, value: number, limit: number, orEqual = false): void {
  if (!(value > limit || (orEqual && value === limit)))
    throw new ArgumentError(op, `${name} must be ${orEqual ? "at least" : "above"} ${limit}, got ${value}`);
}

/** Throws where an element is not as it should be; devices that cannot be waited for are not asked. */
export function checkElements(
  op: string,
  x: Tensor,
  isRight: (value: number) => boolean,
  problem: string,
  remedy: string,
): void {
  const wrong = x.backend.synchronous ? x.dataSync().find((value) => !isRight(value)) : undefined;
  if (wrong !== undefined) throw new ArgumentError(op, `${problem}, got ${wrong}`, remedy);
}
