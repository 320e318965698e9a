import type { Definition } from "./apply.ts";
import { type Backend, rejectPromise, type Spec } from "./backend.ts";
import { GradientError } from "./errors.ts";
import type { Tensor } from "./tensor.ts";

/** Looks at the gradient of a tensor; a tensor that it returns takes its place. */
export type Hook = (gradient: Tensor) => unknown;

/** The identity of a tensor in the graph: which output of which node it is. Tensors come and go, edges stay. */
export interface Edge extends Spec {
  readonly node: Node;
  readonly output: number;
  hooks: Hook[] | null;
  /** What the backward pass that is running knows of it. */
  flow: Flow | null;
}

/** How a gradient flows along an edge in one backward pass. */
export interface Flow {
  /** The number of the pass. */
  readonly pass: number;
  /** That of the pass in which this one runs, because a hook or a gradient function began one. */
  readonly outer: Flow | null;
  /** Whether somebody asked for the gradient. */
  wanted: boolean;
  /** Whether it goes on, through the call that the edge belongs to. */
  goesOn: boolean;
  /** Consumers that have not been walked. */
  waiting: number;
  /** The sum of what they sent; the pass owns it. */
  arrived: Tensor | null;
}

/** A tensor that gradients are collected for. */
export interface Leaf {
  readonly op: null;
  readonly backend: Backend;
  grad: Tensor | null;
  /** Whether user code has seen `grad`; until then the library may free it. */
  seen: boolean;
  /** Counts assignments, so that a backward pass notices a value that changed after it was saved. */
  version: number;
}

/** A call of an op, as plain data that `backward.ts` interprets. */
export interface Call {
  readonly op: Definition;
  /** Later calls have higher numbers than what they read. */
  readonly order: number;
  readonly attrs: unknown;
  /** `null` where no gradient flows. Cut, like everything below, once the backward pass has been here. */
  inputs: readonly (Edge | null)[];
  /** `null` where an output has no gradient. */
  outputs: readonly (Edge | null)[];
  /** Tensors that belong to the tape alone, `null` where the op does not need one. */
  savedInputs: readonly (Tensor | number | null)[];
  savedOutputs: readonly (Tensor | null)[];
  released: boolean;
  /** The last backward pass that found it. */
  pass: number;
}

type Node = Leaf | Call;

/** What a call has saved that needs nothing, or has been walked. */
export const NOTHING: readonly never[] = [];

let calls = 0;
/** The number of the next call. */
export const nextOrder = (): number => ++calls;

let recording = true;

/** Whether calls are recorded for a backward pass. */
export const isGradEnabled = (): boolean => recording;

/** Runs a synchronous `fn` without recording: its results need no gradient. */
export const noGrad = <T>(fn: () => T): T => setGradEnabled("noGrad", false, fn);

/** Runs a synchronous `fn` with recording, also inside of `noGrad`. */
export const enableGrad = <T>(fn: () => T): T => setGradEnabled("enableGrad", true, fn);

function setGradEnabled<T>(op: string, enabled: boolean, fn: () => T): T {
  const before = recording;
  if (before === enabled) return rejectPromise(op, fn());
  recording = enabled;
  try {
    return rejectPromise(op, fn());
  } finally {
    recording = before;
  }
}

/** Calls `hook` with the gradient of `x` whenever one is complete; what it returns replaces the gradient. Returns a function that removes it. */
export function registerHook(x: Tensor, hook: Hook): () => void {
  const { edge } = x;
  if (edge === null)
    throw new GradientError("registerHook", "the tensor requires no gradient", "set requiresGrad = true first");
  edge.hooks = [...(edge.hooks ?? []), hook];
  return () => {
    edge.hooks = (edge.hooks ?? []).filter((other) => other !== hook);
  };
}
