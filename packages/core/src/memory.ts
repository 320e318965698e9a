import type { Backend } from "./backend.ts";
import { rejectPromise } from "./backend.ts";

/**
 * Elements on a backend, shared by tensors and by what the tape saved.
 *
 * Owners are counted where the library alone holds them; what user code drops without `dispose()` is left to the garbage collector,
 * so a count may stay above the truth and never falls below it.
 */
export class Storage {
  private owners = 1;

  constructor(
    readonly backend: Backend,
    readonly handle: unknown,
  ) {}

  retain(): this {
    this.owners++;
    return this;
  }

  release(): void {
    if (--this.owners === 0) this.backend.free(this.handle);
  }

  /** Whether a kernel may write here: nobody else would see it. */
  get exclusive(): boolean {
    return this.owners === 1;
  }
}

/** What a scope frees when it ends. */
export interface Scoped {
  /** Set on what outlives every scope because a field owns it: parameters, gradients, optimizer state. */
  readonly kept: boolean;
  dispose(): void;
}

let open: Scoped[] | null = null;

/** Adds a new tensor to the innermost scope, if there is one. */
export const enroll = (tensor: Scoped): void => {
  open?.push(tensor);
};

/**
 * Runs a synchronous `fn` and frees every tensor that was made in it, except those it returns (also inside arrays and plain objects),
 * parameters, gradients and optimizer state. Nobody has to call this: it saves the last few percent.
 */
export function scope<T>(fn: () => T): T {
  const outer = open;
  const made: Scoped[] = [];
  open = made;
  let result: T | undefined;
  try {
    result = rejectPromise("scope", fn());
    return result;
  } finally {
    open = outer;
    close(made, outer, result);
  }
}

/** @internal As `scope`, for what returns a plain list of tensors. */
export function passOn<T extends Scoped>(fn: () => readonly T[]): readonly T[] {
  const outer = open;
  const made: Scoped[] = [];
  open = made;
  let results: readonly Scoped[] = NOTHING;
  try {
    const list = fn();
    results = list;
    return list;
  } finally {
    open = outer;
    for (let i = 0; i < made.length; i++) {
      const tensor = made[i]!;
      if (results.includes(tensor)) outer?.push(tensor);
      else if (!tensor.kept) tensor.dispose();
    }
  }
}

const NOTHING: readonly Scoped[] = [];

/** @internal Runs `fn` and frees every tensor that was made in it; what its caller is to own must be an alias. */
export const sweep = <T>(fn: () => T): T => {
  const outer = open;
  const made: Scoped[] = [];
  open = made;
  try {
    return fn();
  } finally {
    open = outer;
    for (let i = 0; i < made.length; i++) if (!made[i]!.kept) made[i]!.dispose();
  }
};

/** @internal Runs `fn`, which makes one tensor and nothing on the way, and leaves it to the caller instead of the innermost scope. */
export function unscoped<T>(fn: () => T): T {
  const outer = open;
  open = null;
  try {
    return fn();
  } finally {
    open = outer;
  }
}

function close(made: readonly Scoped[], outer: Scoped[] | null, result: unknown): void {
  const survives = survivors(result);
  for (const tensor of made) {
    if (tensor.kept) continue;
    if (survives(tensor)) outer?.push(tensor);
    else tensor.dispose();
  }
}

/** Most results are one tensor or a short list of them: no set is built for those. */
function survivors(result: unknown): (tensor: unknown) => boolean {
  if (!isContainer(result)) return (tensor) => tensor === result;
  if (Array.isArray(result) && !result.some(isContainer)) return (tensor) => result.includes(tensor);
  const found = new Set<unknown>();
  const queue: unknown[] = [result];
  while (queue.length > 0) {
    const item = queue.pop();
    if (found.has(item)) continue;
    found.add(item);
    if (isContainer(item)) queue.push(...(item instanceof Map ? item.values() : Object.values(item)));
  }
  return (tensor) => found.has(tensor);
}

function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || value instanceof Map || prototype === Object.prototype || prototype === null;
}
