import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Topics and groups: every change is a record in the log first, then an answer.
extension BrokerEngine {
    /// Puts a topic into table and log, and tells the name servers.
    mutating func putTopic(_ config: TopicConfig) throws {
        try self.admit()
        if let problem = self.delivery.topics.problem(with: config) {
            throw Refusal(.invalidParameter, problem)
        }
        guard self.delivery.topics.update(config, at: self.now.wall) else { return }
        _ = self.append(self.delivery.record(ofTopic: config.name))
        self.effects.append(.register)
    }

    mutating func putGroup(_ config: SubscriptionGroupConfig) throws {
        try self.admit()
        if let problem = self.delivery.groups.problem(with: config) {
            throw Refusal(.invalidParameter, problem)
        }
        guard self.delivery.groups.update(config, at: self.now.wall) else { return }
        _ = self.append(self.delivery.record(ofGroup: config.name))
    }

    /// Takes a topic out of table and log. Its queues go on counting if it ever returns.
    mutating func removeTopic(_ name: String) throws {
        guard !self.delivery.topics.isSystem(name) else {
            throw Refusal(.invalidParameter, "the topic \(name) belongs to the broker")
        }
        guard self.delivery.topics.delete(name, at: self.now.wall) else { return }
        self.delivery.idempotence.removeTopic(name)
        self.delivery.deadLetters.removeTopic(name)
        _ = self.append(self.delivery.record(ofTopic: name))
        if self.delivery.offsets.remove(topic: name) {
            _ = self.append(DeliveryState.recordOfRemovedOffsets(topic: name))
        }
        for record in self.queues.clear(topic: name) { _ = self.append(record) }
        self.wakeAllHolds(of: name)
        try self.forgetPops(ofTopic: name)
        self.effects.append(.register)
    }

    /// Answers success once everything that was appended so far is confirmed.
    mutating func succeedWhenConfirmed(_ caller: Caller, body: [UInt8] = []) {
        guard !caller.isOneWay else { return }
        let done = RemotingCommand.response(.success, to: caller.opaque, body: body)
        guard self.log.end > self.progress.confirmed else { return self.answer(caller, done) }
        self.answers.append(
            PendingAnswer(
                end: self.log.end, since: self.now.tick, caller: caller, answer: .command(done)))
    }
}
