// Marked in package.json as a file with effects: the layers call methods, so whoever bundles one gets them. It is not named module.ts
// because ts.transpileModule, with which dependency-cruiser reads files, takes every file for a module.ts.
import "@descent/core/methods";
import {
  ArgumentError,
  type Backend,
  Buffer,
  type DType,
  Parameter,
  setLocator,
  type Tensor,
  TensorError,
} from "@descent/core";
import { type Answer, type Gradients, Hooks, register } from "./hooks.ts";
import { relocate } from "./placement.ts";
import { listTree, snakeCase, tree } from "./repr.ts";
import { type LoadOptions, type LoadResult, load, type Slot, type StateDict } from "./state-dict.ts";

/** A field of a module, or an item of an array, by name. */
type Entry = readonly [name: string | number, value: unknown];
type Entries = Iterable<Entry>;

/** The modules whose `call` has begun and not ended, the innermost last. */
const running: Module[] = [];

/**
 * The base of layers and models: state in public fields, mathematics in `forward`.
 *
 * A public field that holds a `Parameter`, a `Buffer`, a `Module` or an array of these is registered. Its path is spelled as in PyTorch:
 * the field `runningMean` of the first layer is `0.running_mean`. Configuration belongs in `#private` fields.
 */
export abstract class Module {
  /** Whether layers behave as in training: dropout drops, batch normalisation looks at the batch. Set by `train()` and `eval()`. */
  training = true;
  readonly #hooks = new Hooks();

  static {
    setLocator(() => {
      const [root] = running;
      const innermost = running.at(-1);
      return root && innermost ? () => root.#pathOf(innermost) : null;
    });
  }

  /** The function that the module computes. Users go through `call`, which runs the hooks and knows the place in the model. */
  abstract forward(...inputs: never[]): unknown;

  /** Runs the module. Errors of the library name the path of the innermost module that was running. */
  call(...inputs: Parameters<this["forward"]>): ReturnType<this["forward"]> {
    running.push(this);
    try {
      const output = this.hasHooks ? this.#hooks.run(this, inputs) : this.forward(...(inputs as never[]));
      return output as ReturnType<this["forward"]>;
    } catch (error) {
      if (error instanceof TensorError) error.locate(running[0]!.#pathOf(this));
      throw error;
    } finally {
      running.pop();
    }
  }

  /**
   * @internal A class whose `forward` keeps no tensor that goes in or comes out. A subclass inherits it; what a `forward` of its own does is
   * not known.
   */
  static readonly discreet?: unknown;

  /** @internal Whether somebody watches what goes in and out. */
  get hasHooks(): boolean {
    return this.#hooks.size > 0;
  }

  /** @internal Whether a call of the module has begun and not ended. */
  get isRunning(): boolean {
    return running.includes(this);
  }

  /** Calls `hook` before every `forward`; an array that it returns replaces the inputs. Returns a function that removes it. */
  registerForwardPreHook<M extends Module>(
    this: M,
    hook: (module: M, inputs: Parameters<M["forward"]>) => readonly [...Parameters<M["forward"]>] | undefined,
  ): () => void {
    return register(this.#hooks.before, hook);
  }

  /** Calls `hook` after every `forward`; what it returns replaces the output. Returns a function that removes it. */
  registerForwardHook<M extends Module>(
    this: M,
    hook: (
      module: M,
      inputs: Parameters<M["forward"]>,
      output: ReturnType<M["forward"]>,
    ) => ReturnType<M["forward"]> | undefined,
  ): () => void {
    return register(this.#hooks.after, hook);
  }

  /**
   * Calls `hook` in backward passes, once the gradients of the outputs are known; an array that it returns replaces them. `null` stands
   * for no gradient. Returns a function that removes it.
   */
  registerFullBackwardPreHook<M extends Module>(
    this: M,
    hook: (module: M, outputGradients: Gradients) => Answer,
  ): () => void {
    return register(this.#hooks.beforeBackward, hook);
  }

  /**
   * Calls `hook` in backward passes, once the gradients of the positional inputs are known, with those of the outputs; an array that it
   * returns replaces those of the inputs. `null` stands for no gradient. Returns a function that removes it.
   */
  registerFullBackwardHook<M extends Module>(
    this: M,
    hook: (module: M, inputGradients: Gradients, outputGradients: Gradients) => Answer,
  ): () => void {
    return register(this.#hooks.afterBackward, hook);
  }

  /** Puts the module and everything in it into training mode, or out of it. */
  train(mode = true): this {
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /** Puts the module and everything in it into evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** All parameters, each once: a model's trainable state. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** All parameters with their paths. One that is used in several places appears under its first path. */
  namedParameters(): [path: string, parameter: Parameter][] {
    return this.#once(Parameter);
  }

  /** All buffers, each once. */
  buffers(): Buffer[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /** All buffers with their paths. */
  namedBuffers(): [path: string, buffer: Buffer][] {
    return this.#once(Buffer);
  }

  /** The modules in the fields of this one. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** The modules in the fields of this one with their names; those in arrays are `layers.0`, `layers.1`, … */
  namedChildren(): [name: string, child: Module][] {
    return childrenIn(this.members());
  }

  /** This module and all in it, each once, outer ones first. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** This module, whose path is empty, and all in it with their paths, each once, outer ones first. */
  namedModules(): [path: string, module: Module][] {
    const found = new Map<Module, string>();
    const visit = (module: Module, path: string): void => {
      if (found.has(module)) return;
      found.set(module, path);
      for (const [name, child] of module.namedChildren()) visit(child, path === "" ? name : `${path}.${name}`);
    };
    visit(this, "");
    return [...found].map(([module, path]) => [path, module]);
  }

  /** The module at a path, such as `layer1.0.conv2`; the empty path is that of this one. */
  getSubmodule(path: string): Module {
    if (path === "") return this;
    for (const [name, child] of this.namedChildren())
      if (path === name || path.startsWith(`${name}.`)) return child.getSubmodule(path.slice(name.length + 1));
    throw this.#nothingAt(path, "module");
  }

  /** The parameter at a path. */
  getParameter(path: string): Parameter {
    return this.#variableAt(path, Parameter, "parameter");
  }

  /** The buffer at a path. */
  getBuffer(path: string): Buffer {
    return this.#variableAt(path, Buffer, "buffer");
  }

  /** Calls `fn` with every module in this one, inner ones first, and with this one last. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Lets all parameters ask for gradients, or freezes them. */
  setRequiresGrad(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * Moves parameters and buffers to another backend, or converts the floating ones to another floating dtype. In place: optimizers that
   * hold the parameters go on.
   */
  to(target: Backend | DType): this {
    relocate(new Set([...this.slots().values()].map(({ variable }) => variable)), target);
    return this;
  }

  /**
   * The values of all parameters and buffers by path; one that is used in several places appears under each of its paths.
   *
   * They are snapshots, unlike in PyTorch: later training steps do not change them, and no copy is made before.
   */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries([...this.slots()].map(([path, { variable }]) => [path, variable.detach()]));
  }

  /**
   * Takes over the values of a state dict, given as an object or as pairs, in the dtype and on the backend of the module.
   *
   * Throws a StateDictError that lists all entries that are missing, unexpected, misshapen or of another kind of dtype, and changes
   * nothing then. With `strict: false`, what is missing or unexpected is skipped and returned.
   */
  loadStateDict(
    stateDict: StateDict | Iterable<readonly [name: string, value: Tensor]>,
    options: LoadOptions = {},
  ): LoadResult {
    const pairs = Symbol.iterator in stateDict ? stateDict : Object.entries(stateDict);
    return load(this.constructor.name, this.slots(), new Map(pairs as Iterable<readonly [string, Tensor]>), options);
  }

  /** The tree of modules, as PyTorch prints it. */
  toString(): string {
    return tree(this.constructor.name, this.extraRepr(), [...this.members()].flatMap(printed));
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** What stands between the parentheses when the module is printed. */
  protected extraRepr(): string {
    return "";
  }

  /** The fields among which parameters, buffers and modules are looked for, under the names they get in paths. */
  protected members(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this).map(([field, value]) => [snakeCase(field), value] as const);
  }

  /** Names of members that state dicts of older versions lack; `loadStateDict` keeps their values then. */
  protected optionalState(): readonly string[] {
    return [];
  }

  #nothingAt(path: string, kind: string): ArgumentError {
    return new ArgumentError(
      this.constructor.name,
      `there is no ${kind} "${path}"`,
      "names are spelled as in stateDict()",
    );
  }

  #variableAt<T extends Tensor>(path: string, Kind: abstract new (...args: never[]) => T, kind: string): T {
    const variable = this.slots().get(path)?.variable;
    if (variable instanceof Kind) return variable;
    throw this.#nothingAt(path, kind);
  }

  #pathOf(module: Module): string {
    const [path] = this.namedModules().find(([, other]) => other === module) ?? [""];
    const { name } = module.constructor;
    return path === "" ? name : `${path} (${name})`;
  }

  #once<T extends Tensor>(Kind: abstract new (...args: never[]) => T): [string, T][] {
    const found = new Map<T, string>();
    for (const [path, { variable }] of this.slots())
      if (variable instanceof Kind && !found.has(variable)) found.set(variable, path);
    return [...found].map(([variable, path]) => [path, variable]);
  }

  /** @internal All parameters and buffers by path, those of shared modules under every path, in the order of PyTorch's state dicts. */
  slots(): Map<string, Slot> {
    const slots = new Map<string, Slot>();
    const visit = (owner: Module | readonly unknown[], prefix: string, outer: readonly unknown[]): void => {
      if (outer.includes(owner))
        throw new ArgumentError(
          owner.constructor.name,
          `the module contains itself, at "${prefix.slice(0, -1)}"`,
          "keep references to outer modules in #private fields",
        );
      const [members, optional]: [Entries, readonly string[]] =
        owner instanceof Module ? [[...owner.members()], owner.optionalState()] : [[...owner.entries()], []];
      // A module's own parameters come first, then its buffers, then what lies deeper.
      for (const Kind of [Parameter, Buffer])
        for (const [name, variable] of members) {
          if (!(variable instanceof Kind)) continue;
          const path = `${prefix}${name}`;
          if (slots.has(path))
            throw new ArgumentError(this.constructor.name, `two fields have the path "${path}"`, "rename one of them");
          slots.set(path, { variable, optional: optional.includes(String(name)) });
        }
      for (const [name, value] of members)
        if (value instanceof Module || Array.isArray(value)) visit(value, `${prefix}${name}.`, [...outer, owner]);
    };
    visit(this, "", []);
    return slots;
  }
}

const childrenIn = (entries: Entries, prefix = ""): [string, Module][] =>
  [...entries].flatMap(([name, value]): [string, Module][] => {
    const path = `${prefix}${name}`;
    if (value instanceof Module) return [[path, value]];
    return Array.isArray(value) ? childrenIn(value.entries(), `${path}.`) : [];
  });

function printed([name, value]: Entry): string[] {
  if (value instanceof Module) return [`(${name}): ${value}`];
  const isList = Array.isArray(value) && value.some((item) => item instanceof Module);
  return isList ? [`(${name}): ${listTree(value.map(String))}`] : [];
}
