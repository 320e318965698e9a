import { ArgumentError, type Tensor } from "@descent/core";
import { ReLU } from "./activation.ts";
import { Module } from "./base.ts";
import { Linear } from "./linear.ts";
import { checkName, position } from "./names.ts";
import { snakeCase } from "./repr.ts";

/** A module that maps one tensor to one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/**
 * Layers one after the other: each gets what the one before returned.
 *
 * Takes the layers as arguments, as an array, or as an object whose keys name them; otherwise their names are `0`, `1`, …
 */
export class Sequential extends Module {
  readonly #names: string[] = [];
  readonly #order: Layer[] = [];

  constructor(...layers: readonly Layer[]);
  constructor(layers: readonly Layer[] | Readonly<Record<string, Layer>>);
  constructor(...given: readonly unknown[]) {
    super();
    const source = given.length === 1 && !(given[0] instanceof Module) ? (given[0] as object) : given;
    for (const [name, layer] of Object.entries(source)) this.#add(snakeCase(name), layer as Layer, this.length);
  }

  get length(): number {
    return this.#order.length;
  }

  /** Adds a layer at the end, named after its position. */
  append(layer: Layer): this {
    return this.#add(String(this.length), layer, this.length);
  }

  /** Adds layers at the end, named after their positions. */
  extend(layers: Iterable<Layer>): this {
    for (const layer of layers) this.append(layer);
    return this;
  }

  /** Adds a layer before that at a position, or at the end. Only where layers are named after their positions: those behind it move. */
  insert(index: number, layer: Layer): this {
    const { length } = this;
    const at = position("Sequential.insert", index, length, length);
    const named = this.#names.find((name, i) => name !== String(i));
    if (named !== undefined)
      throw new ArgumentError("Sequential.insert", `the layer "${named}" has a name of its own`, "append() the layer");
    return this.#add(String(length), layer, at);
  }

  /** The layer at a position, which counts from the end where it is negative. */
  at(index: number): Layer {
    return this.#order[position("Sequential.at", index, this.length)]!;
  }

  [Symbol.iterator](): IterableIterator<Layer> {
    return this.#order.values();
  }

  forward(x: Tensor): Tensor {
    let y = x;
    // What only this loop has ever held is freed as soon as it has been used, before a collector could find it.
    let isUnseen = false;
    const layers = this.#order;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[i]!;
      const before = y;
      if (is(layer, Linear) && is(layers[i + 1], ReLU)) {
        y = layer.call(before, "relu");
        i++;
      } else y = layer.call(before);
      const isQuiet = keepsNothing(layer);
      if (isUnseen && isQuiet && y !== before) before.dispose();
      isUnseen = isQuiet && (isUnseen || y !== before);
    }
    return y;
  }

  protected override *members(): Iterable<readonly [name: string, value: unknown]> {
    yield* super.members();
    for (const [i, layer] of this.#order.entries()) yield [this.#names[i]!, layer];
  }

  #add(name: string, layer: Layer, at: number): this {
    if (!(layer instanceof Module)) throw new ArgumentError("Sequential", `layer "${name}" is no module`);
    checkName("Sequential", name);
    this.#names.push(name);
    this.#order.splice(at, 0, layer);
    return this;
  }
}

/** Whether a call of the layer does what its class does, and nobody watches: then it may be computed together with its neighbour. */
const is = <L extends Layer>(layer: Layer | undefined, kind: abstract new (...args: never[]) => L): layer is L =>
  layer instanceof kind &&
  layer.forward === kind.prototype.forward &&
  layer.call === Module.prototype.call &&
  !layer.hasHooks;

/** @internal Whether nobody can have got hold of what goes into a layer and comes out of it. */
export const keepsNothing = (layer: Module): boolean =>
  !layer.hasHooks &&
  layer.call === Module.prototype.call &&
  (layer.constructor === Sequential
    ? [...(layer as Sequential)].every(keepsNothing)
    : (layer.constructor as { discreet?: typeof Module }).discreet?.prototype.forward === layer.forward);
