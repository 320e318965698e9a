import type { Recorded } from "./apply.ts";
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
  readonly op: Recorded;
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
  /** Where what the call has not saved comes from; `null` where it saved all it needs. */
  source: Source | null;
}

/** Computes once more what calls would have saved (`checkpoint`). */
export interface Source {
  /** Throws where it would be something else by now. */
  check(op: string): void;
  /** Fills the calls in. */
  refill(): void;
}

type Node = Leaf | Call;

/** What a call has saved that needs nothing, or has been walked. */
export const NOTHING: readonly never[] = [];

let calls = 0;
/** The number of the next call. */
export const nextOrder = (): number => ++calls;

/** Sees every call that is recorded, with what it saved. */
export type Recorder = (call: Call) => void;

let recorder: Recorder | null = null;
export const currentRecorder = (): Recorder | null => recorder;

/** Runs `fn` with calls shown to another recorder, or to none. */
export function withRecorder<T>(other: Recorder | null, fn: () => T): T {
  const before = recorder;
  recorder = other;
  try {
    return fn();
  } finally {
    recorder = before;
  }
}

let recording = true;
let inferring = false;

/** Whether calls are recorded for a backward pass. */
export const isGradEnabled = (): boolean => recording;

/** Whether the tensors that are made now are for inference only. */
export const isInferenceModeEnabled = (): boolean => inferring;

/** Runs a synchronous `fn` without recording: its results need no gradient. */
export const noGrad = <T>(fn: () => T): T => inMode("noGrad", false, inferring, fn);

/** Runs a synchronous `fn` with recording, also inside of `noGrad`; inside of `inferenceMode` nothing is ever recorded. */
export const enableGrad = <T>(fn: () => T): T => inMode("enableGrad", !inferring, inferring, fn);

/** Runs a synchronous `fn` with recording or without. */
export const setGradEnabled = <T>(enabled: boolean, fn: () => T): T => (enabled ? enableGrad : noGrad)(fn);

/** Runs a synchronous `fn` without recording. No op can save its results for a backward pass later; a `clone()` of them it can. */
export const inferenceMode = <T>(fn: () => T): T => inMode("inferenceMode", false, true, fn);

/** Runs a backward pass, which records itself or not, whatever the code around it does. */
export const walking = <T>(createGraph: boolean, fn: () => T): T => inMode("backward", createGraph, false, fn);

function inMode<T>(op: string, record: boolean, infer: boolean, fn: () => T): T {
  if (record === recording && infer === inferring) return rejectPromise(op, fn());
  const [recordingBefore, inferringBefore] = [recording, inferring];
  recording = record;
  inferring = infer;
  try {
    return rejectPromise(op, fn());
  } finally {
    recording = recordingBefore;
    inferring = inferringBefore;
  }
}

/** Calls `hook` with the gradient of `x` whenever one is complete; what it returns replaces the gradient. Returns a function that removes it. */
export function registerHook(x: Tensor, hook: Hook): () => void {
  const edge = edgeOf("registerHook", x);
  edge.hooks = [...(edge.hooks ?? []), hook];
  return () => {
    edge.hooks = (edge.hooks ?? []).filter((other) => other !== hook);
  };
}

/** Makes `backward()` collect the gradient of a tensor that is no leaf in its `grad` too. */
export function retainGrad(x: Tensor): void {
  const edge = edgeOf("retainGrad", x);
  if (edge.node.op === null || retained.has(edge)) return;
  retained.set(edge, { grad: null, seen: false });
  edge.hooks ??= [];
}

/** Where gradients are collected: those of leaves, and the few others that somebody asked for. */
export type Collected = Pick<Leaf, "grad" | "seen">;
const retained = new WeakMap<Edge, Collected>();
export const collectedOf = (edge: Edge | null | undefined): Collected | null =>
  edge == null ? null : edge.node.op === null ? edge.node : (retained.get(edge) ?? null);

function edgeOf(op: string, { edge }: Tensor): Edge {
  if (edge === null) throw new GradientError(op, "the tensor requires no gradient", "set requiresGrad = true first");
  return edge;
}
