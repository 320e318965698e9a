import { data } from "descent";

/** Digits to train with, to choose by, and to tell at the end how good the choice is. */
export interface Digits {
  readonly train: Part;
  readonly validation: Part;
  readonly test: Part;
}

/** Some digits of a set, from one number to before another. */
export interface Part {
  readonly set: data.MNIST;
  readonly from: number;
  readonly to: number;
}

const VALIDATION = 2000;

/** The first training digits of MNIST, the 2,000 after them for validation, and all of the test set. */
export async function loadDigits(trainSize: number): Promise<Digits> {
  const set = await data.MNIST.load({ size: trainSize + VALIDATION });
  const test = await data.MNIST.load({ train: false });
  return {
    train: { set, from: 0, to: trainSize },
    validation: { set, from: trainSize, to: trainSize + VALIDATION },
    test: { set: test, from: 0, to: test.length },
  };
}
