// Requests to the chat service. All paths are relative, so that the page also works
// behind a prefix.

/** An answer with an error status, or no answer at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** What the service says about it, or nothing. */
    readonly detail: string,
    /** Seconds to wait before another try, or 0. */
    readonly retryAfter = 0,
  ) {
    super(detail || `status ${status}`);
  }
}

/** Whether the error says that there is no such thing. */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** When the script has run: what is asked for comes after what can be seen. */
export const begun = new Promise<void>((resolve) => setTimeout(resolve));

/** Sends a request, and returns the answer if it is a good one. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  await begun;
  try {
    answer = await fetch(path, { cache: "no-store", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "");
  }
  if (!answer.ok) throw await failureOf(answer);
  return answer;
}

/** Sends a request, and returns the JSON of the answer. */
export async function requestJSON<T>(path: string, init: RequestInit = {}): Promise<T> {
  return (await request(path, init)).json() as Promise<T>;
}

/** The method, headers and body of a request with JSON. */
export function jsonBody(method: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
}

async function failureOf(answer: Response): Promise<ApiError> {
  let detail: unknown;
  try {
    detail = ((await answer.json()) as { detail?: unknown }).detail;
  } catch {
    // A proxy answers with something else than JSON.
  }
  return new ApiError(answer.status, describe(detail), Number(answer.headers.get("Retry-After")) || 0);
}

/** Says in words what an answer has as its detail: a text, or a list of what is wrong. */
export function describe(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail)) return "";
  return detail.map((wrong: { msg?: string; loc?: unknown[] }) => `${wrong.loc?.at(-1) ?? ""}: ${wrong.msg ?? ""}`).join("; ");
}
