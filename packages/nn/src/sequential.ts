import { ArgumentError, IndexError, type Tensor } from "@descent/core";
import { ReLU } from "./activation.ts";
import { Module } from "./base.ts";
import { Linear } from "./linear.ts";
import { snakeCase } from "./repr.ts";

/** A module that maps one tensor to one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/**
 * Layers one after the other: each gets what the one before returned.
 *
 * Takes the layers as arguments, as an array, or as an object whose keys name them; otherwise their names are `0`, `1`, …
 */
export class Sequential extends Module {
  readonly #layers: ReadonlyMap<string, Layer>;
  readonly #order: readonly Layer[];

  constructor(...layers: readonly Layer[]);
  constructor(layers: readonly Layer[] | Readonly<Record<string, Layer>>);
  constructor(...given: readonly unknown[]) {
    super();
    const source = given.length === 1 && !(given[0] instanceof Module) ? (given[0] as object) : given;
    const layers = Object.entries(source).map(([name, layer]) => [snakeCase(name), layer as Layer] as const);
    for (const [name, layer] of layers) {
      if (!(layer instanceof Module)) throw new ArgumentError("Sequential", `layer "${name}" is no module`);
      if (name === "" || name.includes("."))
        throw new ArgumentError("Sequential", `"${name}" cannot name a layer`, "use a name without dots");
    }
    this.#layers = new Map(layers);
    this.#order = [...this.#layers.values()];
  }

  get length(): number {
    return this.#layers.size;
  }

  /** The layer at a position, which counts from the end where it is negative. */
  at(index: number): Layer {
    const layer = this.#order.at(index);
    if (layer === undefined || !Number.isInteger(index))
      throw new IndexError("Sequential.at", `there is no layer ${index} among ${this.length}`);
    return layer;
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
    yield* this.#layers;
  }
}

/** Whether a call of the layer does what its class does, and nobody watches: then it may be computed together with its neighbour. */
const is = <L extends Layer>(layer: Layer | undefined, kind: abstract new (...args: never[]) => L): layer is L =>
  layer !== undefined &&
  layer.forward === kind.prototype.forward &&
  layer.call === Module.prototype.call &&
  !layer.hasHooks;

/** Whether nobody can have got hold of what goes into a layer and comes out of it. */
const keepsNothing = (layer: Layer): boolean =>
  !layer.hasHooks &&
  layer.call === Module.prototype.call &&
  (layer.constructor === Sequential
    ? [...(layer as Sequential)].every(keepsNothing)
    : (layer.constructor as typeof Module).discreet === layer.constructor &&
      layer.forward === (layer.constructor.prototype as Layer).forward);
