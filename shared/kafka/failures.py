"""What an error of the broker, or of its client, means. One table of all classes that the client has (decision 0025).

- wait: the broker cannot do it now, and will by itself: it is away, elects a leader, loads a group.
- stop: a right, a topic, a version or a setting is otherwise than this version needs, and somebody must mend it;
  `advice` says how. A service that starts ends with that sentence; one that runs waits, and says it.
- bad: this one record. It would be refused for ever, and another would not.
- moved: the partition is another member's by now, or nobody's. What was read of it is read again there.
- unforeseen: a defect of the client or of its use; waited for, since nothing is known.

The classes of one meaning do not stand below a class of another, so that `except` agrees with the table.
"""

from typing import Literal

from aiokafka import errors
from aiokafka.errors import KafkaError as KafkaError

Meaning = Literal["wait", "stop", "bad", "moved", "unforeseen"]

_BY_MEANING: dict[Meaning, tuple[type[Exception], ...]] = {
    "wait": (
        errors.BrokerNotAvailableError,
        errors.Cancelled,
        errors.ConcurrentTransactions,
        errors.CorrelationIdError,
        errors.CorruptRecordException,  # on its way: it is fetched or sent again
        errors.FetchSessionIdNotFound,
        errors.GroupCoordinatorNotAvailableError,
        errors.GroupLoadInProgressError,
        errors.InvalidFetchSessionEpoch,
        errors.KafkaConnectionError,
        errors.KafkaProtocolError,
        errors.KafkaStorageError,  # a directory of its log is full or broken
        errors.KafkaTimeoutError,
        errors.KafkaUnavailableError,
        errors.LeaderNotAvailableError,
        errors.ListenerNotFound,
        errors.LogDirNotFound,
        errors.MetadataEmptyBrokerList,
        errors.NoBrokersAvailable,
        errors.NodeNotReadyError,
        errors.NotControllerError,
        errors.NotCoordinatorForGroupError,
        errors.NotEnoughReplicasAfterAppendError,
        errors.NotEnoughReplicasError,
        errors.NotLeaderForPartitionError,
        errors.OffsetOutOfRangeError,  # retention was faster than the reader
        errors.ProducerClosed,  # the process is stopping
        errors.QuotaViolationError,
        errors.ReassignmentInProgress,
        errors.ReplicaNotAvailableError,
        errors.RequestTimedOutError,
        errors.StaleControllerEpochError,
        errors.StaleLeaderEpochCodeError,
        errors.StaleMetadata,
        errors.TooManyInFlightRequests,
        errors.UnknownError,  # also what the client calls an error that is newer than itself
    ),
    "stop": (
        errors.AuthenticationFailedError,
        errors.AuthenticationMethodNotSupported,
        errors.ClusterAuthorizationFailedError,
        errors.DelegationTokenAuthDisabled,
        errors.DelegationTokenAuthorizationFailed,
        errors.DelegationTokenExpired,
        errors.DelegationTokenNotFound,
        errors.DelegationTokenOwnerMismatch,
        errors.DelegationTokenRequestNotAllowed,
        errors.GroupAuthorizationFailedError,
        errors.IllegalSaslStateError,
        errors.IncompatibleBrokerVersion,
        errors.InconsistentGroupProtocolError,
        errors.InvalidGroupIdError,
        errors.InvalidPrincipalType,
        errors.InvalidSessionTimeoutError,
        errors.KafkaConfigurationError,
        errors.SaslAuthenticationFailed,
        errors.SecurityDisabled,
        errors.TopicAuthorizationFailedError,
        errors.TransactionalIdAuthorizationFailed,
        errors.UnknownTopicOrPartitionError,
        errors.UnrecognizedBrokerVersion,
        errors.UnsupportedCodecError,
        errors.UnsupportedForMessageFormatError,
        errors.UnsupportedSaslMechanismError,
        errors.UnsupportedVersionError,
    ),
    "bad": (
        errors.InvalidRequestError,
        errors.InvalidTimestampError,
        errors.InvalidTopicError,
        errors.MessageSizeTooLargeError,
        errors.PolicyViolationError,
        errors.RecordListTooLargeError,
        errors.RecordTooLargeError,
    ),
    "moved": (
        errors.CommitFailedError,
        errors.IllegalGenerationError,
        errors.IllegalStateError,
        errors.MemberIdRequired,
        errors.RebalanceInProgressError,
        errors.UnknownMemberIdError,
    ),
    "unforeseen": (
        errors.BrokerResponseError,
        errors.ConsumerStoppedError,
        errors.DuplicateSequenceNumber,
        errors.GroupIdNotFound,
        errors.IllegalArgumentError,
        errors.IllegalOperation,
        errors.InvalidCommitOffsetSizeError,
        errors.InvalidConfigurationError,
        errors.InvalidFetchRequestError,
        errors.InvalidPartitionsError,
        errors.InvalidProducerEpoch,
        errors.InvalidProducerIdMapping,
        errors.InvalidReplicationAssignmentError,
        errors.InvalidReplicationFactorError,
        errors.InvalidRequiredAcksError,
        errors.InvalidTransactionTimeout,
        errors.InvalidTxnState,
        errors.NoError,
        errors.NonEmptyGroup,
        errors.NoOffsetForPartitionError,
        errors.OffsetMetadataTooLargeError,
        errors.OperationNotAttempted,
        errors.OutOfOrderSequenceNumber,
        errors.ProducerFenced,
        errors.TopicAlreadyExistsError,
        errors.TransactionCoordinatorFenced,
        errors.UnknownProducerId,
    ),
}
MEANINGS = {kind: means for means, kinds in _BY_MEANING.items() for kind in kinds}

# For `except`. Everything that the client raises is retried where nothing is known of the one record.
RETRYABLE: tuple[type[Exception], ...] = (errors.KafkaError, TimeoutError, OSError)
BAD_RECORD = _BY_MEANING["bad"]
TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.RecordTooLargeError)
MOVED = _BY_MEANING["moved"]

_MISSING = "create it with: tallygate topics apply"
_RIGHTS = "give KAFKA_SASL_USERNAME the right: kafka-acls --add"
_LOGIN = "correct KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM or KAFKA_SECURITY_PROTOCOL"
_LIMIT = "raise max.message.bytes of the topic: kafka-configs --alter --entity-type topics"
_ADVICE = {
    errors.MessageSizeTooLargeError: _LIMIT,
    errors.RecordListTooLargeError: _LIMIT,
    errors.UnknownTopicOrPartitionError: _MISSING,
    errors.TopicAuthorizationFailedError: _RIGHTS,
    errors.GroupAuthorizationFailedError: _RIGHTS,
    errors.ClusterAuthorizationFailedError: _RIGHTS,
    errors.AuthenticationFailedError: _LOGIN,
    errors.AuthenticationMethodNotSupported: _LOGIN,
    errors.SaslAuthenticationFailed: _LOGIN,
    errors.UnsupportedSaslMechanismError: _LOGIN,
    errors.KafkaStorageError: "the broker's log directory is full, or broken",
    errors.UnsupportedCodecError: "install the package cramjam",
}
_OTHERWISE = "version or settings of the broker do not serve this version; its log says more"


def meaning(error: Exception) -> Meaning:
    for kind in type(error).__mro__:
        if (found := MEANINGS.get(kind)) is not None:
            return found
    return "wait" if isinstance(error, RETRYABLE) else "unforeseen"


def advice(error: Exception) -> str | None:
    """What mends it, as a clause. None where only time does, or where nobody knows."""
    found = next((_ADVICE[kind] for kind in type(error).__mro__ if kind in _ADVICE), None)
    return found or (_OTHERWISE if meaning(error) == "stop" else None)


def described(error: Exception) -> str:
    told = type(error).__name__
    return f"{told}; {mend}" if (mend := advice(error)) is not None else told
