import { signal } from "@preact/signals";
import { overview } from "../../state/flow";
import { user } from "../../state/identity";
import { inDigits } from "../../state/formats";

const few = 5; // users who are shown at first

const whole = signal(false);

/** The counts of those who have sent something lately. */
export function Users() {
  const users = overview.value?.users;
  if (!users?.length || (users.length === 1 && !overview.value?.operator)) return null; // one's own count is in the header
  const all = [...users].sort((a, b) => b.count - a.count || (a.user_id < b.user_id ? -1 : 1));
  const most = all[0]?.count || 1;
  const more = all.length - few;
  return (
    <section class="flow-part" aria-labelledby="users-title">
      <h2 id="users-title">Counts by user</h2>
      <div class="box">
        <ul class="users">
          {all.slice(0, whole.value ? all.length : few).map(({ user_id, count }) => (
            <li key={user_id}>
              <span class="name" title={user_id}>{user_id}{user_id === user.value && <small class="muted"> you</small>}</span>
              <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                <rect class="rail" width="100" height="4" /><rect width={Math.max(1, (100 * count) / most)} height="4" />
              </svg>
              <b>{inDigits(count)}</b>
            </li>
          ))}
        </ul>
      </div>
      {more > 0 && <div class="row under"><button class="quiet action" onClick={() => (whole.value = !whole.value)}>{whole.value ? "Show fewer" : `Show ${more} more`}</button></div>}
    </section>
  );
}
