//go:build cgo

package kafka

// Codes of librdkafka and of its own library, below 0. Their numbers are librdkafka's.
const (
	ErrBadMsg                 ErrorCode = -199
	ErrBadCompression         ErrorCode = -198
	ErrDestroy                ErrorCode = -197
	ErrFail                   ErrorCode = -196
	ErrTransport              ErrorCode = -195
	ErrCritSysResource        ErrorCode = -194
	ErrResolve                ErrorCode = -193
	ErrMsgTimedOut            ErrorCode = -192
	ErrPartitionEOF           ErrorCode = -191
	ErrUnknownPartition       ErrorCode = -190
	ErrFs                     ErrorCode = -189
	ErrUnknownTopic           ErrorCode = -188
	ErrAllBrokersDown         ErrorCode = -187
	ErrInvalidArg             ErrorCode = -186
	ErrTimedOut               ErrorCode = -185
	ErrQueueFull              ErrorCode = -184
	ErrIsrInsuff              ErrorCode = -183
	ErrNodeUpdate             ErrorCode = -182
	ErrSsl                    ErrorCode = -181
	ErrWaitCoord              ErrorCode = -180
	ErrUnknownGroup           ErrorCode = -179
	ErrInProgress             ErrorCode = -178
	ErrPrevInProgress         ErrorCode = -177
	ErrExistingSubscription   ErrorCode = -176
	ErrAssignPartitions       ErrorCode = -175
	ErrRevokePartitions       ErrorCode = -174
	ErrConflict               ErrorCode = -173
	ErrState                  ErrorCode = -172
	ErrUnknownProtocol        ErrorCode = -171
	ErrNotImplemented         ErrorCode = -170
	ErrAuthentication         ErrorCode = -169
	ErrNoOffset               ErrorCode = -168
	ErrOutdated               ErrorCode = -167
	ErrTimedOutQueue          ErrorCode = -166
	ErrUnsupportedFeature     ErrorCode = -165
	ErrWaitCache              ErrorCode = -164
	ErrIntr                   ErrorCode = -163
	ErrKeySerialization       ErrorCode = -162
	ErrValueSerialization     ErrorCode = -161
	ErrKeyDeserialization     ErrorCode = -160
	ErrValueDeserialization   ErrorCode = -159
	ErrPartial                ErrorCode = -158
	ErrReadOnly               ErrorCode = -157
	ErrNoent                  ErrorCode = -156
	ErrUnderflow              ErrorCode = -155
	ErrInvalidType            ErrorCode = -154
	ErrRetry                  ErrorCode = -153
	ErrPurgeQueue             ErrorCode = -152
	ErrPurgeInflight          ErrorCode = -151
	ErrFatal                  ErrorCode = -150
	ErrInconsistent           ErrorCode = -149
	ErrGaplessGuarantee       ErrorCode = -148
	ErrMaxPollExceeded        ErrorCode = -147
	ErrUnknownBroker          ErrorCode = -146
	ErrNotConfigured          ErrorCode = -145
	ErrFenced                 ErrorCode = -144
	ErrApplication            ErrorCode = -143
	ErrAssignmentLost         ErrorCode = -142
	ErrNoop                   ErrorCode = -141
	ErrAutoOffsetReset        ErrorCode = -140
	ErrLogTruncation          ErrorCode = -139
	ErrInvalidDifferentRecord ErrorCode = -138
	ErrDestroyBroker          ErrorCode = -137
	ErrUnknown                ErrorCode = -1
)

// Codes that brokers answer with. Their numbers are those of the Kafka protocol.
const (
	ErrNoError                            ErrorCode = 0
	ErrOffsetOutOfRange                   ErrorCode = 1
	ErrInvalidMsg                         ErrorCode = 2
	ErrUnknownTopicOrPart                 ErrorCode = 3
	ErrInvalidMsgSize                     ErrorCode = 4
	ErrLeaderNotAvailable                 ErrorCode = 5
	ErrNotLeaderForPartition              ErrorCode = 6
	ErrRequestTimedOut                    ErrorCode = 7
	ErrBrokerNotAvailable                 ErrorCode = 8
	ErrReplicaNotAvailable                ErrorCode = 9
	ErrMsgSizeTooLarge                    ErrorCode = 10
	ErrStaleCtrlEpoch                     ErrorCode = 11
	ErrOffsetMetadataTooLarge             ErrorCode = 12
	ErrNetworkException                   ErrorCode = 13
	ErrCoordinatorLoadInProgress          ErrorCode = 14
	ErrCoordinatorNotAvailable            ErrorCode = 15
	ErrNotCoordinator                     ErrorCode = 16
	ErrTopicException                     ErrorCode = 17
	ErrRecordListTooLarge                 ErrorCode = 18
	ErrNotEnoughReplicas                  ErrorCode = 19
	ErrNotEnoughReplicasAfterAppend       ErrorCode = 20
	ErrInvalidRequiredAcks                ErrorCode = 21
	ErrIllegalGeneration                  ErrorCode = 22
	ErrInconsistentGroupProtocol          ErrorCode = 23
	ErrInvalidGroupID                     ErrorCode = 24
	ErrUnknownMemberID                    ErrorCode = 25
	ErrInvalidSessionTimeout              ErrorCode = 26
	ErrRebalanceInProgress                ErrorCode = 27
	ErrInvalidCommitOffsetSize            ErrorCode = 28
	ErrTopicAuthorizationFailed           ErrorCode = 29
	ErrGroupAuthorizationFailed           ErrorCode = 30
	ErrClusterAuthorizationFailed         ErrorCode = 31
	ErrInvalidTimestamp                   ErrorCode = 32
	ErrUnsupportedSaslMechanism           ErrorCode = 33
	ErrIllegalSaslState                   ErrorCode = 34
	ErrUnsupportedVersion                 ErrorCode = 35
	ErrTopicAlreadyExists                 ErrorCode = 36
	ErrInvalidPartitions                  ErrorCode = 37
	ErrInvalidReplicationFactor           ErrorCode = 38
	ErrInvalidReplicaAssignment           ErrorCode = 39
	ErrInvalidConfig                      ErrorCode = 40
	ErrNotController                      ErrorCode = 41
	ErrInvalidRequest                     ErrorCode = 42
	ErrUnsupportedForMessageFormat        ErrorCode = 43
	ErrPolicyViolation                    ErrorCode = 44
	ErrOutOfOrderSequenceNumber           ErrorCode = 45
	ErrDuplicateSequenceNumber            ErrorCode = 46
	ErrInvalidProducerEpoch               ErrorCode = 47
	ErrInvalidTxnState                    ErrorCode = 48
	ErrInvalidProducerIDMapping           ErrorCode = 49
	ErrInvalidTransactionTimeout          ErrorCode = 50
	ErrConcurrentTransactions             ErrorCode = 51
	ErrTransactionCoordinatorFenced       ErrorCode = 52
	ErrTransactionalIDAuthorizationFailed ErrorCode = 53
	ErrSecurityDisabled                   ErrorCode = 54
	ErrOperationNotAttempted              ErrorCode = 55
	ErrKafkaStorageError                  ErrorCode = 56
	ErrLogDirNotFound                     ErrorCode = 57
	ErrSaslAuthenticationFailed           ErrorCode = 58
	ErrUnknownProducerID                  ErrorCode = 59
	ErrReassignmentInProgress             ErrorCode = 60
	ErrDelegationTokenAuthDisabled        ErrorCode = 61
	ErrDelegationTokenNotFound            ErrorCode = 62
	ErrDelegationTokenOwnerMismatch       ErrorCode = 63
	ErrDelegationTokenRequestNotAllowed   ErrorCode = 64
	ErrDelegationTokenAuthorizationFailed ErrorCode = 65
	ErrDelegationTokenExpired             ErrorCode = 66
	ErrInvalidPrincipalType               ErrorCode = 67
	ErrNonEmptyGroup                      ErrorCode = 68
	ErrGroupIDNotFound                    ErrorCode = 69
	ErrFetchSessionIDNotFound             ErrorCode = 70
	ErrInvalidFetchSessionEpoch           ErrorCode = 71
	ErrListenerNotFound                   ErrorCode = 72
	ErrTopicDeletionDisabled              ErrorCode = 73
	ErrFencedLeaderEpoch                  ErrorCode = 74
	ErrUnknownLeaderEpoch                 ErrorCode = 75
	ErrUnsupportedCompressionType         ErrorCode = 76
	ErrStaleBrokerEpoch                   ErrorCode = 77
	ErrOffsetNotAvailable                 ErrorCode = 78
	ErrMemberIDRequired                   ErrorCode = 79
	ErrPreferredLeaderNotAvailable        ErrorCode = 80
	ErrGroupMaxSizeReached                ErrorCode = 81
	ErrFencedInstanceID                   ErrorCode = 82
	ErrEligibleLeadersNotAvailable        ErrorCode = 83
	ErrElectionNotNeeded                  ErrorCode = 84
	ErrNoReassignmentInProgress           ErrorCode = 85
	ErrGroupSubscribedToTopic             ErrorCode = 86
	ErrInvalidRecord                      ErrorCode = 87
	ErrUnstableOffsetCommit               ErrorCode = 88
	ErrThrottlingQuotaExceeded            ErrorCode = 89
	ErrProducerFenced                     ErrorCode = 90
	ErrResourceNotFound                   ErrorCode = 91
	ErrDuplicateResource                  ErrorCode = 92
	ErrUnacceptableCredential             ErrorCode = 93
	ErrInconsistentVoterSet               ErrorCode = 94
	ErrInvalidUpdateVersion               ErrorCode = 95
	ErrFeatureUpdateFailed                ErrorCode = 96
	ErrPrincipalDeserializationFailure    ErrorCode = 97
	ErrUnknownTopicID                     ErrorCode = 100
	ErrInconsistentTopicID                ErrorCode = 103
	ErrFencedMemberEpoch                  ErrorCode = 110
	ErrUnreleasedInstanceID               ErrorCode = 111
	ErrUnsupportedAssignor                ErrorCode = 112
	ErrStaleMemberEpoch                   ErrorCode = 113
	ErrMismatchedEndpointType             ErrorCode = 114
	ErrUnsupportedEndpointType            ErrorCode = 115
	ErrUnknownControllerID                ErrorCode = 116
	ErrUnknownSubscriptionID              ErrorCode = 117
	ErrTelemetryTooLarge                  ErrorCode = 118
	ErrInvalidRegistration                ErrorCode = 119
	ErrTransactionAbortable               ErrorCode = 120
	ErrInvalidRecordState                 ErrorCode = 121
	ErrShareSessionNotFound               ErrorCode = 122
	ErrInvalidShareSessionEpoch           ErrorCode = 123
	ErrFencedStateEpoch                   ErrorCode = 124
	ErrInvalidVoterKey                    ErrorCode = 125
	ErrDuplicateVoter                     ErrorCode = 126
	ErrVoterNotFound                      ErrorCode = 127
	ErrInvalidRegularExpression           ErrorCode = 128
	ErrRebootstrapRequired                ErrorCode = 129
	ErrStreamsInvalidTopology             ErrorCode = 130
	ErrStreamsInvalidTopologyEpoch        ErrorCode = 131
	ErrStreamsTopologyFenced              ErrorCode = 132
	ErrShareSessionLimitReached           ErrorCode = 133
)

// Texts of codes that brokers of later versions use, and that the librdkafka inside has no text for.
var newerCodes = map[ErrorCode]string{
	ErrInconsistentTopicID:         "Broker: Topic id is not the one expected",
	ErrMismatchedEndpointType:      "Broker: Type of the endpoint does not match",
	ErrUnsupportedEndpointType:     "Broker: Type of the endpoint is not supported",
	ErrUnknownControllerID:         "Broker: Controller id is not known",
	ErrInvalidRegistration:         "Broker: Registration is not valid",
	ErrTransactionAbortable:        "Broker: Transaction can be aborted",
	ErrInvalidRecordState:          "Broker: State of the record is not valid",
	ErrShareSessionNotFound:        "Broker: Share session not found",
	ErrInvalidShareSessionEpoch:    "Broker: Epoch of the share session is not valid",
	ErrFencedStateEpoch:            "Broker: State epoch has been fenced",
	ErrInvalidVoterKey:             "Broker: Key of the voter is not valid",
	ErrDuplicateVoter:              "Broker: Voter exists already",
	ErrVoterNotFound:               "Broker: Voter not found",
	ErrInvalidRegularExpression:    "Broker: Regular expression is not valid",
	ErrStreamsInvalidTopology:      "Broker: Streams topology is not valid",
	ErrStreamsInvalidTopologyEpoch: "Broker: Epoch of the streams topology is not valid",
	ErrStreamsTopologyFenced:       "Broker: Streams topology has been fenced",
	ErrShareSessionLimitReached:    "Broker: Limit of share sessions reached",
}

// allCodes has every code of the constants above.
var allCodes = []struct {
	name string
	code ErrorCode
}{
	{"ErrBadMsg", ErrBadMsg},
	{"ErrBadCompression", ErrBadCompression},
	{"ErrDestroy", ErrDestroy},
	{"ErrFail", ErrFail},
	{"ErrTransport", ErrTransport},
	{"ErrCritSysResource", ErrCritSysResource},
	{"ErrResolve", ErrResolve},
	{"ErrMsgTimedOut", ErrMsgTimedOut},
	{"ErrPartitionEOF", ErrPartitionEOF},
	{"ErrUnknownPartition", ErrUnknownPartition},
	{"ErrFs", ErrFs},
	{"ErrUnknownTopic", ErrUnknownTopic},
	{"ErrAllBrokersDown", ErrAllBrokersDown},
	{"ErrInvalidArg", ErrInvalidArg},
	{"ErrTimedOut", ErrTimedOut},
	{"ErrQueueFull", ErrQueueFull},
	{"ErrIsrInsuff", ErrIsrInsuff},
	{"ErrNodeUpdate", ErrNodeUpdate},
	{"ErrSsl", ErrSsl},
	{"ErrWaitCoord", ErrWaitCoord},
	{"ErrUnknownGroup", ErrUnknownGroup},
	{"ErrInProgress", ErrInProgress},
	{"ErrPrevInProgress", ErrPrevInProgress},
	{"ErrExistingSubscription", ErrExistingSubscription},
	{"ErrAssignPartitions", ErrAssignPartitions},
	{"ErrRevokePartitions", ErrRevokePartitions},
	{"ErrConflict", ErrConflict},
	{"ErrState", ErrState},
	{"ErrUnknownProtocol", ErrUnknownProtocol},
	{"ErrNotImplemented", ErrNotImplemented},
	{"ErrAuthentication", ErrAuthentication},
	{"ErrNoOffset", ErrNoOffset},
	{"ErrOutdated", ErrOutdated},
	{"ErrTimedOutQueue", ErrTimedOutQueue},
	{"ErrUnsupportedFeature", ErrUnsupportedFeature},
	{"ErrWaitCache", ErrWaitCache},
	{"ErrIntr", ErrIntr},
	{"ErrKeySerialization", ErrKeySerialization},
	{"ErrValueSerialization", ErrValueSerialization},
	{"ErrKeyDeserialization", ErrKeyDeserialization},
	{"ErrValueDeserialization", ErrValueDeserialization},
	{"ErrPartial", ErrPartial},
	{"ErrReadOnly", ErrReadOnly},
	{"ErrNoent", ErrNoent},
	{"ErrUnderflow", ErrUnderflow},
	{"ErrInvalidType", ErrInvalidType},
	{"ErrRetry", ErrRetry},
	{"ErrPurgeQueue", ErrPurgeQueue},
	{"ErrPurgeInflight", ErrPurgeInflight},
	{"ErrFatal", ErrFatal},
	{"ErrInconsistent", ErrInconsistent},
	{"ErrGaplessGuarantee", ErrGaplessGuarantee},
	{"ErrMaxPollExceeded", ErrMaxPollExceeded},
	{"ErrUnknownBroker", ErrUnknownBroker},
	{"ErrNotConfigured", ErrNotConfigured},
	{"ErrFenced", ErrFenced},
	{"ErrApplication", ErrApplication},
	{"ErrAssignmentLost", ErrAssignmentLost},
	{"ErrNoop", ErrNoop},
	{"ErrAutoOffsetReset", ErrAutoOffsetReset},
	{"ErrLogTruncation", ErrLogTruncation},
	{"ErrInvalidDifferentRecord", ErrInvalidDifferentRecord},
	{"ErrDestroyBroker", ErrDestroyBroker},
	{"ErrUnknown", ErrUnknown},
	{"ErrNoError", ErrNoError},
	{"ErrOffsetOutOfRange", ErrOffsetOutOfRange},
	{"ErrInvalidMsg", ErrInvalidMsg},
	{"ErrUnknownTopicOrPart", ErrUnknownTopicOrPart},
	{"ErrInvalidMsgSize", ErrInvalidMsgSize},
	{"ErrLeaderNotAvailable", ErrLeaderNotAvailable},
	{"ErrNotLeaderForPartition", ErrNotLeaderForPartition},
	{"ErrRequestTimedOut", ErrRequestTimedOut},
	{"ErrBrokerNotAvailable", ErrBrokerNotAvailable},
	{"ErrReplicaNotAvailable", ErrReplicaNotAvailable},
	{"ErrMsgSizeTooLarge", ErrMsgSizeTooLarge},
	{"ErrStaleCtrlEpoch", ErrStaleCtrlEpoch},
	{"ErrOffsetMetadataTooLarge", ErrOffsetMetadataTooLarge},
	{"ErrNetworkException", ErrNetworkException},
	{"ErrCoordinatorLoadInProgress", ErrCoordinatorLoadInProgress},
	{"ErrCoordinatorNotAvailable", ErrCoordinatorNotAvailable},
	{"ErrNotCoordinator", ErrNotCoordinator},
	{"ErrTopicException", ErrTopicException},
	{"ErrRecordListTooLarge", ErrRecordListTooLarge},
	{"ErrNotEnoughReplicas", ErrNotEnoughReplicas},
	{"ErrNotEnoughReplicasAfterAppend", ErrNotEnoughReplicasAfterAppend},
	{"ErrInvalidRequiredAcks", ErrInvalidRequiredAcks},
	{"ErrIllegalGeneration", ErrIllegalGeneration},
	{"ErrInconsistentGroupProtocol", ErrInconsistentGroupProtocol},
	{"ErrInvalidGroupID", ErrInvalidGroupID},
	{"ErrUnknownMemberID", ErrUnknownMemberID},
	{"ErrInvalidSessionTimeout", ErrInvalidSessionTimeout},
	{"ErrRebalanceInProgress", ErrRebalanceInProgress},
	{"ErrInvalidCommitOffsetSize", ErrInvalidCommitOffsetSize},
	{"ErrTopicAuthorizationFailed", ErrTopicAuthorizationFailed},
	{"ErrGroupAuthorizationFailed", ErrGroupAuthorizationFailed},
	{"ErrClusterAuthorizationFailed", ErrClusterAuthorizationFailed},
	{"ErrInvalidTimestamp", ErrInvalidTimestamp},
	{"ErrUnsupportedSaslMechanism", ErrUnsupportedSaslMechanism},
	{"ErrIllegalSaslState", ErrIllegalSaslState},
	{"ErrUnsupportedVersion", ErrUnsupportedVersion},
	{"ErrTopicAlreadyExists", ErrTopicAlreadyExists},
	{"ErrInvalidPartitions", ErrInvalidPartitions},
	{"ErrInvalidReplicationFactor", ErrInvalidReplicationFactor},
	{"ErrInvalidReplicaAssignment", ErrInvalidReplicaAssignment},
	{"ErrInvalidConfig", ErrInvalidConfig},
	{"ErrNotController", ErrNotController},
	{"ErrInvalidRequest", ErrInvalidRequest},
	{"ErrUnsupportedForMessageFormat", ErrUnsupportedForMessageFormat},
	{"ErrPolicyViolation", ErrPolicyViolation},
	{"ErrOutOfOrderSequenceNumber", ErrOutOfOrderSequenceNumber},
	{"ErrDuplicateSequenceNumber", ErrDuplicateSequenceNumber},
	{"ErrInvalidProducerEpoch", ErrInvalidProducerEpoch},
	{"ErrInvalidTxnState", ErrInvalidTxnState},
	{"ErrInvalidProducerIDMapping", ErrInvalidProducerIDMapping},
	{"ErrInvalidTransactionTimeout", ErrInvalidTransactionTimeout},
	{"ErrConcurrentTransactions", ErrConcurrentTransactions},
	{"ErrTransactionCoordinatorFenced", ErrTransactionCoordinatorFenced},
	{"ErrTransactionalIDAuthorizationFailed", ErrTransactionalIDAuthorizationFailed},
	{"ErrSecurityDisabled", ErrSecurityDisabled},
	{"ErrOperationNotAttempted", ErrOperationNotAttempted},
	{"ErrKafkaStorageError", ErrKafkaStorageError},
	{"ErrLogDirNotFound", ErrLogDirNotFound},
	{"ErrSaslAuthenticationFailed", ErrSaslAuthenticationFailed},
	{"ErrUnknownProducerID", ErrUnknownProducerID},
	{"ErrReassignmentInProgress", ErrReassignmentInProgress},
	{"ErrDelegationTokenAuthDisabled", ErrDelegationTokenAuthDisabled},
	{"ErrDelegationTokenNotFound", ErrDelegationTokenNotFound},
	{"ErrDelegationTokenOwnerMismatch", ErrDelegationTokenOwnerMismatch},
	{"ErrDelegationTokenRequestNotAllowed", ErrDelegationTokenRequestNotAllowed},
	{"ErrDelegationTokenAuthorizationFailed", ErrDelegationTokenAuthorizationFailed},
	{"ErrDelegationTokenExpired", ErrDelegationTokenExpired},
	{"ErrInvalidPrincipalType", ErrInvalidPrincipalType},
	{"ErrNonEmptyGroup", ErrNonEmptyGroup},
	{"ErrGroupIDNotFound", ErrGroupIDNotFound},
	{"ErrFetchSessionIDNotFound", ErrFetchSessionIDNotFound},
	{"ErrInvalidFetchSessionEpoch", ErrInvalidFetchSessionEpoch},
	{"ErrListenerNotFound", ErrListenerNotFound},
	{"ErrTopicDeletionDisabled", ErrTopicDeletionDisabled},
	{"ErrFencedLeaderEpoch", ErrFencedLeaderEpoch},
	{"ErrUnknownLeaderEpoch", ErrUnknownLeaderEpoch},
	{"ErrUnsupportedCompressionType", ErrUnsupportedCompressionType},
	{"ErrStaleBrokerEpoch", ErrStaleBrokerEpoch},
	{"ErrOffsetNotAvailable", ErrOffsetNotAvailable},
	{"ErrMemberIDRequired", ErrMemberIDRequired},
	{"ErrPreferredLeaderNotAvailable", ErrPreferredLeaderNotAvailable},
	{"ErrGroupMaxSizeReached", ErrGroupMaxSizeReached},
	{"ErrFencedInstanceID", ErrFencedInstanceID},
	{"ErrEligibleLeadersNotAvailable", ErrEligibleLeadersNotAvailable},
	{"ErrElectionNotNeeded", ErrElectionNotNeeded},
	{"ErrNoReassignmentInProgress", ErrNoReassignmentInProgress},
	{"ErrGroupSubscribedToTopic", ErrGroupSubscribedToTopic},
	{"ErrInvalidRecord", ErrInvalidRecord},
	{"ErrUnstableOffsetCommit", ErrUnstableOffsetCommit},
	{"ErrThrottlingQuotaExceeded", ErrThrottlingQuotaExceeded},
	{"ErrProducerFenced", ErrProducerFenced},
	{"ErrResourceNotFound", ErrResourceNotFound},
	{"ErrDuplicateResource", ErrDuplicateResource},
	{"ErrUnacceptableCredential", ErrUnacceptableCredential},
	{"ErrInconsistentVoterSet", ErrInconsistentVoterSet},
	{"ErrInvalidUpdateVersion", ErrInvalidUpdateVersion},
	{"ErrFeatureUpdateFailed", ErrFeatureUpdateFailed},
	{"ErrPrincipalDeserializationFailure", ErrPrincipalDeserializationFailure},
	{"ErrUnknownTopicID", ErrUnknownTopicID},
	{"ErrInconsistentTopicID", ErrInconsistentTopicID},
	{"ErrFencedMemberEpoch", ErrFencedMemberEpoch},
	{"ErrUnreleasedInstanceID", ErrUnreleasedInstanceID},
	{"ErrUnsupportedAssignor", ErrUnsupportedAssignor},
	{"ErrStaleMemberEpoch", ErrStaleMemberEpoch},
	{"ErrMismatchedEndpointType", ErrMismatchedEndpointType},
	{"ErrUnsupportedEndpointType", ErrUnsupportedEndpointType},
	{"ErrUnknownControllerID", ErrUnknownControllerID},
	{"ErrUnknownSubscriptionID", ErrUnknownSubscriptionID},
	{"ErrTelemetryTooLarge", ErrTelemetryTooLarge},
	{"ErrInvalidRegistration", ErrInvalidRegistration},
	{"ErrTransactionAbortable", ErrTransactionAbortable},
	{"ErrInvalidRecordState", ErrInvalidRecordState},
	{"ErrShareSessionNotFound", ErrShareSessionNotFound},
	{"ErrInvalidShareSessionEpoch", ErrInvalidShareSessionEpoch},
	{"ErrFencedStateEpoch", ErrFencedStateEpoch},
	{"ErrInvalidVoterKey", ErrInvalidVoterKey},
	{"ErrDuplicateVoter", ErrDuplicateVoter},
	{"ErrVoterNotFound", ErrVoterNotFound},
	{"ErrInvalidRegularExpression", ErrInvalidRegularExpression},
	{"ErrRebootstrapRequired", ErrRebootstrapRequired},
	{"ErrStreamsInvalidTopology", ErrStreamsInvalidTopology},
	{"ErrStreamsInvalidTopologyEpoch", ErrStreamsInvalidTopologyEpoch},
	{"ErrStreamsTopologyFenced", ErrStreamsTopologyFenced},
	{"ErrShareSessionLimitReached", ErrShareSessionLimitReached},
}
