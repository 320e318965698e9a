import { BackendError, OutOfMemoryError, TensorError } from "@descent/core";
import type { DeviceFailure, Driver, Program } from "./driver.ts";
import { garbageCollector } from "./garbage.ts";
import type { DeviceArray } from "./gpu-js.ts";
import type { Queue } from "./queue.ts";
import type { Shader } from "./shaders/shader.ts";

/** Where a result will be once its launch has run. */
interface Cell {
  array: DeviceArray | null;
  /** Why there is none. */
  error: TensorError | null;
  readonly bytes: number;
}

/** Elements on the device, now or after the launches that have been asked for. */
export class GpuArray {
  constructor(
    readonly length: number,
    /** @internal */
    readonly cell: Cell,
  ) {}
}

/** What a device has done, and what is on it. */
export interface DeviceCounts {
  launches: number;
  compilations: number;
  /** Arrays on the device that are not freed. Beside them gpu.js keeps the last result of every shader. */
  live: number;
  /** What they take up. */
  bytes: number;
}

const BYTES_PER_ELEMENT = 4;

/** Indices of shaders are floats, which count no further. */
const MOST_ELEMENTS = 2 ** 24;

/** Launches shaders in order, and keeps count of what is on the device. */
export class Device {
  readonly counts: DeviceCounts = { launches: 0, compilations: 0, live: 0, bytes: 0 };
  readonly #programs = new Map<string, Program>();
  // What nobody holds any more is freed when the event loop turns after it was collected.
  readonly #dropped = new FinalizationRegistry<Cell>((cell) => this.#delete(cell));
  readonly #collect = garbageCollector();
  /** Bytes that were asked for since garbage was last collected on request. */
  #asked = 0;

  constructor(
    readonly driver: Driver,
    readonly queue: Queue,
    /** Bytes on the device from which on garbage is collected on request: the engine does not see how much it holds there. */
    readonly budget = Number.POSITIVE_INFINITY,
  ) {}

  upload(op: string, values: Float32Array): GpuArray {
    return this.#enqueue(op, [], values.length, () => this.driver.upload(values));
  }

  /** Computes `n` elements from arrays and scalars, in the order in which the shader takes them. */
  launch(op: string, shader: Shader, arrays: readonly GpuArray[], scalars: readonly number[], n: number): GpuArray {
    const cells = arrays.map((x) => x.cell);
    return this.#enqueue(op, cells, n, () => {
      const program = this.#program(shader);
      this.counts.launches++;
      return program(n, [...cells.map((cell) => cell.array!), ...scalars]);
    });
  }

  /** Copies elements to the host when the launches before have run. */
  read(x: GpuArray): Promise<Float32Array> {
    const { cell, length } = x;
    if (length === 0) return Promise.resolve(new Float32Array(0));
    return new Promise((resolve, reject) => {
      this.queue.push(() => {
        // The copy is in order once it has begun: what comes later does not wait for it.
        this.#copy(cell, length).then(resolve, reject);
      });
    });
  }

  async #copy({ array, error }: Cell, length: number): Promise<Float32Array> {
    if (error !== null) throw error;
    if (array === null) throw new Error("an array was read after it was freed");
    let values: Float32Array;
    try {
      values = await array.toArray();
    } catch (error) {
      throw launchError("read", error, length);
    }
    const failure = this.driver.failure();
    if (failure !== null) throw reportedError(failure);
    return values;
  }

  /** Copies elements to the host at once. Only where the queue is immediate. */
  download({ cell, length }: GpuArray): Float32Array {
    if (length === 0) return new Float32Array(0);
    if (cell.error !== null) throw cell.error;
    return cell.array!.toArray() as Float32Array;
  }

  free(x: GpuArray): void {
    this.#dropped.unregister(x);
    this.#delete(x.cell);
  }

  #delete(cell: Cell): void {
    this.queue.push(() => {
      if (cell.array === null) return;
      cell.array.delete();
      cell.array = null;
      this.counts.live--;
      this.counts.bytes -= cell.bytes;
    });
  }

  #program(shader: Shader): Program {
    let program = this.#programs.get(shader.key);
    if (program === undefined) {
      program = this.driver.compile(shader);
      this.counts.compilations++;
      this.#programs.set(shader.key, program);
    }
    return program;
  }

  /** Collects garbage where the device holds more than the budget, once for every half of it that is asked for. */
  #relieve(bytes: number): void {
    this.#asked += bytes;
    if (this.#collect === null || this.counts.bytes < this.budget || this.#asked < this.budget / 2) return;
    this.#asked = 0;
    this.#collect();
  }

  /** An array that a launch will fill. Where what it reads has failed, it fails for the same reason. */
  #enqueue(op: string, inputs: readonly Cell[], n: number, launch: () => DeviceArray | Promise<DeviceArray>): GpuArray {
    checkSize(op, n);
    const cell: Cell = { array: null, error: null, bytes: BYTES_PER_ELEMENT * n };
    const result = new GpuArray(n, cell);
    if (n === 0) return result;
    this.#relieve(cell.bytes);
    this.#dropped.register(result, cell, result);
    const fail = (error: unknown): void => {
      cell.error = launchError(op, error, n);
    };
    const fill = (array: DeviceArray): void => {
      cell.array = array;
      this.counts.live++;
      this.counts.bytes += cell.bytes;
    };
    this.queue.push(() => {
      cell.error = inputs.find((x) => x.error !== null)?.error ?? null;
      if (cell.error !== null) return;
      try {
        const array = launch();
        if (array instanceof Promise) return array.then(fill, fail);
        fill(array);
      } catch (error) {
        fail(error);
      }
    });
    return result;
  }
}

/** Throws where a tensor has more elements than shaders can count. */
function checkSize(op: string, n: number): void {
  if (n > MOST_ELEMENTS)
    throw new OutOfMemoryError(
      op,
      `the GPU backend holds at most 2^24 = ${MOST_ELEMENTS} elements in one tensor, and this one has ${n}`,
      "split the tensor, or use backend-wasm",
    );
}

/** What the device has reported by itself, of a launch that nobody knows. */
function reportedError({ message, isMemory }: DeviceFailure): TensorError {
  const problem = `the device reported an error in what was launched before: ${message}`;
  return isMemory
    ? new OutOfMemoryError("read", problem, "use smaller batches, and scope() or dispose() to free tensors earlier")
    : new BackendError("read", problem, "make a new backend with await gpu(), and load the last checkpoint");
}

/** What went wrong on the device, with the op that asked for it. */
function launchError(op: string, error: unknown, n: number): TensorError {
  if (error instanceof TensorError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new BackendError(
    op,
    `the device failed on a result of ${n} elements: ${reason}`,
    // gpu.js opens another device for the next kernel that it compiles.
    /\blost\b|different WebGPU device/.test(reason)
      ? "make a new backend with await gpu(), and load the last checkpoint"
      : "try a smaller batch, or another mode of gpu()",
  );
}
