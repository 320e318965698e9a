/** Computes a value when it is first asked for: kernels that a program never uses are not compiled. */
export function lazy<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
}
