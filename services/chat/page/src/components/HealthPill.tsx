import { health, refreshHealth, type Health } from "../state/health";

/** The state of all services in one pill, which opens into words. */
export function HealthPill() {
  const { state, checks } = health.value;
  return (
    <>
      <button class={`pill health ${state}`} popovertarget="health" aria-label={`State of the services: ${summary(health.value)}`} onClick={() => void refreshHealth()}>
        <span class="dot" aria-hidden="true" />
        <span class="words">{summary(health.value)}</span>
      </button>
      <div id="health" popover="auto" class="card health-card" role="dialog" aria-label="State of the services">
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
      </div>
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
