import { health } from "../../state/health";

/** How each service that the chat depends on is, in words. */
export function Services() {
  const { state, checks } = health.value;
  return (
    <section class="flow-part" aria-labelledby="services-title">
      <h2 id="services-title">Services</h2>
      <div class="box">
        {state === "away" ? <p class="wrong">The chat service does not answer.</p>
          : state === "unknown" ? <p class="muted">Looking…</p> : (
          <dl class="services">
            {checks.map(({ name, ok, words }) => (
              <div key={name} class={ok ? "good" : "bad"}>
                <dt><span class="dot" aria-hidden="true" />{name.split(",")[0]}</dt>
                <dd>{words}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </section>
  );
}
