/** What PyTorch's printed form of a layer holds. */
type Shown = number | boolean | string | null | readonly Shown[];

/** A value as Python prints it. */
export function python(value: Shown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value}'`;
  if (typeof value === "number") return pythonNumber(value);
  return `(${value.map(python).join(", ")}${value.length === 1 ? "," : ""})`;
}

/** Python turns to exponents below 1e-4 and from 1e16 on, JavaScript later, and Python writes at least two digits. */
function pythonNumber(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (size === 0 || (size >= 1e-4 && size < 1e16)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/** A number as Python prints a float: `1.0` for 1. */
export const pythonFloat = (value: number): string => pythonNumber(value).replace(/^-?\d+$/, "$&.0");

type Named = Readonly<Record<string, Shown>>;

const parts = (values: Named): string[] =>
  Object.entries(values).map(([name, value]) => `${snakeCase(name)}=${python(value)}`);

/** `name=value, …`, with names in PyTorch's spelling. */
export const keywords = (values: Named): string => parts(values).join(", ");

/** `, name=value…` of the values that are not the default, which follow what is always shown. */
export function changes(values: Named, defaults: Named): string {
  const usual = parts(defaults);
  return parts(values)
    .filter((part) => !usual.includes(part))
    .map((part) => `, ${part}`)
    .join("");
}

/** The name of a field in PyTorch's spelling. Names that are not in camelCase (`Mixed_5b`, `ln_1`) stay as they are. */
export const snakeCase = (name: string): string =>
  /^[a-z][A-Za-z0-9]*$/.test(name) ? name.replace(/(?<=[a-z0-9])[A-Z]/g, "_$&").toLowerCase() : name;

/** `Name(extra)`, or over several lines with the children, as PyTorch prints a module. */
export function tree(name: string, extra: string, children: readonly string[]): string {
  const lines = [...(extra === "" ? [] : extra.split("\n")), ...children];
  if (lines.length === 0) return `${name}()`;
  return children.length === 0 && lines.length === 1 ? `${name}(${extra})` : `${name}(\n${indent(lines)}\n)`;
}

const indent = (lines: readonly string[]): string =>
  lines.map((line) => `  ${line.replaceAll("\n", "\n  ")}`).join("\n");

/** A list of printed modules, where a run of equal ones takes one line. */
export function listTree(items: readonly string[], name = "ModuleList"): string {
  const lines: string[] = [];
  for (let start = 0, end = 1; start < items.length; start = end++) {
    while (items[end] === items[start]) end++;
    const count = end - start;
    lines.push(count === 1 ? `(${start}): ${items[start]}` : `(${start}-${end - 1}): ${count} x ${items[start]}`);
  }
  return tree(name, "", lines);
}
