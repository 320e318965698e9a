import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Task } from "../workloads/task.ts";
import type { Hello, Reply, Request } from "./messages.ts";

/** How a contender's program is started. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Seconds that a reply may take, where the command line says nothing. */
  readonly patience: number;
}

/** Why there is no time; the message is for the table. */
export class NoTime extends Error {}

const START_SECONDS = 120;

/** The driver's side of a contender: a process that lives until it crashes or takes too long, and is then started anew for the next task. */
export class Contender {
  hello: Hello | null = null;
  #child: ChildProcessWithoutNullStreams | null = null;
  #waiting: { resolve(line: string): void; reject(error: NoTime): void } | null = null;
  #stderr = "";

  /** A reply may take `budget` seconds; `null` leaves that to the launch. */
  constructor(
    readonly name: string,
    readonly launch: Launch,
    readonly budget: number | null,
  ) {}

  /** Starts the process, unless it runs, and waits for its hello. */
  async start(): Promise<Hello> {
    if (this.#child === null) {
      this.#child = this.#spawn();
      this.hello = JSON.parse(await this.#line(START_SECONDS)) as Hello;
    }
    return this.hello!;
  }

  /** Gets a task ready; returns the name of the variant that was chosen, if there were several. */
  async make(task: Task): Promise<string | null> {
    await this.start();
    const reply = await this.#ask({ make: task });
    return ("variant" in reply && reply.variant) || null;
  }

  /** Milliseconds of one call, averaged over so many. */
  async run(calls: number): Promise<number> {
    const reply = await this.#ask({ run: calls });
    return "ms" in reply ? reply.ms / calls : Number.NaN;
  }

  stop(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }

  async #ask(request: Request): Promise<Reply> {
    if (this.#child === null) throw new NoTime("ended");
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const reply = JSON.parse(await this.#line(this.budget ?? this.launch.patience)) as Reply;
    if ("unable" in reply) throw new NoTime(reply.unable);
    if ("failed" in reply) throw new NoTime(`failed: ${reply.failed}`);
    return reply;
  }

  #line(seconds: number): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.stop();
        reject(new NoTime(`took more than ${seconds} s`));
      }, seconds * 1000);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          this.#waiting = null;
          then(value);
        };
      this.#waiting = { resolve: settle(resolve), reject: settle(reject) };
    });
  }

  #spawn(): ChildProcessWithoutNullStreams {
    const { command, args, env } = this.launch;
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "pipe" });
    this.#stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4000);
    });
    child.stdin.on("error", () => {}); // Its end says more.
    createInterface({ input: child.stdout }).on("line", (line) => {
      // Libraries print what they like; answers are objects. A process that was given up on may still have said something.
      if (this.#child === child && line.startsWith("{")) this.#waiting?.resolve(line);
    });
    void this.#watch(child);
    return child;
  }

  async #watch(child: ChildProcessWithoutNullStreams): Promise<void> {
    const [code, signal] = await once(child, "close").catch((error: Error) => [error.message, null]);
    if (this.#child !== child) return;
    this.#child = null;
    const lines = this.#stderr.trim().split("\n");
    const cause = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)!;
    this.#waiting?.reject(new NoTime(`crashed (${signal ?? code}): ${cause.trim().slice(0, 200)}`));
  }
}
