import RemotingProtocol

// What operators ask and change: one function per request code, in the files named beside.
extension BrokerEngine {
    mutating func administer(_ command: ReceivedCommand, from caller: Caller) throws {
        switch RequestCode(rawValue: command.code) {
        // TopicAdministration
        case .updateAndCreateTopic: try self.updateTopic(command, from: caller)
        case .deleteTopicInBroker: try self.deleteTopic(command, from: caller)
        case .getAllTopicConfig: self.allTopics(caller)
        case .getTopicConfig: try self.topicConfig(command, from: caller)
        case .getTopicStatsInfo: try self.topicStats(command, from: caller)
        case .queryTopicConsumeByWho: try self.groupsOfTopic(command, from: caller)
        case .getSystemTopicListFromBroker: self.systemTopics(caller)
        // GroupAdministration
        case .updateAndCreateSubscriptionGroup: try self.updateGroup(command, from: caller)
        case .deleteSubscriptionGroup: try self.deleteGroup(command, from: caller)
        case .getAllSubscriptionGroupConfig: self.allGroups(caller)
        case .getSubscriptionGroupConfig: try self.groupConfig(command, from: caller)
        case .getConsumeStats: try self.consumeStats(command, from: caller)
        case .getConsumerConnectionList: try self.consumerConnections(command, from: caller)
        case .getProducerConnectionList: try self.producerConnections(command, from: caller)
        case .getAllConsumerOffset: self.allConsumerOffsets(caller)
        case .queryTopicsByConsumer: try self.topicsOfGroup(command, from: caller)
        case .querySubscriptionByConsumer: try self.subscriptionOf(command, from: caller)
        case .getGroupHistory: try self.groupHistory(command, from: caller)
        // Offsets
        case .invokeBrokerToResetOffset: try self.resetOffsets(command, from: caller)
        case .cloneGroupOffset: try self.cloneOffsets(command, from: caller)
        // Asking
        case .invokeBrokerToGetConsumerStatus: try self.consumerStatus(command, from: caller)
        case .getConsumerRunningInfo: try self.consumerInfo(command, from: caller)
        case .consumeMessageDirectly: try self.consumeDirectly(command, from: caller)
        // Delaying/Listing
        case .listDelayedMessages: try self.listDelayed(command, from: caller)
        // Retrying
        case .listDeadLetters: try self.listDeadLetters(command, from: caller)
        case .replayDeadLetter: try self.replayDeadLetter(command, from: caller)
        case .purgeDeadLetters: try self.purgeDeadLetters(command, from: caller)
        // Transactions/Resuming
        case .resumeCheckHalfMessage: try self.resumeCheck(command, from: caller)
        // BrokerStatus
        case .getBrokerRuntimeInfo: self.runtimeInfo(caller)
        case .getBrokerConfig: self.brokerConfig(caller)
        // GroupStatus
        case .getBrokerEpochCache: self.answer(caller, try self.epochCache(caller))
        case .getBrokerHAStatus: self.answer(caller, self.replicationStatus(caller))
        default:
            throw Refusal(
                .requestCodeNotSupported, " request type \(command.code) not supported")
        }
    }
}
