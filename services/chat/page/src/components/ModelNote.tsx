import type { Cluster } from "../api/service";
import { config } from "../state/config";
import { CopyButton } from "./CopyButton";
import { kubectl } from "./kubectl";
import { Popover } from "./Popover";

const local = ["OPENAI_API_KEY=sk-… make run", "GEMINI_API_KEY=… make run"];

const onKubernetes = (cluster?: Cluster) => [
  `${kubectl(cluster)} create secret generic daca-model --from-literal=api-key="$OPENAI_API_KEY"`,
  `helm upgrade daca charts/daca ${cluster ? `-n ${cluster.namespace} ` : ""}--reset-then-reuse-values --set chat.model.existingSecret=daca-model,offlineModel.keep=true`,
];

/** How to get a real model, where the offline one answers. */
function OfflineModel({ kubernetes }: { kubernetes: boolean }) {
  return (
    <>
      <p>
        <b>The offline model answers.</b> It needs no key and no network, knows the time, and otherwise repeats what you
        say. {kubernetes ? "These two lines bring a real one:" : "To talk to a real one, stop make run, and start it again with one of these lines:"}
      </p>
      {(kubernetes ? onKubernetes(config.value?.cluster) : local).map((line) => (
        <div class="command" key={line}><code tabIndex={0}>{line}</code><CopyButton text={() => line} what="the line" /></div>
      ))}
      {!kubernetes && <p class="muted small">Ollama and other servers: set OPENAI_BASE_URL, such as http://localhost:11434/v1, and OPENAI_MODEL.</p>}
    </>
  );
}

/** The note in an empty chat. */
export function ModelNote() {
  if (!config.value?.model.offline) return null;
  return <aside class="model-note" aria-label="The model"><OfflineModel kubernetes={config.value.kubernetes} /></aside>;
}

/** The name of the model, beside the field for messages. */
export function ModelChip() {
  if (!config.value) return null;
  const { model, kubernetes } = config.value;
  if (!model.offline) return <span class="muted small chip" title="The model that answers">{model.name}</span>;
  return (
    <>
      <button type="button" class="quiet small chip" popovertarget="model">offline model</button>
      <Popover id="model" kind="model-card" label="The model">{() => <OfflineModel kubernetes={kubernetes} />}</Popover>
    </>
  );
}
