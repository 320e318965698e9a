import { keep, type Parameter } from "@descent/core";
import { type State, tensorsOf } from "./rule.ts";

/** What an optimizer knows about one parameter. */
export interface Slot<S> {
  /** The number of steps the parameter has made. */
  readonly step: number;
  readonly state: S;
}

/** The state of parameters. Its tensors belong to the slots alone, and are disposed when they are replaced. */
export class Slots<S extends State<S>> {
  readonly #slots = new Map<Parameter, Slot<S>>();

  get(parameter: Parameter): Slot<S> | undefined {
    return this.#slots.get(parameter);
  }

  /** Puts a slot in the place of the last one, which goes, but for what both have. */
  set(parameter: Parameter, slot: Slot<S> | undefined): void {
    const old = this.#slots.get(parameter);
    if (slot === undefined) this.#slots.delete(parameter);
    else this.#slots.set(parameter, slot);
    replaceState(old?.state ?? null, slot?.state ?? null);
  }
}

/** The state that all parameters share; `null` before the first step. Its tensors belong to it alone, too. */
export class Shared<C extends State<C>> {
  #value: C | null = null;

  get value(): C | null {
    return this.#value;
  }

  set value(next: C | null) {
    const old = this.#value;
    this.#value = next;
    replaceState(old, next);
  }
}

/** Keeps the tensors of a state and disposes of those of the one before, but for what both have. */
function replaceState<S extends State<S>>(old: S | null, next: S | null): void {
  if (old === next) return;
  const kept = next === null ? [] : tensorsOf(next);
  kept.forEach(keep);
  if (old !== null) for (const x of tensorsOf(old)) if (!kept.includes(x)) x.dispose();
}
