// A contender is a program of its own that reads requests from stdin and answers each with one line of JSON on stdout. It says hello first.
import type { Task } from "../workloads/task.ts";

/** Gets a task ready, and forgets the one before; or calls it so many times. */
export type Request = { readonly make: Task } | { readonly run: number };

/** Who answers, as people know it. */
export interface Hello {
  /** Library and version. */
  readonly library: string;
  /** What it runs in, with versions and what was chosen: `Node 20.20.2, backend wasm`. */
  readonly runtime: string;
  /** How many threads it really uses. */
  readonly threads: number;
}

/** The answers to `make` and to `run`; the last two can be the answer to both. */
export type Reply =
  /** Where there are several ways to write the task, the one that was faster. */
  | { readonly made: true; readonly variant?: string }
  /** The time that all calls took together. */
  | { readonly ms: number }
  /** The library cannot do the task, and why. */
  | { readonly unable: string }
  | { readonly failed: string };
