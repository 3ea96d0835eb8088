package main

// promise is what each pair has to keep, and the test that holds it.
type promise struct {
	text string
	test string
}

func promises() []promise {
	return []promise{
		{"the HTTP contract", "TestWalkThrough"},
		{"every user id works everywhere", "TestUserIDs"},
		{"users are kept apart", "TestUsersAreKeptApart"},
		{"exact over many users, repeated ids, two replicas", "TestExactOverManyUsersAndTwoReplicas"},
		{"exact for a hot user, two replicas", "TestExactForAHotUserAndTwoReplicas"},
		{"an Idempotency-Key counts once", "TestIdempotencyKeyCountsOnce"},
		{"a repetition gets the answer of the first request, two replicas of chat", "TestARepetitionGetsTheAnswerOfTheFirst"},
		{"deliveries fail", "TestExactWhenTheServiceFails"},
		{"answers are lost or mixed up", "TestExactWhateverTheAnswers"},
		{"the service is killed", "TestExactWhenTheServiceIsKilled"},
		{"the service hangs", "TestExactWhenTheServiceHangs"},
		{"the sidecar is killed: redelivery", "TestExactWhenTheSidecarIsKilled"},
		{"a replica is killed: redelivery to the other", "TestExactWhenAReplicaIsKilled"},
		{"service and sidecar are killed", "TestExactWhenServiceAndSidecarAreKilled"},
		{"a replica stops", "TestExactWhenAReplicaStops"},
		{"services stop under load", "TestExactOverGracefulStops"},
		{"the store is away, and back", "TestExactWhenTheStoreIsDown"},
		{"the broker is away, and back", "TestExactWhenTheBrokerIsDown"},
		{"store and broker hang, or are killed", "TestExactWhenServersFail"},
		{"the spool keeps what cannot be published", "TestExactWhenPublishingIsDown"},
		{"dead letters", "TestPoison"},
		{"poison in every batch", "TestExactWithPoisonInEveryBatch"},
		{"conversations are remembered, two replicas of chat", "TestConversations"},
		{"one conversation on two replicas at once", "TestOneSessionOnTwoReplicas"},
		{"a conversation that is deleted stays deleted", "TestASessionIsDeletedDuringAnAnswer"},
		{"a conversation is forgotten when its time is over", "TestSessionsAreForgotten"},
		{"trimming removes nothing that is needed", "TestExactWhileStreamsAreTrimmed"},
	}
}
