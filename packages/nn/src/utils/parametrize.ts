import {
  ArgumentError,
  Buffer,
  noGrad,
  Parameter,
  ShapeError,
  sameShape,
  scope,
  show,
  type Tensor,
} from "@descent/core";
import { Module } from "../base.ts";
import { withDefaults } from "../options.ts";
import { snakeCase } from "../repr.ts";

/** Computes a weight from what is trained or saved in its place. */
export interface Parametrization extends Module {
  /** The weight, of the originals, or of what the parametrization before this one has made. */
  forward(...originals: Tensor[]): Tensor;
  /** The originals, one or several, that give a weight. Default: the weight itself. */
  rightInverse?(weight: Tensor): Tensor | readonly Tensor[];
}

type Variable = Parameter | Buffer;

/** The originals of one weight, and the parametrizations that make it of them, one after the other. */
class ParametrizationList extends Module {
  readonly originals: readonly Variable[];
  readonly steps: Parametrization[];

  constructor(originals: readonly Variable[], first: Parametrization) {
    super();
    this.originals = originals;
    this.steps = [first];
  }

  forward(): Tensor {
    const [first, ...others] = this.steps as [Parametrization, ...Parametrization[]];
    return others.reduce((weight, step) => step.call(weight), first.call(...this.originals));
  }

  /** PyTorch's names: `original`, or `original0`, `original1`, …, and the parametrizations by number. */
  protected override *members(): Iterable<readonly [name: string, value: unknown]> {
    const isOne = this.originals.length === 1;
    yield* this.originals.map((value, i) => [isOne ? "original" : `original${i}`, value] as const);
    yield* this.steps.map((step, i) => [`${i}`, step] as const);
  }
}

/** The parametrized weights of a module, by field. */
class Parametrizations extends Module {
  readonly #lists = new Map<string, ParametrizationList>();

  get lists(): Map<string, ParametrizationList> {
    return this.#lists;
  }

  forward(): never {
    throw new ArgumentError("Parametrizations", "it computes nothing", "call the module that it belongs to");
  }

  protected override *members(): Iterable<readonly [name: string, value: unknown]> {
    for (const [field, list] of this.#lists) yield [snakeCase(field), list];
  }
}

type Host = Module & { parametrizations?: Parametrizations } & Record<string, unknown>;

const listsOf = (module: Module): Map<string, ParametrizationList> | undefined => {
  const { parametrizations } = module as Host;
  return parametrizations instanceof Parametrizations ? parametrizations.lists : undefined;
};

/** Whether the field `name` of a module, or any, is parametrized. */
export function isParametrized(module: Module, name?: string): boolean {
  const lists = listsOf(module);
  return lists !== undefined && (name === undefined || lists.has(name));
}

/**
 * Lets `parametrization` compute the field `name` of a module whenever it is read, from originals that take its place among parameters and in
 * state dicts: `parametrizations.weight.original`. Of a field that has parametrizations, the new one comes last.
 *
 * With one original, the parameter object stays, so that optimizers go on; with several, they are new. Throws where the field holds
 * neither parameter nor buffer, or the weight would change its shape or dtype.
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: keyof M & string,
  parametrization: Parametrization,
): M {
  const op = "registerParametrization";
  const host = module as unknown as Host;
  const present = listsOf(module)?.get(name);
  const weight = host[name] as Tensor;
  if (present === undefined && !(weight instanceof Parameter || weight instanceof Buffer))
    throw new ArgumentError(op, `${module.constructor.name} has no parameter or buffer "${name}"`);
  const originals = scope(() =>
    noGrad(() => {
      const inverse = present ? weight : (parametrization.rightInverse?.(weight) ?? weight);
      const inputs = "shape" in inverse ? [inverse] : inverse;
      const { shape, dtype } = parametrization.call(...inputs);
      if (!sameShape(shape, weight.shape) || dtype !== weight.dtype)
        throw new ShapeError(
          op,
          `the parametrization makes ${dtype} ${show(shape)} of "${name}", which is ${weight.dtype} ${show(weight.shape)}`,
          "keep shape and dtype",
        );
      return present ? [] : originalsOf(weight as Variable, inputs);
    }),
  );
  if (present !== undefined) {
    present.steps.push(parametrization);
    return module;
  }
  const list = new ParametrizationList(originals, parametrization).train(module.training);
  if (!isParametrized(module)) host.parametrizations = new Parametrizations();
  listsOf(module)!.set(name, list);
  // Not enumerable, and so neither parameter nor buffer.
  Object.defineProperty(module, name, { get: () => list.call(), enumerable: false, configurable: true });
  return module;
}

/** Variables like `weight` with some values; where there is one of the same shape, `weight` itself. */
function originalsOf(weight: Variable, values: readonly Tensor[]): Variable[] {
  const [only] = values;
  if (values.length === 1 && sameShape(only!.shape, weight.shape) && only!.dtype === weight.dtype) {
    weight.assign(only!);
    return [weight];
  }
  return values.map((value) => like(weight, value));
}

const like = (weight: Variable, value: Tensor): Variable =>
  weight instanceof Parameter ? new Parameter(value, weight) : new Buffer(value);

/** Options of `removeParametrizations`. */
export interface RemoveParametrizationsOptions {
  /** Whether the field keeps the value that the parametrizations gave it, or gets back its only original. Default true. */
  readonly leaveParametrized?: boolean;
}

/** Makes the field `name` of a module an ordinary parameter or buffer again. */
export function removeParametrizations<M extends Module>(
  module: M,
  name: keyof M & string,
  options: RemoveParametrizationsOptions = {},
): M {
  const op = "removeParametrizations";
  const { leaveParametrized } = withDefaults(op, options, { leaveParametrized: true });
  const lists = listsOf(module);
  const list = lists?.get(name);
  if (lists === undefined || list === undefined)
    throw new ArgumentError(op, `"${name}" of ${module.constructor.name} is not parametrized`);
  const { originals } = list;
  if (!leaveParametrized && originals.length > 1)
    throw new ArgumentError(
      op,
      `"${name}" has ${originals.length} originals, none of which is the weight`,
      "leave it parametrized",
    );
  const first = originals[0]!;
  const value = scope(() => {
    if (!leaveParametrized) return first;
    const weight = noGrad(() => list.call());
    return originals.length > 1 ? like(first, weight) : originalsOf(first, [weight])[0];
  });
  Object.defineProperty(module, name, { value, enumerable: true, configurable: true, writable: true });
  lists.delete(name);
  if (lists.size === 0) delete (module as unknown as Host).parametrizations;
  return module;
}

/** `removeParametrizations` of one kind, under its own name. */
export const remover =
  (op: string) =>
  <M extends Module>(module: M, options: { readonly name?: string } = {}): M =>
    removeParametrizations(module, withDefaults(op, options, { name: "weight" }).name as keyof M & string);
