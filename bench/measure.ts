import { setTimeout as sleep } from "node:timers/promises";
import { type Contender, NoTime } from "./protocol/contender.ts";
import type { Task } from "./workloads/task.ts";

/** Long beside the clock's grain and a collection of garbage, short beside a slow spell of the machine. */
const SAMPLE_MS = 20;
/** Long enough for V8 to compile what is hot once more. */
const WARM_UP_MS = 500;
/** Threads that spin after their work has ended should be asleep when the next contender begins. */
const PAUSE_MS = 5;
/** No samples are added to those of a workload that have taken so long. */
const ENOUGH_MS = 20_000;

/** What one contender did in one workload. */
export interface Result {
  readonly contender: string;
  /** How it wrote the task, where it chose between several ways. */
  readonly variant: string | null;
  /** Microseconds of one call, ascending; empty where there is a problem. */
  readonly samples: readonly number[];
  /** Calls in one sample. */
  readonly calls: number;
  /** Why there is no time. */
  readonly problem: string | null;
}

interface Run {
  readonly contender: Contender;
  readonly variant: string | null;
  readonly calls: number;
  readonly samples: number[];
  /** How long all samples have taken. */
  spent: number;
}

/** Lets all contenders take one sample per round, one at a time while the others sleep, so that a slow spell of the machine hits all alike. */
export async function measure(task: Task, contenders: readonly Contender[], rounds: number): Promise<Result[]> {
  const problems = new Map<Contender, string>();
  const attempt = async <T>(contender: Contender, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof NoTime)) throw error;
      problems.set(contender, error.message);
      return null;
    }
  };
  const runs: Run[] = [];
  for (const contender of contenders) {
    const run = await attempt(contender, () => prepare(contender, task));
    if (run !== null) runs.push(run);
  }
  for (let round = 0; round < rounds; round++)
    // Everyone follows everyone else in turn: what a neighbour leaves in the caches is shared out evenly.
    for (let i = 0; i < runs.length; i++) {
      const run = runs[(round + i) % runs.length]!;
      if (!problems.has(run.contender) && run.spent < ENOUGH_MS) await attempt(run.contender, () => sample(run));
    }
  return contenders.map((contender) => {
    const run = runs.find((candidate) => candidate.contender === contender);
    const problem = problems.get(contender) ?? null;
    const samples = problem === null ? (run?.samples ?? []) : [];
    return {
      contender: contender.name,
      variant: run?.variant ?? null,
      samples: samples.toSorted((a, b) => a - b),
      calls: run?.calls ?? 0,
      problem,
    };
  });
}

/** Gets the task ready, warms it up, and finds how many calls make a sample. */
async function prepare(contender: Contender, task: Task): Promise<Run> {
  const variant = await contender.make(task);
  let calls = 1;
  let ms = await contender.run(1);
  for (let spent = ms, times = 1; spent < WARM_UP_MS || times < 2; times++) {
    if (ms * calls < SAMPLE_MS) calls *= 2;
    ms = await contender.run(calls);
    spent += ms * calls;
  }
  return { contender, variant, calls: Math.max(1, Math.ceil(SAMPLE_MS / ms)), samples: [], spent: 0 };
}

async function sample(run: Run): Promise<void> {
  await sleep(PAUSE_MS);
  if (run.calls > 1) await run.contender.run(1); // The caches belong to somebody else.
  const ms = await run.contender.run(run.calls);
  run.samples.push(ms * 1000);
  run.spent += ms * run.calls;
}
