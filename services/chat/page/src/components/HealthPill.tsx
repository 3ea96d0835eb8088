import { health, refreshHealth, type Health } from "../state/health";
import { Popover } from "./Popover";

/** The state of all services in one pill, which opens into words. */
export function HealthPill() {
  const { state } = health.value;
  return (
    <>
      <button class={`pill health ${state}`} popovertarget="health" aria-label={`State of the services: ${summary(health.value)}`} onClick={() => void refreshHealth()}>
        <span class="dot" aria-hidden="true" />
        <span class="words">{summary(health.value)}</span>
      </button>
      <Popover id="health" kind="health-card" label="State of the services">{() => <Checks />}</Popover>
    </>
  );
}

function Checks() {
  const { state, checks } = health.value;
  return (
    <>
      <h2>State of the services</h2>
      {state === "away" && <p>The chat service does not answer. The page tries again every few seconds.</p>}
      <dl>
        {checks.map(({ name, ok, words }) => (
          <div key={name} class={ok ? "good" : "bad"}>
            <dt><span class="dot" aria-hidden="true" />{name}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <p class="muted small">What fails here is asked again by itself. Messages that are answered while the broker is away are kept on disk, and counted later.</p>
    </>
  );
}

function summary({ state, checks }: Health): string {
  const failing = checks.filter((check) => !check.ok);
  switch (state) {
    case "unknown":
      return "Looking…";
    case "ready":
      return "All services ready";
    case "away":
      return "Chat service is away";
    default:
      return failing.length === 1 && failing[0] ? `${failing[0].name.split(",")[0]} fails` : `${failing.length} of ${checks.length} fail`;
  }
}
