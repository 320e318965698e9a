import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { cpu } from "@descent/backend-cpu";
import { setBackend } from "@descent/core";
import { expect, test } from "vitest";
import { LEARNER_SPACE, type LearnerHyper, learner } from "../testing/learner.ts";
import type { Request } from "../testing/worker.ts";
import { type LocalCheckpoint, type Member, PopulationBasedTraining, packTensors } from "./index.ts";

/** The program of the threads: TypeScript, which nobody translates in a worker unless it is asked to. */
const PROGRAM = `import("tsx/esm/api").then(({ register }) => (register(), import("${new URL("../testing/worker.ts", import.meta.url)}")))`;
const NUMBERS = [0, 1];

/** A member in a thread of its own, whose checkpoints come as plain data. */
function remote(number: number): { readonly member: Member<LearnerHyper, unknown>; readonly worker: Worker } {
  const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: number });
  const ask = async (request: Request): Promise<unknown> => {
    worker.postMessage(request);
    return (await once(worker, "message"))[0];
  };
  const member: Member<LearnerHyper, unknown> = {
    train: (hyperparameters, generation) => ask({ task: "train", hyperparameters, generation }) as Promise<number>,
    save: () => ask({ task: "save" }),
    load: (checkpoint) => ask({ task: "load", checkpoint }),
  };
  return { member, worker };
}

test("members in threads of their own give the lineage and the weights of members of this process", async () => {
  setBackend(cpu());
  const threads = NUMBERS.map(remote);
  try {
    const options = { mode: "max", quantile: 0.5, seed: 3 } as const;
    const here = new PopulationBasedTraining<LearnerHyper, LocalCheckpoint>(
      NUMBERS.map((number) => learner(number).member),
      LEARNER_SPACE,
      options,
    );
    const there = new PopulationBasedTraining(
      threads.map(({ member }) => member),
      LEARNER_SPACE,
      options,
    );
    await Promise.all([here.run(4), there.run(4)]);
    expect(there.lineage).toEqual(here.lineage);
    expect(there.lineage.some(({ parent }) => parent !== null)).toBe(true);
    const [ours, theirs] = await Promise.all([here.save(), there.save()]);
    expect(theirs.members).toEqual(await packTensors(ours.members));
  } finally {
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }
});
