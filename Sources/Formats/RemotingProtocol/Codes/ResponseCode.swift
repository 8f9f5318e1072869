/// How a request went: the `code` of an answer (`remoting.md` §5).
package struct ResponseCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }
}

extension ResponseCode {
    package static let success = Self(rawValue: 0)
    package static let systemError = Self(rawValue: 1)
    package static let systemBusy = Self(rawValue: 2)
    package static let requestCodeNotSupported = Self(rawValue: 3)
    package static let transactionFailed = Self(rawValue: 4)
    package static let flushDiskTimeout = Self(rawValue: 10)
    package static let slaveNotAvailable = Self(rawValue: 11)
    package static let flushSlaveTimeout = Self(rawValue: 12)
    package static let messageIllegal = Self(rawValue: 13)
    package static let serviceNotAvailable = Self(rawValue: 14)
    package static let versionNotSupported = Self(rawValue: 15)
    package static let noPermission = Self(rawValue: 16)
    package static let topicNotExist = Self(rawValue: 17)
    package static let topicExistAlready = Self(rawValue: 18)
    package static let pullNotFound = Self(rawValue: 19)
    package static let pullRetryImmediately = Self(rawValue: 20)
    package static let pullOffsetMoved = Self(rawValue: 21)
    package static let queryNotFound = Self(rawValue: 22)
    package static let subscriptionParseFailed = Self(rawValue: 23)
    package static let subscriptionNotExist = Self(rawValue: 24)
    package static let subscriptionNotLatest = Self(rawValue: 25)
    package static let subscriptionGroupNotExist = Self(rawValue: 26)
    package static let filterDataNotExist = Self(rawValue: 27)
    package static let filterDataNotLatest = Self(rawValue: 28)
    package static let invalidParameter = Self(rawValue: 29)
    package static let transactionShouldCommit = Self(rawValue: 200)
    package static let transactionShouldRollback = Self(rawValue: 201)
    package static let transactionStateUnknown = Self(rawValue: 202)
    package static let transactionStateGroupWrong = Self(rawValue: 203)
    package static let noBuyerID = Self(rawValue: 204)
    package static let notInCurrentUnit = Self(rawValue: 205)
    package static let consumerNotOnline = Self(rawValue: 206)
    package static let consumeMessageTimeout = Self(rawValue: 207)
    package static let noMessage = Self(rawValue: 208)
    package static let pollingFull = Self(rawValue: 209)
    package static let pollingTimeout = Self(rawValue: 210)
    package static let brokerNotExist = Self(rawValue: 211)
    package static let brokerDispatchNotComplete = Self(rawValue: 212)
    package static let broadcastConsumption = Self(rawValue: 213)
    package static let flowControl = Self(rawValue: 215)
    package static let notLeaderForQueue = Self(rawValue: 501)
    package static let illegalOperation = Self(rawValue: 604)
    package static let goAway = Self(rawValue: 1500)
    package static let controllerFencedMasterEpoch = Self(rawValue: 2000)
    package static let controllerFencedSyncStateSetEpoch = Self(rawValue: 2001)
    package static let controllerInvalidMaster = Self(rawValue: 2002)
    package static let controllerInvalidReplicas = Self(rawValue: 2003)
    package static let controllerMasterNotAvailable = Self(rawValue: 2004)
    package static let controllerInvalidRequest = Self(rawValue: 2005)
    package static let controllerBrokerNotAlive = Self(rawValue: 2006)
    package static let controllerNotLeader = Self(rawValue: 2007)
    package static let controllerBrokerMetadataNotExist = Self(rawValue: 2008)
    package static let controllerInvalidCleanBrokerMetadata = Self(rawValue: 2009)
    package static let controllerBrokerNeedToBeRegistered = Self(rawValue: 2010)
    package static let controllerMasterStillExist = Self(rawValue: 2011)
    package static let controllerElectMasterFailed = Self(rawValue: 2012)
    package static let controllerAlterSyncStateSetFailed = Self(rawValue: 2013)
    package static let controllerBrokerIDInvalid = Self(rawValue: 2014)
    package static let controllerJraftInternalError = Self(rawValue: 2015)
    package static let controllerBrokerLiveInfoNotExists = Self(rawValue: 2016)
    package static let userNotExist = Self(rawValue: 3001)
    package static let policyNotExist = Self(rawValue: 3002)
}

extension ResponseCode: CustomStringConvertible {
    /// The wire's constant name, or the number of a code that we do not know.
    package var name: String { Self.names[self.rawValue] ?? "CODE_\(self.rawValue)" }

    package var description: String { "\(self.name) (\(self.rawValue))" }

    private static let names: [Int32: String] = [
        0: "SUCCESS",
        1: "SYSTEM_ERROR",
        2: "SYSTEM_BUSY",
        3: "REQUEST_CODE_NOT_SUPPORTED",
        4: "TRANSACTION_FAILED",
        10: "FLUSH_DISK_TIMEOUT",
        11: "SLAVE_NOT_AVAILABLE",
        12: "FLUSH_SLAVE_TIMEOUT",
        13: "MESSAGE_ILLEGAL",
        14: "SERVICE_NOT_AVAILABLE",
        15: "VERSION_NOT_SUPPORTED",
        16: "NO_PERMISSION",
        17: "TOPIC_NOT_EXIST",
        18: "TOPIC_EXIST_ALREADY",
        19: "PULL_NOT_FOUND",
        20: "PULL_RETRY_IMMEDIATELY",
        21: "PULL_OFFSET_MOVED",
        22: "QUERY_NOT_FOUND",
        23: "SUBSCRIPTION_PARSE_FAILED",
        24: "SUBSCRIPTION_NOT_EXIST",
        25: "SUBSCRIPTION_NOT_LATEST",
        26: "SUBSCRIPTION_GROUP_NOT_EXIST",
        27: "FILTER_DATA_NOT_EXIST",
        28: "FILTER_DATA_NOT_LATEST",
        29: "INVALID_PARAMETER",
        200: "TRANSACTION_SHOULD_COMMIT",
        201: "TRANSACTION_SHOULD_ROLLBACK",
        202: "TRANSACTION_STATE_UNKNOW",
        203: "TRANSACTION_STATE_GROUP_WRONG",
        204: "NO_BUYER_ID",
        205: "NOT_IN_CURRENT_UNIT",
        206: "CONSUMER_NOT_ONLINE",
        207: "CONSUME_MSG_TIMEOUT",
        208: "NO_MESSAGE",
        209: "POLLING_FULL",
        210: "POLLING_TIMEOUT",
        211: "BROKER_NOT_EXIST",
        212: "BROKER_DISPATCH_NOT_COMPLETE",
        213: "BROADCAST_CONSUMPTION",
        215: "FLOW_CONTROL",
        501: "NOT_LEADER_FOR_QUEUE",
        604: "ILLEGAL_OPERATION",
        1500: "GO_AWAY",
        2000: "CONTROLLER_FENCED_MASTER_EPOCH",
        2001: "CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH",
        2002: "CONTROLLER_INVALID_MASTER",
        2003: "CONTROLLER_INVALID_REPLICAS",
        2004: "CONTROLLER_MASTER_NOT_AVAILABLE",
        2005: "CONTROLLER_INVALID_REQUEST",
        2006: "CONTROLLER_BROKER_NOT_ALIVE",
        2007: "CONTROLLER_NOT_LEADER",
        2008: "CONTROLLER_BROKER_METADATA_NOT_EXIST",
        2009: "CONTROLLER_INVALID_CLEAN_BROKER_METADATA",
        2010: "CONTROLLER_BROKER_NEED_TO_BE_REGISTERED",
        2011: "CONTROLLER_MASTER_STILL_EXIST",
        2012: "CONTROLLER_ELECT_MASTER_FAILED",
        2013: "CONTROLLER_ALTER_SYNC_STATE_SET_FAILED",
        2014: "CONTROLLER_BROKER_ID_INVALID",
        2015: "CONTROLLER_JRAFT_INTERNAL_ERROR",
        2016: "CONTROLLER_BROKER_LIVE_INFO_NOT_EXISTS",
        3001: "USER_NOT_EXIST",
        3002: "POLICY_NOT_EXIST",
    ]
}
