import { type Backend, getBackend, withBackend } from "../backend.ts";
import { ArgumentError, GradientError } from "../errors.ts";
import { enroll, scope } from "../memory.ts";
import { defaultGenerator } from "../random.ts";
import { sameShape } from "../shape.ts";
import { type Call, type Edge, enableGrad, isGradEnabled, NOTHING, type Source, withRecorder } from "../tape.ts";
import { alias, Tensor } from "../tensor.ts";
import type { GeneratorState } from "../threefry.ts";
import { checkVersion } from "../walk.ts";

/** What a segment is when it is run again. */
interface Work {
  readonly fn: () => void;
  /** Edges of that run, and which of the first run they stand for. */
  readonly edges: Map<Edge, Edge>;
}

/** What is recorded now belongs to a segment. */
interface Run {
  readonly segment: Segment;
  readonly again: Again | null;
}

/** A run of a segment that repeats the first one. */
interface Again {
  /** The number of the item that comes next. */
  next: number;
  readonly edges: Map<Edge, Edge>;
  /** Whether it is the segment that is filled in, not one inside of it, which comes later. */
  readonly fills: boolean;
}

let run: Run | null = null;

/** A call of the first run, with the edges that it had before a backward pass cut them. */
interface Item {
  readonly call: Call;
  readonly inputs: Call["inputs"];
  readonly outputs: Call["outputs"];
}

/** A run of a function that was recorded without saving anything. */
class Segment implements Source {
  /** What it recorded, in order: calls, and segments inside of it. */
  readonly #items: (Item | Segment)[] = [];
  /** The versions of the leaves that it read. */
  readonly #leaves = new Map<Edge, number>();
  readonly #outer: Segment | null;
  readonly #backend: Backend = getBackend();
  readonly #random: GeneratorState = defaultGenerator.getState();
  /** `null` once done; and inside of another segment, until that has been run again. */
  #work: Work | null = null;
  #isRunning = false;

  constructor(outer: Segment | null) {
    this.#outer = outer;
    if (outer !== null) outer.#items.push(this);
  }

  /** The first run. What the outermost segment is run with again is kept; inner ones get it from the outer one's second run. */
  begin<A extends readonly unknown[], Y>(fn: (...inputs: A) => Y, inputs: A): Y {
    const result = this.#run(null, () => scope(() => fn(...inputs)));
    if (this.#outer === null && this.#items.length > 0) this.prepare(fn, inputs, new Map());
    return result;
  }

  /** Takes what it will be run with again, at the places in the graph that the first run had. */
  prepare<A extends readonly unknown[]>(fn: (...inputs: A) => unknown, inputs: A, edges: Map<Edge, Edge>): void {
    const own = inputs.map((x) => (x instanceof Tensor ? atHome(alias(x), edges) : x));
    this.#work = {
      edges,
      fn: () => {
        // The function may keep its inputs; the tape's own are freed.
        fn(...(own.map((x) => (x instanceof Tensor ? shared(x) : x)) as unknown as A));
        for (const x of own) if (x instanceof Tensor) x.dispose();
      },
    };
  }

  check(op: string): void {
    for (const [edge, version] of this.#leaves) checkVersion(op, "checkpoint", edge, version);
    this.#outer?.check(op);
  }

  refill(): void {
    if (this.#isRunning)
      throw new GradientError(
        "checkpoint",
        "the function takes a gradient of what it computes itself",
        "take it outside",
      );
    if (this.#work === null) this.#outer!.refill();
    const { fn, edges } = this.#work!;
    const before = defaultGenerator.getState();
    defaultGenerator.setState(this.#random);
    try {
      const repeat = () => this.repeat(fn, edges, true);
      // A function inside of another one may use what that computed.
      const isNested = this.#items.some((item) => item instanceof Segment);
      withBackend(this.#backend, () => enableGrad(isNested ? repeat : () => scope(repeat)));
    } finally {
      defaultGenerator.setState(before);
    }
    this.#work = null;
  }

  /** Runs `fn`, which has to record what the first run recorded. */
  repeat<T>(fn: () => T, edges: Map<Edge, Edge>, fills: boolean): T {
    const again: Again = { next: 0, edges, fills };
    const result = this.#run(again, fn);
    if (again.next < this.#items.length) this.#differs(again.next, "nothing");
    return result;
  }

  /** The segment that a run that repeats this one comes to. */
  inner(again: Again): Segment {
    const item = this.#items[again.next++];
    return item instanceof Segment ? item : this.#differs(again.next - 1, "checkpoint");
  }

  #run<T>(again: Again | null, fn: () => T): T {
    const before = run;
    run = { segment: this, again };
    this.#isRunning = true;
    try {
      return withRecorder((call) => (again === null ? this.#empty(call) : this.#transfer(call, again)), fn);
    } finally {
      this.#isRunning = false;
      run = before;
    }
  }

  /** Takes from a call of the first run what it has saved. */
  #empty(call: Call): void {
    this.#items.push({ call, inputs: call.inputs, outputs: call.outputs });
    for (const edge of call.inputs) if (edge?.node.op === null) this.#leaves.set(edge, edge.node.version);
    if (![...call.savedInputs, ...call.savedOutputs].some((x) => x instanceof Tensor)) return;
    drop(call);
    call.source = this;
  }

  /** Gives what a call of a later run has saved to that of the first one. */
  #transfer(call: Call, again: Again): void {
    const { next, edges, fills } = again;
    const item = this.#items[next];
    if (item === undefined || item instanceof Segment || !repeats(call, item, edges)) this.#differs(next, call.op.name);
    const { call: first, outputs } = item;
    again.next++;
    for (const [i, edge] of call.outputs.entries()) if (edge !== null) edges.set(edge, outputs[i]!);
    if (fills && first.source === this) {
      const own = <T>(x: T): T => (x instanceof Tensor ? atHome(x, edges) : x);
      first.savedInputs = call.savedInputs.map(own);
      first.savedOutputs = call.savedOutputs.map(own);
      first.source = null;
      call.savedInputs = NOTHING;
      call.savedOutputs = NOTHING;
    } else drop(call);
    call.source = this;
  }

  #differs(at: number, now: string): never {
    const item = this.#items[at];
    const then = item === undefined ? "nothing" : item instanceof Segment ? "checkpoint" : item.call.op.name;
    throw new GradientError(
      "checkpoint",
      `the function did something else when it was run again: step ${at} was ${then}, and is ${now === then ? "that of another tensor" : now}`,
      "let it depend on its inputs, parameters and the default generator alone",
    );
  }
}

/** Whether a call does what one of the first run did, to the same tensors. */
const repeats = (call: Call, first: Item, edges: ReadonlyMap<Edge, Edge>): boolean =>
  call.op.name === first.call.op.name &&
  call.inputs.every((edge, i) => (edge && (edges.get(edge) ?? edge)) === first.inputs[i]) &&
  call.outputs.every((edge, i) => isLike(edge, first.outputs[i]));

const isLike = (a: Edge | null, b: Edge | null | undefined): boolean =>
  a === null || b == null ? a === b : a.dtype === b.dtype && sameShape(a.shape, b.shape);

function drop(call: Call): void {
  for (const x of [...call.savedInputs, ...call.savedOutputs]) if (x instanceof Tensor) x.dispose();
  call.savedInputs = NOTHING;
  call.savedOutputs = NOTHING;
}

/** Puts a tensor of a later run where the one of the first run is in the graph. */
function atHome<T extends Tensor>(x: T, edges: ReadonlyMap<Edge, Edge>): T {
  x.edge = x.edge && (edges.get(x.edge) ?? x.edge);
  return x;
}

function shared(x: Tensor): Tensor {
  const y = alias(x);
  enroll(y);
  return y;
}

/**
 * `fn(...inputs)`, of which the tape keeps the inputs alone: a backward pass runs `fn` again, with the same random numbers, when it needs
 * what was computed inside (Chen et al. 2016, "Training deep nets with sublinear memory cost").
 *
 * Gradients flow to the inputs and to all parameters that `fn` uses, to any order. As in `scope`, what `fn` made and does not return is
 * freed. Throws a GradientError in the backward pass where `fn` did something else the second time.
 */
export function checkpoint<A extends readonly unknown[], Y>(fn: (...inputs: A) => Y, ...inputs: A): Y {
  if (!isGradEnabled()) return fn(...inputs);
  const again = run?.again;
  if (run === null || again == null) return new Segment(run?.segment ?? null).begin(fn, inputs);
  const inner = run.segment.inner(again);
  if (again.fills) inner.prepare(fn, inputs, again.edges);
  return inner.repeat(() => fn(...inputs), again.edges, false);
}

/** A function of one tensor, or a module. */
type Step = ((x: Tensor) => Tensor) | { call(x: Tensor): Tensor };

/** Runs steps (a `Sequential`, or an array of modules or functions) one after the other, in `segments` checkpoints of equal length; the last one is run normally. */
export function checkpointSequential(steps: Iterable<Step>, segments: number, x: Tensor): Tensor {
  const all = [...steps];
  if (!Number.isInteger(segments) || segments < 1 || segments > all.length)
    throw new ArgumentError("checkpointSequential", `${all.length} steps cannot be divided into ${segments} segments`);
  const length = Math.floor(all.length / segments);
  const part = (from: number, to?: number) => (x: Tensor) =>
    all.slice(from, to).reduce((x, step) => (typeof step === "function" ? step(x) : step.call(x)), x);
  let y = x;
  for (let i = 0; i < segments - 1; i++) y = checkpoint(part(i * length, (i + 1) * length), y);
  return part((segments - 1) * length)(y);
}
