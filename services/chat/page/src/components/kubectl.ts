// Lines for a terminal that reaches the cluster.
import type { Cluster } from "../api/service";

/** The beginning of a line, for the namespace of the suite if that is known. */
export const kubectl = (cluster?: Cluster): string => (cluster ? `kubectl -n ${cluster.namespace}` : "kubectl");

/** Brings a Service, such as "daca-chat:8000", to a port of the machine where the line is run. */
export function portForward(cluster: Cluster, service: string, port: number): string {
  const [name, servicePort] = service.split(":");
  return `${kubectl(cluster)} port-forward svc/${name} ${port}:${servicePort}`;
}

/** Prints the operators' token. */
export const printToken = (cluster: Cluster, secret: string): string =>
  `${kubectl(cluster)} get secret ${secret} -o jsonpath='{.data.token}' | base64 -d`;
