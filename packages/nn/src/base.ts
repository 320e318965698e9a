// Marked in package.json as a file with effects: the layers call methods, so whoever bundles one gets them. It is not named module.ts
// because ts.transpileModule, with which dependency-cruiser reads files, takes every file for a module.ts.
import "@descent/core/methods";
import {
  ArgumentError,
  type Backend,
  Buffer,
  DTYPES,
  type DType,
  DTypeError,
  isFloat,
  Parameter,
  setLocator,
  type Tensor,
  TensorError,
} from "@descent/core";
import { type Answer, answered, type Gradients, watched } from "./backward-hooks.ts";
import { listTree, snakeCase, tree } from "./repr.ts";
import { type LoadOptions, type LoadResult, load, type Slot, type StateDict } from "./state-dict.ts";

type AnyHook = (module: Module, inputs: readonly unknown[], output?: unknown) => unknown;
type BackwardHook = (module: Module, ...gradients: Gradients[]) => Answer;
/** Own fields, or the items of an array, by name. */
type Entries = Iterable<readonly [name: string | number, value: unknown]>;

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
  readonly #before = new Set<AnyHook>();
  readonly #after = new Set<AnyHook>();
  readonly #beforeBackward = new Set<BackwardHook>();
  readonly #afterBackward = new Set<BackwardHook>();

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
      if (!this.hasHooks) return this.forward(...(inputs as never[])) as ReturnType<this["forward"]>;
      let args: readonly unknown[] = inputs;
      for (const hook of this.#before) args = (hook(this, args) ?? args) as readonly unknown[];
      let output: unknown = this.#forward(args);
      for (const hook of this.#after) output = hook(this, args, output) ?? output;
      return output as ReturnType<this["forward"]>;
    } catch (error) {
      if (error instanceof TensorError) error.locate(running[0]!.#pathOf(this));
      throw error;
    } finally {
      running.pop();
    }
  }

  /**
   * @internal The class itself, where its modules keep no tensor that goes in or comes out. A subclass inherits it and is another class: what
   * that does is not known.
   */
  static readonly discreet?: unknown;

  /** @internal Whether somebody watches what goes in and out. */
  get hasHooks(): boolean {
    return this.#before.size + this.#after.size + this.#beforeBackward.size + this.#afterBackward.size > 0;
  }

  /** `forward`, watched by the backward hooks. */
  #forward(inputs: readonly unknown[]): unknown {
    const forward = (inputs: readonly unknown[]): unknown => this.forward(...(inputs as never[]));
    if (this.#beforeBackward.size + this.#afterBackward.size === 0) return forward(inputs);
    return watched(
      "registerFullBackwardHook",
      inputs,
      forward,
      (outputs) => {
        let gradients = outputs;
        for (const hook of this.#beforeBackward)
          gradients = answered("registerFullBackwardPreHook", hook(this, gradients), gradients);
        return gradients;
      },
      (inputs, outputs) => {
        let gradients = inputs;
        for (const hook of this.#afterBackward)
          gradients = answered("registerFullBackwardHook", hook(this, gradients, outputs), gradients);
        return gradients;
      },
    );
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
    return register(this.#before, hook as unknown as AnyHook);
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
    return register(this.#after, hook as unknown as AnyHook);
  }

  /**
   * Calls `hook` in backward passes, once the gradients of the outputs are known; an array that it returns replaces them. `null` stands
   * for no gradient. Returns a function that removes it.
   */
  registerFullBackwardPreHook<M extends Module>(
    this: M,
    hook: (module: M, outputGradients: Gradients) => Answer,
  ): () => void {
    return register(this.#beforeBackward, hook as unknown as BackwardHook);
  }

  /**
   * Calls `hook` in backward passes, once the gradients of the positional inputs are known, with those of the outputs; an array that it
   * returns replaces those of the inputs. `null` stands for no gradient. Returns a function that removes it.
   */
  registerFullBackwardHook<M extends Module>(
    this: M,
    hook: (module: M, inputGradients: Gradients, outputGradients: Gradients) => Answer,
  ): () => void {
    return register(this.#afterBackward, hook as unknown as BackwardHook);
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
    return this.#once((variable) => variable instanceof Parameter);
  }

  /** All buffers, each once. */
  buffers(): Buffer[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /** All buffers with their paths. */
  namedBuffers(): [path: string, buffer: Buffer][] {
    return this.#once((variable) => variable instanceof Buffer);
  }

  /** The modules in the fields of this one. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** The modules in the fields of this one with their names; those in arrays are `layers.0`, `layers.1`, … */
  namedChildren(): [name: string, child: Module][] {
    return [...childrenIn(this.members(), "")];
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
    const variable = this.slots().get(path)?.variable;
    if (variable instanceof Parameter) return variable;
    throw this.#nothingAt(path, "parameter");
  }

  /** The buffer at a path. */
  getBuffer(path: string): Buffer {
    const variable = this.slots().get(path)?.variable;
    if (variable instanceof Buffer) return variable;
    throw this.#nothingAt(path, "buffer");
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
    const variables = new Set([...this.slots().values()].map(({ variable }) => variable));
    const moves = [...variables].filter((variable) =>
      typeof target === "string" ? isFloat(variable.dtype) && variable.dtype !== target : variable.backend !== target,
    );
    checkTarget(target, moves);
    for (const variable of moves) variable.relocate(target);
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
    return tree(this.constructor.name, this.extraRepr(), [...printed(this.members())]);
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

  #pathOf(module: Module): string {
    const [path] = this.namedModules().find(([, other]) => other === module) ?? [""];
    const { name } = module.constructor;
    return path === "" ? name : `${path} (${name})`;
  }

  #once<T extends Tensor>(is: (variable: Tensor) => variable is T): [string, T][] {
    const found = new Map<T, string>();
    for (const [path, { variable }] of this.slots())
      if (is(variable) && !found.has(variable)) found.set(variable, path);
    return [...found].map(([variable, path]) => [path, variable]);
  }

  /** @internal All parameters and buffers by path, those of shared modules under every path, in the order of PyTorch's state dicts. */
  slots(): Map<string, Slot> {
    const slots = new Map<string, Slot>();
    const add = (path: string, variable: unknown, optional: boolean): void => {
      if (!(variable instanceof Parameter || variable instanceof Buffer)) return;
      if (slots.has(path))
        throw new ArgumentError(this.constructor.name, `two fields have the path "${path}"`, "rename one of them");
      slots.set(path, { variable, optional });
    };
    const visit = (entries: Entries, prefix: string, optional: readonly string[], outer: readonly Module[]): void => {
      const members = [...entries];
      // A module's own parameters come first, then its buffers, then what lies deeper.
      for (const kind of [Parameter, Buffer])
        for (const [name, value] of members)
          if (value instanceof kind) add(`${prefix}${name}`, value, optional.includes(String(name)));
      for (const [name, value] of members) {
        const path = `${prefix}${name}`;
        if (Array.isArray(value)) visit(value.entries(), `${path}.`, [], outer);
        if (!(value instanceof Module)) continue;
        if (outer.includes(value))
          throw new ArgumentError(
            value.constructor.name,
            `the module contains itself, at "${path}"`,
            "keep references to outer modules in #private fields",
          );
        visit(value.members(), `${path}.`, value.optionalState(), [...outer, value]);
      }
    };
    visit(this.members(), "", this.optionalState(), [this]);
    return slots;
  }
}

function register<A extends unknown[], R>(hooks: Set<(...args: A) => R>, hook: (...args: A) => R): () => void {
  // A wrapper of its own, so that the same function can be registered, and removed, twice.
  const own = (...args: A): R => hook(...args);
  hooks.add(own);
  return () => {
    hooks.delete(own);
  };
}

function* childrenIn(entries: Entries, prefix: string): Generator<[string, Module]> {
  for (const [name, value] of entries)
    if (value instanceof Module) yield [`${prefix}${name}`, value];
    else if (Array.isArray(value)) yield* childrenIn(value.entries(), `${prefix}${name}.`);
}

function* printed(entries: Entries): Generator<string> {
  for (const [name, value] of entries)
    if (value instanceof Module) yield `(${name}): ${value}`;
    else if (Array.isArray(value) && value.some((item) => item instanceof Module))
      yield `(${name}): ${listTree(value.map(String))}`;
}

function checkTarget(target: Backend | DType, moves: readonly Tensor[]): void {
  if (typeof target === "string" && !DTYPES.includes(target))
    throw new DTypeError("Module.to", `unknown dtype "${target}"`, "use float32 or float64");
  if (typeof target === "string" && !isFloat(target))
    throw new DTypeError("Module.to", `parameters cannot become ${target}`, "use float32 or float64");
  for (const { backend, dtype } of moves) {
    const [home, kind] = typeof target === "string" ? [backend, target] : [target, dtype];
    if (!home.dtypes.includes(kind))
      throw new DTypeError(
        "Module.to",
        `backend "${home.name}" has no ${kind}`,
        `use one of ${home.dtypes.join(", ")}`,
      );
  }
}
