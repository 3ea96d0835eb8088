// Package contract holds everything that crosses a process boundary: the names by
// which services and Dapr resources find each other, the events that they exchange,
// and the rules for the identifiers in them. Chat and analytics both import it, and
// never each other.
package contract

// App ids, by which Dapr sidecars find each other. Each is also the name of the
// service's image, chart and Deployment.
const (
	ChatApp      = "chat-service"
	AnalyticsApp = "analytics-service"
)

// Names of the Dapr components, the same in components/ and in the charts.
const (
	StateStore = "statestore"
	PubSub     = "pubsub"
)

// Topics of the pub/sub component. Each is delivered to the analytics route of
// the same name.
const (
	TopicMessages    = "messages"
	TopicUsers       = "users"
	TopicDeadLetters = "deadletters"
)
