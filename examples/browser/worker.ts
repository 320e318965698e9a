// Trains in a thread of its own, so that the page answers at once also where a step takes a second.
import { whyNot } from "./backends.ts";
import { failureOf } from "./failure.ts";
import type { Command, Report } from "./messages.ts";
import { Run } from "./run.ts";
import { BACKENDS, type BackendName, type Settings } from "./settings.ts";
import { train } from "./training.ts";

const report = (report: Report): void => self.postMessage(report);
let run: Run | null = null;

self.addEventListener("message", ({ data: command }: MessageEvent<Command>) => {
  switch (command.kind) {
    case "probe":
      probe();
      break;
    case "train":
      start(command.settings, command.directory);
      break;
    case "pause":
      run?.pause();
      break;
    case "resume":
      run?.resume();
      break;
    case "lr":
      if (run !== null) run.lr = command.lr;
  }
});

async function probe(): Promise<void> {
  for (const backend of Object.keys(BACKENDS) as BackendName[])
    report({ kind: "probed", backend, problem: await whyNot(backend) });
}

async function start(settings: Settings, directory: string): Promise<void> {
  run = new Run(report, settings.lr);
  try {
    await train(settings, directory, run);
    report({ kind: "ended" });
  } catch (error) {
    report({ kind: "failed", ...failureOf(error) });
  }
}
