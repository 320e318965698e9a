import type { Context } from "./apply.ts";
import { type Backend, withBackend } from "./backend.ts";
import { GradientError, ShapeError } from "./errors.ts";
import { enroll, sweep } from "./memory.ts";
import { zeros } from "./ops/creation.ts";
import { add } from "./ops/elementwise.ts";
import { clone } from "./ops/movement.ts";
import { sameShape, show } from "./shape.ts";
import { type Call, type Edge, enableGrad, NOTHING, type Node, noGrad } from "./tape.ts";
import { alias, Tensor } from "./tensor.ts";

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

export interface Explored {
  /** The calls that the roots were computed by, in the order in which they happened. */
  readonly order: readonly Call[];
  readonly reached: ReadonlySet<Edge>;
}

/** Finds what the roots depend on, up to `ends`. */
export function explore(roots: readonly Root[], ends: ReadonlySet<Edge> = NO_EDGES): Explored {
  const calls = new Set<Call>();
  const reached = new Set<Edge>();
  const stack: Call[] = [];
  const visit = (edge: Edge): void => {
    reached.add(edge);
    const { node } = edge;
    if (node.op === null || ends.has(edge) || calls.has(node)) return;
    calls.add(node);
    stack.push(node);
  };
  for (const { edge } of roots) visit(edge);
  for (let call = stack.pop(); call !== undefined; call = stack.pop()) {
    for (const edge of call.inputs) if (edge !== null) visit(edge);
  }
  return { order: [...calls].sort((a, b) => a.order - b.order), reached };
}

const NO_EDGES: ReadonlySet<Edge> = new Set();

/** Throws where a part of the graph is gone or stale. */
export function checkUsable(op: string, calls: readonly Call[]): void {
  for (const call of calls) {
    if (call.released)
      throw new GradientError(
        op,
        `an earlier backward pass released the graph of "${call.op.name}"`,
        "pass retainGraph: true to the first one",
      );
    for (const x of call.saved.inputs) if (x instanceof Tensor) checkVersion(op, call, x);
  }
}

function checkVersion(op: string, call: Call, { edge, shape, version }: Tensor): void {
  if (edge === null || edge.node.op !== null || edge.node.version === version) return;
  throw new GradientError(
    op,
    `a parameter of shape ${show(shape)} has changed since "${call.op.name}" saved it (version ${version}, now ${edge.node.version})`,
    "run backward() before optimizer.step() or assign(), or compute the result again",
  );
}

/** The calls on a path to one of the targets, in order. */
export function leadingTo(targets: ReadonlySet<Edge>, order: readonly Call[]): readonly Call[] {
  const needed = new Set<Node>();
  return order.filter((call) => {
    const leads = call.inputs.some((edge) => edge !== null && (targets.has(edge) || needed.has(edge.node)));
    if (leads) needed.add(call);
    return leads;
  });
}

/**
 * Sends gradients from the roots to the targets through `order`, the last call first; iterative, so that no graph is too deep.
 *
 * A gradient is complete the moment its last consumer has been walked. Then its hooks run, and a target's is delivered (as zeros where
 * nothing arrived), while the walk goes on. Gradients on the way belong to the walk and are freed as soon as they have been used.
 */
export function walk(
  roots: readonly Root[],
  order: readonly Call[],
  { createGraph = false, retainGraph = createGraph }: BackwardOptions,
  targets: ReadonlySet<Edge>,
  deliver: (edge: Edge, gradient: Tensor) => void,
): void {
  const home = roots[0]!.gradient.backend;
  const path = new Set<Node>(order);
  const flows = (edge: Edge | null): edge is Edge => edge !== null && (targets.has(edge) || path.has(edge.node));
  const arrived = new Map<Edge, Tensor>();
  const consumers = new Map<Edge, number>();
  const expect = (edge: Edge): unknown => consumers.set(edge, (consumers.get(edge) ?? 0) + 1);
  for (const { edge } of roots) expect(edge);
  for (const call of order) call.inputs.filter(flows).forEach(expect);

  const send = (edge: Edge, g: Tensor | null): void => {
    if (g !== null) arrived.set(edge, merge(arrived.get(edge), g));
    const left = consumers.get(edge)! - 1;
    consumers.set(edge, left);
    if (left === 0) complete(edge);
  };
  const complete = (edge: Edge): void => {
    const isTarget = targets.has(edge);
    const sum = arrived.get(edge) ?? (isTarget ? zerosFor(edge, home) : null);
    if (sum === null) return;
    const g = runHooks(edge, sum);
    const goesOn = path.has(edge.node);
    if (isTarget) deliver(edge, goesOn ? alias(g) : g);
    if (goesOn) arrived.set(edge, g);
    else arrived.delete(edge);
  };

  (createGraph ? enableGrad : noGrad)(() => {
    for (const { edge, gradient } of roots) send(edge, gradient);
    for (let i = order.length - 1; i >= 0; i--) {
      const call = order[i]!;
      const { inputs } = call;
      const grads = call.outputs.map((edge) => (edge === null ? null : take(arrived, edge)));
      const results = grads.every((g) => g === null) ? null : inputGradients(call, grads, flows, createGraph);
      if (!retainGraph) release(call);
      inputs.forEach((edge, k) => flows(edge) && send(edge, results === null ? null : results[k]!));
      for (const g of grads) g?.dispose();
    }
  });
}

function take(map: Map<Edge, Tensor>, edge: Edge): Tensor | null {
  const g = map.get(edge);
  map.delete(edge);
  return g ?? null;
}

/** The sum of two gradients of the walk, which frees them. */
function merge(a: Tensor | undefined, b: Tensor): Tensor {
  if (a === undefined) return b;
  const sum = owned(() => add(a, b));
  a.dispose();
  b.dispose();
  return sum;
}

/** Runs `fn` and frees what it made on the way; the result belongs to the caller. */
export const owned = (fn: () => Tensor): Tensor => sweep(() => alias(fn()));

const zerosFor = ({ node, shape, dtype }: Edge, home: Backend): Tensor =>
  owned(() => zeros(shape, { dtype, backend: node.op === null ? node.backend : home }));

function runHooks(edge: Edge, sum: Tensor): Tensor {
  let g = sum;
  for (const hook of edge.hooks ?? []) {
    // The hook may keep what it sees, and the walk will free its own.
    const seen = alias(g);
    enroll(seen);
    const replaced = hook(seen);
    if (!(replaced instanceof Tensor) || replaced === seen) continue;
    if (!sameShape(replaced.shape, edge.shape))
      throw new ShapeError(
        "registerHook",
        `the hook returned a gradient of shape ${show(replaced.shape)} for a tensor of shape ${show(edge.shape)}`,
        "return one of the same shape, or nothing",
      );
    g.dispose();
    g = alias(replaced);
  }
  return g;
}

/** The gradients of a call's inputs, given those of its outputs. */
function inputGradients(
  call: Call,
  grads: readonly (Tensor | null)[],
  flows: (edge: Edge | null) => boolean,
  createGraph: boolean,
): (Tensor | null)[] {
  const { op, attrs, inputs, saved } = call;
  const { backend } = grads.find((g) => g !== null)!;
  return withBackend(backend, () =>
    sweep(() => {
      if (op.transparent !== null) return throughDecomposition(op.transparent, call, grads, flows, createGraph);
      const needs = inputs.map(flows);
      const context = {
        inputs: saved.inputs,
        output: saved.outputs[0],
        outputs: saved.outputs,
        attrs,
        needs,
        specs: inputs,
        grads,
      } as Context;
      const results = op.vjp(grads[0]!, context);
      return needs.map((needed, i) => {
        const g = needed ? results[i]! : null;
        return g === null ? null : alias(g);
      });
    }),
  );
}

/**
 * Differentiates a composite by running its decomposition again. The pass ends at the call's arguments, each of which gets an identity
 * of its own: in `conv2d(x, x)` the gradient of the one must not contain that of the other.
 */
function throughDecomposition(
  decompose: NonNullable<Call["op"]["transparent"]>,
  { attrs, inputs, saved }: Call,
  grads: readonly (Tensor | null)[],
  flows: (edge: Edge | null) => boolean,
  createGraph: boolean,
): (Tensor | null)[] {
  const found = new Map<Edge | null, Tensor>();
  const fresh = enableGrad(() => saved.inputs.map((x, i) => (x instanceof Tensor && flows(inputs[i]!) ? clone(x) : x)));
  const outputs = enableGrad(() => decompose(fresh, attrs));
  const roots = outputs.flatMap(({ edge }, i) =>
    edge === null || grads[i] == null ? [] : [{ edge, gradient: alias(grads[i]) }],
  );
  const edges = fresh.map((x, i) => (x instanceof Tensor && flows(inputs[i]!) ? x.edge : null));
  const targets = new Set(edges.filter((edge) => edge !== null));
  const { order, reached } = explore(roots, targets);
  const met = new Set([...targets].filter((edge) => reached.has(edge)));
  if (roots.length > 0) walk(roots, leadingTo(met, order), { createGraph }, met, (edge, g) => found.set(edge, g));
  return edges.map((edge) => found.get(edge) ?? null);
}

/** Frees what a call saved and cuts its links, so that the graph behind it can go. */
function release(call: Call): void {
  for (const x of call.saved.inputs) if (x instanceof Tensor) x.dispose();
  for (const y of call.saved.outputs) y?.dispose();
  call.inputs = [];
  call.outputs = [];
  call.saved = NOTHING;
  call.released = true;
}
