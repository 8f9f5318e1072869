/// What a request asks for: the `code` of a command that is not an answer (`requests.md`).
package struct RequestCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }
}

// Producers and consumers to the broker.
extension RequestCode {
    package static let sendMessage = Self(rawValue: 10)
    package static let pullMessage = Self(rawValue: 11)
    package static let queryMessage = Self(rawValue: 12)
    package static let queryConsumerOffset = Self(rawValue: 14)
    package static let updateConsumerOffset = Self(rawValue: 15)
    package static let updateAndCreateTopic = Self(rawValue: 17)
    package static let updateAndCreateTopicList = Self(rawValue: 18)
    package static let getAllTopicConfig = Self(rawValue: 21)
    package static let updateBrokerConfig = Self(rawValue: 25)
    package static let getBrokerConfig = Self(rawValue: 26)
    package static let getBrokerRuntimeInfo = Self(rawValue: 28)
    package static let searchOffsetByTimestamp = Self(rawValue: 29)
    package static let getMaxOffset = Self(rawValue: 30)
    package static let getMinOffset = Self(rawValue: 31)
    package static let getEarliestMessageStoreTime = Self(rawValue: 32)
    package static let viewMessageByID = Self(rawValue: 33)
    package static let heartBeat = Self(rawValue: 34)
    package static let unregisterClient = Self(rawValue: 35)
    package static let consumerSendMessageBack = Self(rawValue: 36)
    package static let endTransaction = Self(rawValue: 37)
    package static let getConsumerListByGroup = Self(rawValue: 38)
    package static let checkTransactionState = Self(rawValue: 39)
    package static let notifyConsumerIDsChanged = Self(rawValue: 40)
    package static let lockBatchMQ = Self(rawValue: 41)
    package static let unlockBatchMQ = Self(rawValue: 42)
    package static let getAllConsumerOffset = Self(rawValue: 43)
    package static let getAllDelayOffset = Self(rawValue: 45)
    package static let checkClientConfig = Self(rawValue: 46)
    package static let getTimerCheckPoint = Self(rawValue: 60)
    package static let getTimerMetrics = Self(rawValue: 61)
}

// The name server.
extension RequestCode {
    package static let putKVConfig = Self(rawValue: 100)
    package static let getKVConfig = Self(rawValue: 101)
    package static let deleteKVConfig = Self(rawValue: 102)
    package static let registerBroker = Self(rawValue: 103)
    package static let unregisterBroker = Self(rawValue: 104)
    package static let getRouteInfoByTopic = Self(rawValue: 105)
    package static let getBrokerClusterInfo = Self(rawValue: 106)
}

// Administration.
extension RequestCode {
    package static let updateAndCreateSubscriptionGroup = Self(rawValue: 200)
    package static let getAllSubscriptionGroupConfig = Self(rawValue: 201)
    package static let getTopicStatsInfo = Self(rawValue: 202)
    package static let getConsumerConnectionList = Self(rawValue: 203)
    package static let getProducerConnectionList = Self(rawValue: 204)
    package static let wipeWritePermissionOfBroker = Self(rawValue: 205)
    package static let getAllTopicListFromNameServer = Self(rawValue: 206)
    package static let deleteSubscriptionGroup = Self(rawValue: 207)
    package static let getConsumeStats = Self(rawValue: 208)
    package static let deleteTopicInBroker = Self(rawValue: 215)
    package static let deleteTopicInNameServer = Self(rawValue: 216)
    package static let registerTopicInNameServer = Self(rawValue: 217)
    package static let getKVListByNamespace = Self(rawValue: 219)
    package static let resetConsumerClientOffset = Self(rawValue: 220)
    package static let getConsumerStatusFromClient = Self(rawValue: 221)
    package static let invokeBrokerToResetOffset = Self(rawValue: 222)
    package static let invokeBrokerToGetConsumerStatus = Self(rawValue: 223)
    package static let getTopicsByCluster = Self(rawValue: 224)
    package static let updateAndCreateSubscriptionGroupList = Self(rawValue: 225)
    package static let queryTopicConsumeByWho = Self(rawValue: 300)
    package static let queryConsumeTimeSpan = Self(rawValue: 303)
    package static let getSystemTopicListFromNameServer = Self(rawValue: 304)
    package static let getSystemTopicListFromBroker = Self(rawValue: 305)
    package static let cleanExpiredConsumeQueue = Self(rawValue: 306)
    package static let getConsumerRunningInfo = Self(rawValue: 307)
    package static let queryCorrectionOffset = Self(rawValue: 308)
    package static let consumeMessageDirectly = Self(rawValue: 309)
    package static let sendMessageV2 = Self(rawValue: 310)
    package static let getUnitTopicList = Self(rawValue: 311)
    package static let getHasUnitSubTopicList = Self(rawValue: 312)
    package static let getHasUnitSubUnunitTopicList = Self(rawValue: 313)
    package static let cloneGroupOffset = Self(rawValue: 314)
    package static let viewBrokerStatsData = Self(rawValue: 315)
    package static let cleanUnusedTopic = Self(rawValue: 316)
    package static let getBrokerConsumeStats = Self(rawValue: 317)
    package static let updateNameServerConfig = Self(rawValue: 318)
    package static let getNameServerConfig = Self(rawValue: 319)
    package static let sendBatchMessage = Self(rawValue: 320)
    package static let queryConsumeQueue = Self(rawValue: 321)
    package static let queryDataVersion = Self(rawValue: 322)
    package static let resumeCheckHalfMessage = Self(rawValue: 323)
    package static let sendReplyMessage = Self(rawValue: 324)
    package static let sendReplyMessageV2 = Self(rawValue: 325)
    package static let pushReplyMessageToClient = Self(rawValue: 326)
    package static let addWritePermissionOfBroker = Self(rawValue: 327)
    package static let getAllProducerInfo = Self(rawValue: 328)
    package static let deleteExpiredCommitLog = Self(rawValue: 329)
    package static let queryTopicsByConsumer = Self(rawValue: 343)
    package static let querySubscriptionByConsumer = Self(rawValue: 345)
    package static let getTopicConfig = Self(rawValue: 351)
    package static let getSubscriptionGroupConfig = Self(rawValue: 352)
    package static let updateAndGetGroupForbidden = Self(rawValue: 353)
    package static let litePullMessage = Self(rawValue: 361)
    package static let recallMessage = Self(rawValue: 370)
    package static let queryAssignment = Self(rawValue: 400)
    package static let setMessageRequestMode = Self(rawValue: 401)
    package static let getAllMessageRequestMode = Self(rawValue: 402)
}

// Broker groups.
extension RequestCode {
    package static let updateAndCreateStaticTopic = Self(rawValue: 513)
    package static let getBrokerMemberGroup = Self(rawValue: 901)
    package static let addBroker = Self(rawValue: 902)
    package static let removeBroker = Self(rawValue: 903)
    package static let brokerHeartbeat = Self(rawValue: 904)
    package static let getBrokerHAStatus = Self(rawValue: 907)
    package static let resetMasterFlushOffset = Self(rawValue: 908)
}

// Controllers.
extension RequestCode {
    package static let controllerAlterSyncStateSet = Self(rawValue: 1001)
    package static let controllerElectMaster = Self(rawValue: 1002)
    package static let controllerRegisterBroker = Self(rawValue: 1003)
    package static let controllerGetReplicaInfo = Self(rawValue: 1004)
    package static let controllerGetMetadataInfo = Self(rawValue: 1005)
    package static let controllerGetSyncStateData = Self(rawValue: 1006)
    package static let getBrokerEpochCache = Self(rawValue: 1007)
    package static let notifyBrokerRoleChanged = Self(rawValue: 1008)
    package static let updateControllerConfig = Self(rawValue: 1009)
    package static let getControllerConfig = Self(rawValue: 1010)
    package static let cleanBrokerData = Self(rawValue: 1011)
    package static let controllerGetNextBrokerID = Self(rawValue: 1012)
    package static let controllerApplyBrokerID = Self(rawValue: 1013)
}

// Pop: these do not fit the binary header's 16 bits.
extension RequestCode {
    package static let popMessage = Self(rawValue: 200050)
    package static let ackMessage = Self(rawValue: 200051)
    package static let peekMessage = Self(rawValue: 200052)
    package static let changeMessageInvisibleTime = Self(rawValue: 200053)
    package static let notification = Self(rawValue: 200054)
    package static let pollingInfo = Self(rawValue: 200055)
    package static let popRollback = Self(rawValue: 200056)
    package static let batchAckMessage = Self(rawValue: 200151)
}

// Ours alone, between `apus` and its servers.
extension RequestCode {
    /// To a broker: hand the mastership over and refuse it until the next start. Field `undo`:
    /// take it again. From there to the controllers' leader: may I? `DrainBroker`.
    package static let drainBroker = Self(rawValue: 60001)
    /// To a broker: which messages wait for their delivery. Field `limit`; `DelayedMessageList`.
    package static let listDelayedMessages = Self(rawValue: 60002)
    /// To any broker: who came to a consumer group and who left. Field `consumerGroup`;
    /// `GroupHistoryList`.
    package static let getGroupHistory = Self(rawValue: 60003)
    /// To a broker: which groups have dead letters. Field `group`: only that one's, and which of
    /// its letters were sent again; `DeadLetterList`.
    package static let listDeadLetters = Self(rawValue: 60004)
    /// To a broker: send a dead letter to the topic that it came from, once. Fields `group`,
    /// `queueId`, `queueOffset` and `offset`, its place in the log.
    package static let replayDeadLetter = Self(rawValue: 60005)
    /// To a broker: pass a group's dead letters over from now on. Fields `group`, `queueId`, and
    /// `below`, the first offset that is kept.
    package static let purgeDeadLetters = Self(rawValue: 60006)
}
