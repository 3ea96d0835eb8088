import type { Cluster } from "../api/service";
import { config } from "../state/config";
import { CopyButton } from "./CopyButton";
import { portForward, printToken } from "./kubectl";
import { Popover } from "./Popover";

/** The API, one click away, and how to reach the services from elsewhere. */
export function DocsMenu() {
  return (
    <>
      <button class="quiet" popovertarget="docs">API</button>
      <Popover id="docs" kind="docs-card" label="API and documentation">{() => <Docs />}</Popover>
    </>
  );
}

function Docs() {
  const cluster = config.value?.cluster;
  return (
    <>
      <h2>API and documentation</h2>
      <ul class="doc-links">
        <li><a href="docs">Chat, with every route to try out</a></li>
        <li><a href="openapi.json">openapi.json</a> <span class="muted">for generators and clients</span></li>
      </ul>
      <p>From a terminal:</p>
      <Command line={curl()} what="the request" />
      {cluster && <PortForwards cluster={cluster} />}
      {config.value && !config.value.kubernetes && (
        <p class="muted small">The analytics service has its own, at the address that make run prints.</p>
      )}
      <p class="muted small">Version {config.value?.version ?? "not known"} · <a href="page/licenses.txt">Licenses of this page</a></p>
    </>
  );
}

const curl = () =>
  `curl -s -X POST ${location.origin}/chat/ -H 'Content-Type: application/json' -d '{"user_id": "alice", "text": "Hello"}'`;

/** The lines that bring the services of a cluster to this machine. */
function PortForwards({ cluster }: { cluster: Cluster }) {
  return (
    <>
      <p>From another machine that reaches the cluster:</p>
      {cluster.chat && <Command line={portForward(cluster, cluster.chat, 8000)} what="the line for chat" />}
      {cluster.analytics && <Command line={portForward(cluster, cluster.analytics, 8001)} what="the line for analytics" />}
      <p class="muted small">Then chat is at localhost:8000{cluster.analytics && ", and the API of analytics at localhost:8001/docs"}.</p>
      {cluster.admin_secret && (
        <>
          <p>The token of operators, which sets counts and replays dead letters:</p>
          <Command line={printToken(cluster, cluster.admin_secret)} what="the line for the token" />
        </>
      )}
    </>
  );
}

function Command({ line, what }: { line: string; what: string }) {
  return <div class="command"><code tabIndex={0}>{line}</code><CopyButton text={() => line} what={what} /></div>;
}
