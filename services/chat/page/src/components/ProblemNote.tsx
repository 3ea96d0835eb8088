import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/http";
import { problemOf } from "../state/problems";
import { Icon } from "./Icon";

interface Props {
  error: ApiError;
  retry?: (() => void) | undefined;
  children?: ComponentChildren;
}

/** An error, where it happened: what it is, what to do, and the button that does it. */
export function ProblemNote({ error, retry, children }: Props) {
  const { what, todo, detail, canRetry } = problemOf(error);
  return (
    <div class="problem" role="group" aria-label="What went wrong">
      <Icon name="wrong" />
      <div>
        <p><b>{what}</b> {todo}</p>
        {detail && <p class="detail">{error.status ? `${error.status}: ` : ""}{detail}</p>}
        <div class="row">
          {canRetry && retry && <button class="plain" onClick={retry}>Try again</button>}
          {children}
        </div>
      </div>
    </div>
  );
}
