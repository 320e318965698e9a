import { type ErrorCode, TensorError } from "descent";
import type { Failure } from "./messages.ts";

/** What helps on this page, where it is not what helps in a program. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  BACKEND: "Press “Reset” and start again, or choose another backend.",
  OUT_OF_MEMORY: "Press “Reset” and choose a smaller batch size, or another backend.",
  DATA: "Serve the page by “npm run browser”, which brings the images along, and open it as localhost.",
};

/** An error as sentences. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof TensorError))
    return {
      problem: sentence(error instanceof Error ? error.message : String(error)),
      remedy: "Reload the page, and choose another backend if this comes again.",
    };
  const remedy = REMEDIES[error.code] ?? `Press “Reset” and ${error.remedy ?? "start again"}.`;
  return { problem: sentence(`${error.op}: ${error.problem}`), remedy };
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.?$/, ".")}`;
