/**
 * Data sets and loaders.
 *
 * @module @descent/data
 */
export { type Collated, collate } from "./collate.ts";
export { DataLoader, type DataLoaderOptions } from "./data-loader.ts";
export { type Dataset, Subset, TensorDataset } from "./dataset.ts";
export { MNIST, type MNISTLoadOptions, type MNISTOptions } from "./mnist.ts";
