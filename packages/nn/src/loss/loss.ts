import { ArgumentError, Buffer, type Reduction, ShapeError, sameShape, show, Tensor } from "@descent/core";
import { Module } from "../base.ts";
import { oneOf, withDefaults } from "../options.ts";

/** Options of most losses. */
export interface LossOptions {
  /** `"mean"`, the default, `"sum"`, or `"none"` for one loss per element or sample. */
  readonly reduction?: Reduction;
}

/** The options of a loss in full. */
export type Settings<O> = Required<O>;

/** Reads the options of a loss for whoever bears the name `op`, the function or the class. */
export type Reader<O> = (op: string, options?: O) => Settings<O>;

/** What reads the options of a loss: the one place for its defaults and checks. */
export const reader =
  <O extends { readonly reduction?: string }>(
    defaults: Required<O>,
    check?: (op: string, options: Required<O>) => void,
    words: readonly string[] = ["mean", "sum", "none"],
  ): Reader<O> =>
  (op, options = {} as O) => {
    const settings = withDefaults(op, options, defaults);
    oneOf<string>(op, "reduction", settings.reduction!, words);
    check?.(op, settings);
    return settings;
  };

/** Losses that know no option but the reduction. */
export const readReduction = reader<LossOptions>({ reduction: "mean" });

/** A loss as a module. Tensors among its options are its buffers, which a subclass names in fields. */
export abstract class Loss<
  O extends object = LossOptions,
  I extends readonly unknown[] = [x: Tensor, target: Tensor],
> extends Module {
  readonly #loss: (...inputs: [...I, options: Settings<O>]) => Tensor;
  readonly #options: Settings<O>;

  /** The function that the module calls, and the options with which it does. */
  protected constructor(loss: (...inputs: [...I, options: Settings<O>]) => Tensor, settings: Settings<O>) {
    super();
    const owned = Object.entries(settings).map(([name, v]) => [name, v instanceof Tensor ? new Buffer(v) : v]);
    this.#loss = loss;
    this.#options = Object.fromEntries(owned) as Settings<O>;
  }

  forward(...inputs: I): Tensor {
    return this.#loss(...inputs, this.#options);
  }

  protected get options(): Settings<O> {
    return this.#options;
  }
}

/** What the losses of elements or samples come to. */
export const reduce = (losses: Tensor, reduction: Reduction): Tensor =>
  reduction === "none" ? losses : reduction === "mean" ? losses.mean() : losses.sum();

/** Throws where a target has not the shape of the input. */
export function checkSame(op: string, x: Tensor, target: Tensor): void {
  if (!sameShape(x.shape, target.shape))
    throw new ShapeError(
      op,
      `the input ${show(x.shape)} and the target ${show(target.shape)} differ`,
      "reshape() one of them",
    );
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
