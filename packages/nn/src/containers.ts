import { ArgumentError, Parameter } from "@descent/core";
import { Module } from "./base.ts";
import { checkName, position } from "./names.ts";
import { listTree } from "./repr.ts";

type Kind<T> = abstract new (...args: never[]) => T;

/** A module that holds others, or parameters, for the module around it, and computes nothing itself. */
abstract class Container<T> extends Module {
  readonly #kind: Kind<T>;

  protected constructor(kind: Kind<T>) {
    super();
    this.#kind = kind;
  }

  forward(): never {
    throw new ArgumentError(this.constructor.name, "it computes nothing", "call what it holds");
  }

  /** @internal What it holds, by name. */
  protected abstract held(): Iterable<readonly [name: string | number, item: T]>;

  /** @internal The item, if it is one of its kind. */
  protected check(item: T): T {
    if (!(item instanceof this.#kind))
      throw new ArgumentError(this.constructor.name, `expected a ${this.#kind.name}, got ${item}`);
    return item;
  }

  protected override *members(): Iterable<readonly [name: string, value: unknown]> {
    yield* super.members();
    for (const [name, item] of this.held()) yield [String(name), item];
  }

  protected override extraRepr(): string {
    const parameters = [...this.held()].filter(
      (entry): entry is [string, T & Parameter] => entry[1] instanceof Parameter,
    );
    return parameters
      .map(
        ([name, { dtype, shape }]) => `  (${name}): Parameter containing: [torch.${dtype} of size ${shape.join("x")}]`,
      )
      .join("\n");
  }
}

abstract class List<T> extends Container<T> {
  readonly #items: T[] = [];

  protected constructor(kind: Kind<T>, items: Iterable<T>) {
    super(kind);
    this.extend(items);
  }

  get length(): number {
    return this.#items.length;
  }

  /** The item at a position. This and other positions count from the end where they are negative. */
  at(index: number): T {
    return this.#items[this.#place("at", index)]!;
  }

  /** Puts an item in the place of another. */
  set(index: number, item: T): this {
    this.#items[this.#place("set", index)] = this.check(item);
    return this;
  }

  /** Adds an item at the end. */
  append(item: T): this {
    return this.extend([item]);
  }

  /** Adds items at the end. */
  extend(items: Iterable<T>): this {
    this.#items.push(...[...items].map((item) => this.check(item)));
    return this;
  }

  /** Adds an item before that at a position, or at the end. */
  insert(index: number, item: T): this {
    this.#items.splice(this.#place("insert", index, this.length), 0, this.check(item));
    return this;
  }

  /** Takes out and returns the item at a position, by default the last one. */
  pop(index = -1): T {
    return this.#items.splice(this.#place("pop", index), 1)[0]!;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  protected override held(): Iterable<readonly [name: number, item: T]> {
    return this.#items.entries();
  }

  #place(method: string, index: number, last?: number): number {
    return position(`${this.constructor.name}.${method}`, index, this.length, last);
  }
}

/** Modules by position, whose names are `0`, `1`, … */
export class ModuleList<M extends Module = Module> extends List<M> {
  constructor(modules: Iterable<M> = []) {
    super(Module as Kind<M>, modules);
  }

  override toString(): string {
    return listTree([...this].map(String), this.constructor.name);
  }
}

/** Parameters by position, whose names are `0`, `1`, … */
export class ParameterList extends List<Parameter> {
  constructor(parameters: Iterable<Parameter> = []) {
    super(Parameter, parameters);
  }
}

abstract class Dict<T> extends Container<T> {
  readonly #items = new Map<string, T>();

  protected constructor(kind: Kind<T>, items: Readonly<Record<string, T>>) {
    super(kind);
    this.update(items);
  }

  get size(): number {
    return this.#items.size;
  }

  has(key: string): boolean {
    return this.#items.has(key);
  }

  /** The item of a key. Throws if there is none. */
  get(key: string): T {
    const item = this.#items.get(key);
    if (item === undefined)
      throw new ArgumentError(
        this.constructor.name,
        `there is no "${key}"`,
        `its keys are ${[...this.#items.keys()].join(", ") || "none"}`,
      );
    return item;
  }

  /** Adds an item under a key, or puts it in the place of another. */
  set(key: string, item: T): this {
    checkName(this.constructor.name, key);
    this.#items.set(key, this.check(item));
    return this;
  }

  /** Sets items under their keys. */
  update(items: Readonly<Record<string, T>>): this {
    for (const [key, item] of Object.entries(items)) this.set(key, item);
    return this;
  }

  /** Takes out and returns the item of a key. */
  pop(key: string): T {
    const item = this.get(key);
    this.#items.delete(key);
    return item;
  }

  clear(): void {
    this.#items.clear();
  }

  keys(): IterableIterator<string> {
    return this.#items.keys();
  }

  values(): IterableIterator<T> {
    return this.#items.values();
  }

  entries(): IterableIterator<[key: string, item: T]> {
    return this.#items.entries();
  }

  [Symbol.iterator](): IterableIterator<[key: string, item: T]> {
    return this.#items.entries();
  }

  protected override held(): Iterable<readonly [name: string, item: T]> {
    return this.#items;
  }
}

/** Modules by key. The keys are their names as they are. */
export class ModuleDict<M extends Module = Module> extends Dict<M> {
  constructor(modules: Readonly<Record<string, M>> = {}) {
    super(Module as Kind<M>, modules);
  }
}

/** Parameters by key. The keys are their names as they are. */
export class ParameterDict extends Dict<Parameter> {
  constructor(parameters: Readonly<Record<string, Parameter>> = {}) {
    super(Parameter, parameters);
  }
}
