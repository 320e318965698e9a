import { createInterface } from "node:readline";
import type { Task } from "../workloads/task.ts";
import type { Hello, Reply, Request } from "./messages.ts";

/** One call of a task. Where it returns a promise, the call ends when that settles. */
export type Call = () => unknown;

/** A task that is ready, written in the faster of several ways. */
interface Made {
  readonly call: Call;
  readonly variant: string;
}

/** Gets a task ready. Throws `Unable` where the library cannot do it. */
export type Make = (task: Task) => Call | Made | Promise<Call | Made>;

/** What a library lacks for a task. */
export class Unable extends Error {}

/** The contender's side: answers requests until stdin ends. */
export async function serve(hello: Hello, make: Make): Promise<void> {
  const send = (message: Hello | Reply): void => {
    process.stdout.write(`${JSON.stringify(message)}\n`);
  };
  send(hello);
  let call: Call = () => undefined;
  const answer = async (request: Request): Promise<Reply> => {
    if ("run" in request) return { ms: await time(call, request.run) };
    call = () => undefined;
    (globalThis as { gc?: () => void }).gc?.(); // The rubbish of the task before is not this one's.
    const made = await make(request.make);
    call = typeof made === "function" ? made : made.call;
    return { made: true, ...(typeof made === "function" ? {} : { variant: made.variant }) };
  };
  for await (const line of createInterface({ input: process.stdin }))
    send(await answer(JSON.parse(line) as Request).catch(problem));
  process.exit(0);
}

function problem(error: unknown): Reply {
  if (error instanceof Unable) return { unable: error.message };
  return {
    failed: String(error instanceof Error ? error.message : error)
      .split("\n")[0]!
      .slice(0, 200),
  };
}

/** Milliseconds of so many calls. */
export async function time(call: Call, calls: number): Promise<number> {
  const start = performance.now();
  const first = call();
  if (first instanceof Promise) {
    await first;
    for (let i = 1; i < calls; i++) await call();
  } else for (let i = 1; i < calls; i++) call();
  return performance.now() - start;
}
