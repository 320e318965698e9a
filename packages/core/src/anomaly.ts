import { rejectPromise } from "./backend.ts";
import { BackendError, GradientError } from "./errors.ts";
import { show } from "./shape.ts";
import type { Call } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** Where a call came from. */
interface Origin {
  /** Its stack is that of the call. */
  readonly trace: Error;
  /** The path of the module that was running. Found out only when somebody asks. */
  readonly path: Locator | null;
}

type Locator = () => string;

let detecting = false;
let locate: () => Locator | null = () => null;
/** The call whose gradient is being computed. What is recorded meanwhile comes from where it came from. */
let cause: Call | null = null;
const origins = new WeakMap<Call, Origin>();

/** Whether backward passes look for NaN and infinities. */
export const isAnomalyEnabled = (): boolean => detecting;

/**
 * Makes backward passes throw at the first gradient with a NaN or an infinity, or stop doing so.
 *
 * The GradientError names the op, the input, the line that called the op and the module that was running then; its `cause` has the
 * stack of the call. Calls that were recorded before the mode was on have no line. Every gradient is read: for debugging only.
 */
export const setDetectAnomaly = (enabled: boolean): void => {
  detecting = enabled;
};

/** Runs a synchronous `fn`, forward and backward pass, in the mode of `setDetectAnomaly`. */
export function detectAnomaly<T>(fn: () => T): T {
  const before = detecting;
  detecting = true;
  try {
    return rejectPromise("detectAnomaly", fn());
  } finally {
    detecting = before;
  }
}

/** @internal Says how to find the module that is running; `nn` knows. */
export const setLocator = (locator: () => Locator | null): void => {
  locate = locator;
};

/** Remembers where a call came from, if somebody may want to know. */
export function noteOrigin(call: Call): void {
  if (detecting) origins.set(call, (cause && origins.get(cause)) ?? { trace: traceOf(call), path: locate() });
}

/** Computes the gradients of a call and looks at what goes in and comes out. */
export function inspected(
  call: Call,
  received: readonly (Tensor | null)[],
  compute: () => (Tensor | null)[],
): (Tensor | null)[] {
  for (const [i, g] of received.entries())
    check(g, call, `the gradient of output ${i}`, "backward() was given it, a hook returned it, or a sum overflowed");
  const before = cause;
  cause = call;
  try {
    const made = compute();
    for (const [i, g] of made.entries()) check(g, call, `the gradient of input ${i}`);
    return made;
  } finally {
    cause = before;
  }
}

function check(g: Tensor | null, call: Call, what: string, why?: string): void {
  if (g === null) return;
  const { backend, shape } = g;
  if (!backend.synchronous)
    throw new BackendError(
      "detectAnomaly",
      `the mode reads every gradient, and backend "${backend.name}" computes asynchronously`,
      "look for the anomaly on a synchronous one",
    );
  const values = g.dataSync();
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  const origin = origins.get(call);
  const line = origin && userLine(origin.trace.stack ?? "");
  const called = line === undefined ? "" : `; the op was called at ${line}`;
  const found = `${what} of "${call.op.name}" is ${values[at]} at element ${at} of ${show(shape)}${called}`;
  const error = new GradientError("backward", found, why);
  error.cause = origin?.trace;
  if (origin?.path) error.locate(origin.path());
  throw error;
}

/** Not V8's 10 frames, which layers within layers use up. */
const FRAMES = 100;

function traceOf({ op }: Call): Error {
  const limits = Error as { stackTraceLimit?: number };
  const before = limits.stackTraceLimit;
  limits.stackTraceLimit = FRAMES;
  const trace = new Error(`"${op.name}" was called here`);
  if (before !== undefined) limits.stackTraceLimit = before;
  return trace;
}

/** The innermost place of a stack that is not in this library, as `file:line:column`. Its last frame is this file's. */
function userLine(stack: string): string | undefined {
  const places = stack.split("\n").flatMap((line) => PLACE.exec(line)?.[1] ?? []);
  const home = /^(.*[\\/])core[\\/](?:src|dist)[\\/]/.exec(places[0] ?? "")?.[1];
  const isOurs = (place: string): boolean =>
    (home !== undefined &&
      place.startsWith(home) &&
      /^[\w-]+[\\/](?:src|dist)[\\/](?!.*\.test\.)/.test(place.slice(home.length))) ||
    /[\\/]@descent[\\/]/.test(place);
  return places.find((place) => !isOurs(place));
}

/** A line of a stack as V8 (`at name (place)`) and the others (`name@place`) print it. */
const PLACE = /^(?:\s*at (?:.*\()?|[^@]*@)(.+:\d+:\d+)\)?$/;
