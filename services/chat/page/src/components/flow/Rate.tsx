import { computed, signal } from "@preact/signals";
import { events, overview, serviceNow } from "../../state/flow";
import { hourAndMinute, inDigits } from "../../state/formats";
import { inWords, median, toCount } from "../../state/hops";

const shown = 30; // minutes
const minute = 60_000;

/** What was counted in each of the last minutes, oldest first. */
const rate = computed(() => {
  const known = overview.value?.minutes ?? [];
  const at = new Map(known.map(({ minute, counted }) => [Date.parse(minute), counted]));
  // A minute that has begun by the clock of another machine is shown, too.
  const last = Math.max(Math.floor(serviceNow() / minute) * minute, ...at.keys());
  return Array.from({ length: shown }, (_, n) => {
    const time = last - (shown - 1 - n) * minute;
    return { time, counted: at.get(time) ?? 0 };
  });
});

const total = computed(() => rate.value.reduce((sum, { counted }) => sum + counted, 0));

/** The bar that is pointed at. */
const pointedAt = signal<number | null>(null);

/** How many messages are counted, and how fast. */
export function Rate() {
  if (!overview.value) return null;
  const delay = median((events.value ?? []).slice(0, shown).map(toCount));
  return (
    <section class="flow-part" aria-labelledby="rate-title">
      <h2 id="rate-title">Messages</h2>
      <div class="box">
        <dl class="figures">
          <Figure name="in 30 minutes" value={inDigits(total.value)} />
          <Figure name="this minute" value={inDigits(rate.value.at(-1)?.counted ?? 0)} />
          <Figure name="answer to count" value={delay === undefined ? "–" : inWords(delay)} />
        </dl>
        <Chart />
      </div>
    </section>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}

function Chart() {
  const all = rate.value;
  const most = Math.max(1, ...all.map(({ counted }) => counted));
  const top = ceiling(most);
  const pointed = pointedAt.value === null ? undefined : all[pointedAt.value];
  const time = (ms: number) => hourAndMinute(new Date(ms));
  const point = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
    pointedAt.value = Math.min(shown - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * shown)));
  };
  const words = total.value
    ? `Messages counted in each of the last 30 minutes: ${all.at(-1)?.counted} in this minute, at most ${most} in one, ${total.value} in all.`
    : "No messages were counted in the last 30 minutes.";
  return (
    <figure class="rate">
      <svg viewBox={`0 0 ${shown} 100`} preserveAspectRatio="none" role="img" aria-label={words}
        onPointerMove={point} onPointerLeave={() => (pointedAt.value = null)}>
        {all.map(({ time, counted }, n) => {
          const height = counted ? Math.max(5, (96 * counted) / top) : 2;
          const kind = counted === 0 ? "none" : n === pointedAt.value || (pointedAt.value === null && n === shown - 1) ? "now" : "";
          return <rect key={time} class={kind} x={n + 0.14} width={0.72} y={100 - height} height={height} />;
        })}
      </svg>
      <figcaption aria-hidden="true">
        <span>{time(all[0]!.time)}</span>
        <span class="pointed">{pointed ? `${time(pointed.time)}: ${inDigits(pointed.counted)}` : total.value ? `at most ${inDigits(most)} a minute` : "none yet"}</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

/** A round number that is not below n, so that bars do not jump with each message. */
function ceiling(n: number): number {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 3, 5, 10].map((step) => step * power).find((step) => step >= Math.max(n, 4)) ?? 10 * power;
}
