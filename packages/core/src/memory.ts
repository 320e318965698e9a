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

/** What the open scopes have made, the innermost one's last: a scope is what lies above the place where it began. */
const made: (Scoped | null)[] = [];
let top = 0;
let isOpen = false;

/** Adds a new tensor to the innermost scope, if there is one. */
export function enroll(tensor: Scoped): void {
  if (isOpen) made[top++] = tensor;
}

/**
 * Runs a synchronous `fn` and frees every tensor that was made in it, except those it returns (also inside arrays and plain objects),
 * parameters, gradients and optimizer state. Nobody has to call this: it saves the last few percent.
 */
export const scope = <T>(fn: () => T): T => keeping(() => rejectPromise("scope", fn()), survivors);

/** @internal As `scope`, for what returns a plain list of tensors. */
export const passOn = <T extends readonly Scoped[]>(fn: () => T): T => keeping(fn, itself);

/** @internal Where a scope began, and whether that was inside of another one. */
export type Opening = number;

/** @internal Opens a scope without a function, for what is called too often to make one. `sweep` has to end it, come what may. */
export function open(): Opening {
  const opening = 2 * top + Number(isOpen);
  isOpen = true;
  return opening;
}

/** @internal Takes a tensor out of an open scope; `false` where it was not made there. */
export function claim(tensor: Scoped, opening: Opening): boolean {
  for (let i = top - 1; i >= opening >> 1; i--)
    if (made[i] === tensor) {
      made[i] = null;
      return true;
    }
  return false;
}

/** @internal Ends a scope and frees what was made in it and nobody has claimed. */
export const sweep = (opening: Opening): void => close(opening, NOTHING);

/** @internal A scope that is left and entered again, for work that stops on the way. `dispose` has to end it, come what may. */
export class Workspace {
  #made: Scoped[] = [];

  /** Runs a part of the work. */
  run<T>(fn: () => T): T {
    const opening = open();
    try {
      return fn();
    } finally {
      const start = opening >> 1;
      for (let i = start; i < top; i++) {
        const tensor = made[i]!;
        made[i] = null;
        if (tensor !== null) this.#made.push(tensor);
      }
      close(opening, NOTHING);
    }
  }

  /** Frees what was made in it so far and is not kept, but for `survivors`, which stay in it. */
  dispose(survivors: readonly Scoped[] = []): void {
    const staying = new Set(survivors);
    const made = this.#made;
    this.#made = made.filter((tensor) => staying.has(tensor));
    for (const tensor of made) if (!tensor.kept && !staying.has(tensor)) tensor.dispose();
  }
}

/** @internal Runs `fn`, which makes one tensor and nothing on the way, and leaves it to the caller instead of the innermost scope. */
export function unscoped<T>(fn: () => T): T {
  const outer = isOpen;
  isOpen = false;
  try {
    return fn();
  } finally {
    isOpen = outer;
  }
}

interface Collection {
  includes(tensor: Scoped): boolean;
}

const NOTHING: Collection = [];
const itself = (result: Collection): Collection => result;

/** Runs `fn` in a scope of its own, and hands what survives on to the one around it. */
function keeping<T>(fn: () => T, survivorsOf: (result: T) => Collection): T {
  const opening = open();
  let survivors = NOTHING;
  try {
    const result = fn();
    survivors = survivorsOf(result);
    return result;
  } finally {
    close(opening, survivors);
  }
}

function close(opening: Opening, survivors: Collection): void {
  const start = opening >> 1;
  const end = top;
  isOpen = (opening & 1) === 1;
  top = start;
  for (let i = start; i < end; i++) {
    const tensor = made[i]!;
    made[i] = null;
    if (tensor === null || tensor.kept) continue;
    if (survivors.includes(tensor)) enroll(tensor);
    else tensor.dispose();
  }
}

/** Everything in a result. Most are one tensor or a short list of them: no set is built for those. */
function survivors(result: unknown): Collection {
  if (!isContainer(result)) return [result as Scoped];
  if (Array.isArray(result) && !result.some(isContainer)) return result;
  const found = new Set<unknown>();
  const queue: unknown[] = [result];
  while (queue.length > 0) {
    const item = queue.pop();
    if (found.has(item)) continue;
    found.add(item);
    if (isContainer(item)) queue.push(...(item instanceof Map ? item.values() : Object.values(item)));
  }
  return { includes: (tensor) => found.has(tensor) };
}

function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || value instanceof Map || prototype === Object.prototype || prototype === null;
}
