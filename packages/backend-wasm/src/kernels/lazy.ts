/** Computes a value when it is first asked for: kernels that a program never uses are not compiled. */
export function lazy<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

/** The same for every entry of a table. */
export const lazyTable = <Key extends string, From, T>(
  table: Partial<Record<Key, From>>,
  make: (from: From) => T,
): Partial<Record<Key, () => T>> =>
  Object.fromEntries(
    Object.entries<From | undefined>(table).map(([key, from]) => [key, lazy(() => make(from!))]),
  ) as Partial<Record<Key, () => T>>;
