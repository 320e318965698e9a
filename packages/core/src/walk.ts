import { inspected, isAnomalyEnabled } from "./anomaly.ts";
import type { Context } from "./apply.ts";
import { type Backend, isCurrent, withBackend } from "./backend.ts";
import { GradientError } from "./errors.ts";
import { claim, enroll, open, sweep, unscoped } from "./memory.ts";
import { zeros } from "./ops/creation.ts";
import { add } from "./ops/elementwise.ts";
import { clone } from "./ops/movement.ts";
import { show } from "./shape.ts";
import { type Call, type Collected, collectedOf, type Edge, enableGrad, type Flow, NOTHING, walking } from "./tape.ts";
import { alias, checkFits, setGrad, Tensor } from "./tensor.ts";

/** Options of a backward pass. */
export interface BackwardOptions {
  /** Keeps what the ops saved, so that the pass can be run again. Default: `createGraph`. */
  readonly retainGraph?: boolean;
  /** Records the pass itself, so that its results can be differentiated. Default false. */
  readonly createGraph?: boolean;
}

/** Where a backward pass begins. */
export interface Root {
  readonly edge: Edge;
  readonly gradient: Tensor;
}

/** A backward pass: what its roots depend on. */
export interface Pass {
  /** Its number: 1, 2, … */
  readonly id: number;
  readonly roots: readonly Root[];
  /** Everything that was reached; while the pass runs, `flow` of these is its own. */
  readonly edges: Edge[];
  /** In the order in which they happened. */
  calls: Call[];
}

let passes = 0;

/** Finds what the roots depend on, up to `ends`, and runs `fn` with it. */
export function explore<T>(roots: readonly Root[], ends: ReadonlySet<Edge> | null, fn: (pass: Pass) => T): T {
  const pass: Pass = { id: ++passes, roots, edges: [], calls: [] };
  for (const { edge } of roots) reach(pass, edge, ends);
  // The list grows while it is gone through.
  for (const { inputs } of pass.calls) for (const edge of inputs) if (edge !== null) reach(pass, edge, ends);
  sort(pass.calls);
  try {
    return fn(pass);
  } finally {
    for (const edge of pass.edges) {
      edge.flow!.arrived?.dispose();
      edge.flow = edge.flow!.outer;
    }
  }
}

/** Sorts calls as they happened. Those of a chain are found the last one first, and need not be copied to be sorted. */
function sort(calls: Call[]): void {
  for (let i = 1; i < calls.length; i++)
    if (calls[i - 1]!.order < calls[i]!.order) {
      calls.sort((a, b) => a.order - b.order);
      return;
    }
  calls.reverse();
}

/** Counts a consumer of an edge, and looks behind those that are new to the pass. */
function reach({ id, edges, calls }: Pass, edge: Edge, ends: ReadonlySet<Edge> | null): void {
  const { flow, node } = edge;
  if (flow?.pass === id) {
    flow.waiting++;
    return;
  }
  edge.flow = { pass: id, outer: flow, wanted: false, goesOn: false, waiting: 1, arrived: null };
  edges.push(edge);
  if (node.op === null || node.pass === id || ends?.has(edge)) return;
  node.pass = id;
  calls.push(node);
}

/** Whether the roots of a pass depend on an edge. */
export const reaches = ({ id }: Pass, { flow }: Edge): boolean => flow?.pass === id;

/** Throws where a part of the graph is gone or stale. */
export function checkUsable(op: string, calls: readonly Call[]): void {
  for (const call of calls) {
    if (call.released)
      throw new GradientError(
        op,
        `an earlier backward pass released the graph of "${call.op.name}"`,
        "pass retainGraph: true to the first one",
      );
    for (const x of call.savedInputs)
      if (x instanceof Tensor && x.edge !== null) checkVersion(op, call.op.name, x.edge, x.version);
    call.source?.check(op);
  }
}

/** Throws where a leaf has another value than when `user` saved it. */
export function checkVersion(op: string, user: string, { node, shape }: Edge, version: number): void {
  if (node.op !== null || node.version === version) return;
  throw new GradientError(
    op,
    `a parameter of shape ${show(shape)} has changed since "${user}" saved it (version ${version}, now ${node.version})`,
    "run backward() before optimizer.step() or assign(), or compute the result again",
  );
}

/** Says which gradients are wanted, and leaves in the pass the calls that lead to them. */
export function aim(pass: Pass, isWanted: (edge: Edge) => boolean): void {
  for (const edge of pass.edges) edge.flow!.wanted = isWanted(edge);
  pass.calls = pass.calls.filter(({ inputs, outputs }) => {
    const leads = inputs.some(flows);
    if (leads) for (const edge of outputs) if (edge !== null && reaches(pass, edge)) edge.flow!.goesOn = true;
    return leads;
  });
}

/** Whether a gradient is sent along an input of a call of the running pass. */
const flows = (edge: Edge | null): edge is Edge => edge !== null && (edge.flow!.wanted || edge.flow!.goesOn);

/** Takes a gradient that somebody asked for. */
type Deliver = (edge: Edge, gradient: Tensor) => void;

/**
 * Sends gradients from the roots to where they are wanted, the last call first; iterative, so that no graph is too deep.
 *
 * A gradient is complete the moment its last consumer has been walked. Then its hooks run, and it is delivered if it is wanted (as zeros
 * where nothing arrived), while the walk goes on. Gradients on the way belong to the walk and are freed as soon as they have been used.
 */
export function walk(
  pass: Pass,
  { createGraph = false, retainGraph = createGraph }: BackwardOptions,
  deliver: Deliver,
): void {
  const { roots, calls } = pass;
  const home = roots[0]!.gradient.backend;
  walking(createGraph, () => {
    for (const { edge, gradient } of roots) send(edge, gradient, deliver, home);
    for (let i = calls.length - 1; i >= 0; i--) {
      const call = calls[i]!;
      const { inputs } = call;
      const grads = take(pass, call);
      const results = grads === null ? null : gradientsOf(call, grads, createGraph);
      if (grads !== null) for (const g of grads) g?.dispose();
      if (!retainGraph) release(call);
      for (let k = 0; k < inputs.length; k++) {
        const edge = inputs[k]!;
        if (flows(edge)) send(edge, results === null ? null : results[k]!, deliver, home);
      }
    }
  });
}

/** Hands one consumer's part of a gradient on. */
function send(edge: Edge, g: Tensor | null, deliver: Deliver, home: Backend): void {
  const flow = edge.flow!;
  if (g !== null) flow.arrived = flow.arrived === null ? g : merge(flow.arrived, g);
  if (--flow.waiting === 0) complete(edge, flow, deliver, home);
}

/** What happens once all consumers have sent their parts. */
function complete(edge: Edge, flow: Flow, deliver: Deliver, home: Backend): void {
  const sum = flow.arrived ?? (flow.wanted ? zerosFor(edge, home) : null);
  if (sum === null) return;
  const g = edge.hooks === null ? sum : runHooks(edge, sum);
  flow.arrived = flow.goesOn ? g : null;
  if (flow.wanted) deliver(edge, flow.goesOn ? alias(g) : g);
  else if (!flow.goesOn) g.dispose();
}

/** The gradients of a call's outputs, which are the caller's from now on; `null` where there is none at all. */
function take(pass: Pass, { outputs }: Call): (Tensor | null)[] | null {
  let grads: (Tensor | null)[] | null = null;
  for (let i = 0; i < outputs.length; i++) {
    const edge = outputs[i]!;
    if (edge === null || !reaches(pass, edge) || edge.flow!.arrived === null) continue;
    grads ??= new Array<Tensor | null>(outputs.length).fill(null);
    grads[i] = edge.flow!.arrived;
    edge.flow!.arrived = null;
  }
  return grads;
}

/** The sum of two gradients of the walk, which frees them. */
function merge(a: Tensor, b: Tensor): Tensor {
  const sum = unscoped(() => add(a, b));
  a.dispose();
  b.dispose();
  return sum;
}

const zerosFor = ({ node, shape, dtype }: Edge, home: Backend): Tensor =>
  unscoped(() => zeros(shape, { dtype, backend: node.op === null ? node.backend : home }));

/** Adds to the gradients that were collected. */
export function accumulate(collected: Collected, g: Tensor): void {
  const { grad: before } = collected;
  if (before === null) {
    setGrad(collected, g);
    return;
  }
  const sum = unscoped(() => add(before, g));
  g.dispose();
  setGrad(collected, sum);
}

function runHooks(edge: Edge, sum: Tensor): Tensor {
  let g = sum;
  for (const hook of edge.hooks ?? []) {
    // The hook may keep what it sees, and the walk will free its own.
    const seen = alias(g);
    enroll(seen);
    const replaced = hook(seen);
    if (!(replaced instanceof Tensor) || replaced === seen) continue;
    checkFits("registerHook", "what the hook returned", replaced, g);
    g.dispose();
    g = alias(replaced);
  }
  const collected = edge.node.op === null ? null : collectedOf(edge);
  if (collected !== null) accumulate(collected, alias(g));
  return g;
}

/** The gradients of a call's inputs, given those of its outputs. */
function gradientsOf(call: Call, grads: (Tensor | null)[], createGraph: boolean): (Tensor | null)[] {
  call.source?.refill();
  return isAnomalyEnabled()
    ? inspected(call, grads, () => inputGradients(call, grads, createGraph))
    : inputGradients(call, grads, createGraph);
}

function inputGradients(call: Call, grads: (Tensor | null)[], createGraph: boolean): (Tensor | null)[] {
  const { backend } = (grads[0] ?? grads.find((g) => g !== null))!;
  const compute = call.op.foreign ? foreignGradients : sweptGradients;
  return isCurrent(backend)
    ? compute(call, grads, createGraph)
    : withBackend(backend, () => compute(call, grads, createGraph));
}

/** The same on the current backend, of a function that users wrote: what it made is theirs. */
function foreignGradients(call: Call, grads: readonly (Tensor | null)[]): (Tensor | null)[] {
  return call.op.vjp(grads[0]!, contextOf(call, call.inputs.map(flows), grads)).map((g) => g && alias(g));
}

/** The same on the current backend. What is made on the way is freed; the gradients are the caller's. */
function sweptGradients(call: Call, grads: (Tensor | null)[], createGraph: boolean): (Tensor | null)[] {
  const { op, inputs } = call;
  const opening = open();
  try {
    if (op.transparent !== null) return throughDecomposition(op.transparent, call, grads, createGraph);
    const needs = inputs.map(flows);
    const results = op.vjp(grads[0]!, contextOf(call, needs, grads));
    const own = new Array<Tensor | null>(inputs.length);
    for (let i = 0; i < own.length; i++) {
      const g = needs[i] ? results[i]! : null;
      own[i] = g === null || claim(g, opening) || handOn(grads, g) ? g : alias(g);
    }
    return own;
  } finally {
    sweep(opening);
  }
}

const contextOf = (
  { attrs, inputs, savedInputs, savedOutputs }: Call,
  needs: readonly boolean[],
  grads: readonly (Tensor | null)[],
): Context =>
  ({
    inputs: savedInputs,
    output: savedOutputs[0],
    outputs: savedOutputs,
    attrs,
    needs,
    specs: inputs,
    grads,
  }) as Context;

/** Takes a gradient of an output that is also that of an input, so that it is no longer the output's; `false` where `g` is none. */
function handOn(grads: (Tensor | null)[], g: Tensor): boolean {
  const i = grads.indexOf(g);
  if (i < 0) return false;
  grads[i] = null;
  return true;
}

/**
 * Differentiates a composite by running its decomposition again. The pass ends at the call's arguments, each of which gets an identity
 * of its own: in `conv2d(x, x)` the gradient of the one must not contain that of the other.
 */
function throughDecomposition(
  decompose: NonNullable<Call["op"]["transparent"]>,
  { attrs, inputs, savedInputs }: Call,
  grads: readonly (Tensor | null)[],
  createGraph: boolean,
): (Tensor | null)[] {
  const fresh = enableGrad(() => savedInputs.map((x, i) => (x instanceof Tensor && flows(inputs[i]!) ? clone(x) : x)));
  const outputs = enableGrad(() => decompose(fresh, attrs));
  const roots = outputs.flatMap(({ edge }, i) =>
    edge === null || grads[i] == null ? [] : [{ edge, gradient: alias(grads[i]) }],
  );
  const edges = fresh.map((x, i) => (x instanceof Tensor && flows(inputs[i]!) ? x.edge : null));
  const ends = new Set(edges.filter((edge) => edge !== null));
  const found = new Map<Edge | null, Tensor>();
  if (roots.length > 0)
    explore(roots, ends, (pass) => {
      aim(pass, (edge) => ends.has(edge));
      walk(pass, { createGraph }, (edge, g) => found.set(edge, g));
    });
  return edges.map((edge) => found.get(edge) ?? null);
}

/** Frees what a call saved and cuts its links, so that the graph behind it can go. */
function release(call: Call): void {
  for (const x of call.savedInputs) if (x instanceof Tensor) x.dispose();
  for (const y of call.savedOutputs) y?.dispose();
  call.inputs = NOTHING;
  call.outputs = NOTHING;
  call.savedInputs = NOTHING;
  call.savedOutputs = NOTHING;
  call.source = null;
  call.released = true;
}
