// Errors as sentences: what happened, and what to do about it.
import type { ApiError } from "../api/http";

export interface Problem {
  what: string;
  todo: string;
  /** What the service said, where that helps. */
  detail: string;
  canRetry: boolean;
}

export function problemOf(error: ApiError): Problem {
  const { status, detail, retryAfter } = error;
  const wait = retryAfter ? `in ${retryAfter} s` : "in a moment";
  const say = (what: string, todo: string, canRetry = true): Problem => ({ what, todo, detail, canRetry });
  switch (status) {
    case 0:
      return say("The chat service cannot be reached.", "Check that it runs and that you are connected, then try again.");
    case 400:
    case 422:
      return say("The service did not accept the message.", "Change it and send it again.", false);
    case 403:
      return say("The service does not take requests from this page.", "Open the page at the service's own address.", false);
    case 404:
      return say("This conversation is not there any more.", "Start a new one.", false);
    case 409:
      return say("The same message is being answered already.", `Try again ${wait}.`);
    case 413:
      return say("The message is too long for the model.", "Shorten it, or start a new conversation.", false);
    case 429:
      return say("Too many messages at once.", `Try again ${wait}.`);
    case 502:
      if (/unavailable/.test(detail)) return say("The model cannot be reached, or gives no answer.", "Check that it runs and its address, then try again.");
      return say("The model did not accept the request.", "Check its key and its name, or try again.");
    case 503:
      return say("The model or the service is busy.", `Try again ${wait}.`);
    case 504:
      return say("The model did not answer in time.", "Try again. The message was not counted.");
    default:
      return say("The service failed to answer.", "Try again. Its log says why it failed.");
  }
}
