import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A delayed message that is to be taken back, while it is looked for.
struct RecallJob: Sendable {
    enum Answer: Sendable {
        case recall
        /// It was asked for by a message with the property `TIMER_DEL_UNIQKEY`.
        case send(queueID: Int32)
    }

    /// How far the due time that was named may lie from the message's. A cancelling message names
    /// the time as its own, which clients tell in seconds.
    var dueSlack: Int64 {
        switch self.answer {
        case .recall: 0
        case .send: 999
        }
    }

    var caller: Caller
    var answer: Answer
    var topic: String
    var uniqueKey: String
    var due: Timestamp
    var found: [IndexEntry] = []
}

// RECALL: the parked message is found by its unique key, and from then on never fires.
extension BrokerEngine {
    /// A key has few messages: a producer's resends, and copies that were rolled.
    private static let copiesMax = 64

    mutating func recallMessage(_ command: ReceivedCommand, from caller: Caller) throws {
        let topic = try command.requiredString("topic")
        guard let handle = RecallHandle(try command.requiredString("recallHandle")) else {
            throw Refusal(.systemError, "the recall handle makes no sense")
        }
        guard handle.topic == topic else {
            throw Refusal(.illegalOperation, "the recall handle is for topic \(handle.topic)")
        }
        guard handle.brokerName == self.settings.brokerName else {
            throw Refusal(
                .illegalOperation, "the recall handle is for broker \(handle.brokerName)")
        }
        try self.admit()
        self.recall(
            RecallJob(
                caller: caller, answer: .recall, topic: topic, uniqueKey: handle.uniqueKey,
                due: handle.due))
    }

    /// Whether the message about to be sent only takes back another one. Its properties are in
    /// `scratch`.
    mutating func sendsRecall(of queueID: Int32, from caller: Caller) throws -> Bool {
        let request = self.scratch.withUnsafeBytes { DelayRequest($0) }
        guard
            case .cancel(let topic, let key, let due) = try? request.resolve(
                self.settings.delivery.delays, at: self.now.wall)
        else { return false }
        self.recall(
            RecallJob(
                caller: caller, answer: .send(queueID: queueID), topic: topic, uniqueKey: key,
                due: due))
        return true
    }

    private mutating func recall(_ job: RecallJob) {
        let hash = KeyIndex.hash(topic: DelayParking.topic, key: job.uniqueKey)
        var job = job
        job.found = self.keys.entries(hash: hash, limit: Self.copiesMax)
        let sealed = self.segments.all.filter { $0.state == .sealed }.map(\.base)
        guard !sealed.isEmpty, job.found.count < Self.copiesMax else {
            return self.recall(job, found: [])
        }
        let ticket = self.reads.add(.recall(job))
        self.effects.append(
            .findByKey(
                ticket, segments: sealed.reversed(), hash: hash, limit: Self.copiesMax))
    }

    /// Entries under the key's hash have been found.
    mutating func recall(_ job: RecallJob, found entries: [IndexEntry]) {
        var job = job
        job.found = (job.found + entries).filter { job.isNamed(DelayField.due(of: $0)) }
        guard !job.found.isEmpty else {
            return self.refuse(job.caller, Self.refusal(of: .notPending))
        }
        let ticket = self.reads.add(.recall(job))
        self.effects.append(.readMessages(ticket, job.found))
    }

    /// The messages have been read: every copy that waits is taken back.
    mutating func recall(_ job: RecallJob, _ bytes: [UInt8]) {
        var reason = DelaySchedule.RecallRefusal.notPending
        var recalled: PhysicalOffset?
        guard self.mayServe else { return self.refuse(job.caller, self.notMaster) }
        bytes.withUnsafeBytes { all in
            for message in StoredMessages(all) where job.names(message) {
                let entry = IndexEntry(of: message, at: message.physicalOffset)
                switch self.delivery.delays.recall(entry, at: message.queueOffset) {
                case .success(let record):
                    _ = self.append(record)
                    recalled = message.physicalOffset
                // A rolled copy's first place is not pending; that says nothing of the others.
                case .failure(.notPending): break
                case .failure(let refusal): reason = refusal
                }
            }
        }
        guard let recalled else { return self.refuse(job.caller, Self.refusal(of: reason)) }
        self.answerRecalled(job, self.messageID(recalled))
    }

    private static func refusal(of reason: DelaySchedule.RecallRefusal) -> Refusal {
        if case .tooMany = reason { return Refusal(.systemBusy, "\(reason)") }
        return Refusal(.illegalOperation, "not recalled: \(reason)")
    }

    private mutating func answerRecalled(_ job: RecallJob, _ messageID: String) {
        guard !job.caller.isOneWay else { return }
        let opaque = job.caller.opaque
        let answer: PendingAnswer.Answer =
            switch job.answer {
            case .recall:
                .command(
                    .response(.success, to: opaque, fields: ["msgId": job.uniqueKey]))
            case .send(let queueID):
                .send(
                    SendResponse(
                        opaque: opaque, messageIDs: .several(messageID), queueID: queueID,
                        queueOffset: 0,
                        transactionID: job.uniqueKey))
            }
        self.answers.append(
            PendingAnswer(
                end: self.log.end, since: self.now.tick, caller: job.caller, answer: answer))
    }
}

extension RecallJob {
    func isNamed(_ due: Timestamp) -> Bool {
        let (distance, overflow) = due.milliseconds.subtractingReportingOverflow(
            self.due.milliseconds)
        return !overflow && distance.magnitude <= UInt64(self.dueSlack)
    }

    /// Hashes collide: topic, key and time are compared.
    func names(_ message: StoredMessageView) -> Bool {
        guard message.topic == DelayParking.topic else { return false }
        let properties = message.propertiesBytes
        return message.properties[PropertyName.uniqueKey] == self.uniqueKey
            && DelayParking.destination(of: properties)?.topic == self.topic
            && DelayParking.due(of: properties).map(self.isNamed) == true
    }
}
