import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// Messages that were popped, until the log has it that they were.
struct PopDelivery: Sendable {
    var ask: PopAsk
    var popTime: Timestamp
    /// Milliseconds, as they were granted.
    var invisibleTime: Int64
    var parts: [PopPart]
    var rest: Int64

    var entries: [IndexEntry] { self.parts.flatMap { $0.messages.map(\.entry) } }

    /// Messages of a retry topic are given out under the name of the topic that was asked for.
    var hasRetries: Bool {
        !self.ask.isOfRetryTopic && self.parts.contains { $0.kind != .normal }
    }

    var response: PopResponse {
        var info = PopResponseInfo()
        for part in self.parts {
            info.add(part.kind, queueID: part.queueID, offsets: part.offsets)
            guard self.ask.isOrdered, !part.messages.isEmpty else { continue }
            info.add(orderCounts: part.orderCounts, part.kind, queueID: part.queueID)
        }
        return PopResponse(
            opaque: self.ask.caller.opaque, popTime: self.popTime.milliseconds,
            invisibleTime: self.invisibleTime, reviveQueue: self.reviveQueue, rest: self.rest,
            startOffsetInfo: info.startOffsetInfo, messageOffsetInfo: info.messageOffsetInfo,
            orderCountInfo: info.orderCountInfo)
    }

    private var reviveQueue: Int32 { self.ask.isOrdered ? PopHandle.orderQueue : 0 }
}

// A pop is answered when the log has what it took: before, another master might give it out again.
extension BrokerEngine {
    mutating func conclude(_ job: PopJob) {
        let delivery = PopDelivery(
            ask: job.ask, popTime: job.popTime,
            invisibleTime: self.delivery.pops.granted(job.ask.invisibleTime), parts: job.parts,
            rest: job.rest)
        if job.parts.isEmpty {
            self.foundNothing(job)
        } else if job.ask.purpose == .peek {
            self.deliver(delivery)
        } else {
            self.counters.got(
                job.count, bytes: job.takenBytes, by: job.ask.group, of: job.ask.topic)
            self.answerWithRecords(job.ask.caller, .pop(delivery))
        }
        // Others that came meanwhile found the queues taken.
        if job.hasWaited, job.rest > 0, !job.parts.isEmpty {
            self.wakeOne(group: job.ask.group, job.ask.topic)
        }
    }

    /// Answers once the records of this turn are confirmed.
    mutating func answerWithRecords(_ caller: Caller, _ answer: PendingAnswer.Answer) {
        guard !caller.isOneWay else { return }
        self.popAnswers.append((caller, answer))
    }

    /// What became of pops in this turn goes into the log: all of it, in its order.
    mutating func settlePops() {
        self.appendPopRecords()
        for moved in self.delivery.pops.takeCommits() {
            // Who pops goes on where a reset says at once: nobody has to be told any more.
            _ = self.isBeforeReset(
                moved.group, moved.topic, moved.queueID, offset: moved.offset.value,
                isOperators: true)
            self.commit(
                group: moved.group, topic: moved.topic, queueID: moved.queueID,
                offset: moved.offset.value)
        }
        for (caller, answer) in exchange(&self.popAnswers, with: []) {
            let pending = PendingAnswer(
                end: self.log.end, since: self.now.tick, caller: caller, answer: answer)
            if self.log.end > self.progress.confirmed {
                self.answers.append(pending)
            } else {
                self.release(pending)
            }
        }
    }

    mutating func appendPopRecords() {
        for record in self.delivery.pops.takeRecords() { _ = self.append(record) }
    }

    /// It is confirmed that the messages are taken, or they are only looked at.
    mutating func deliver(_ delivery: PopDelivery) {
        if delivery.hasRetries {
            let ticket = self.reads.add(.popDelivery(delivery))
            self.effects.append(.readMessages(ticket, delivery.entries))
        } else {
            self.effects.append(
                .deliverPopped(delivery.ask.caller, delivery.response, delivery.entries))
        }
    }

    /// The messages have been read; damaged ones are missing, and the answer does not name them.
    mutating func deliver(_ delivery: PopDelivery, _ bytes: [UInt8]) {
        var delivery = delivery
        let brokerName = self.settings.brokerName
        var body: [UInt8] = []
        body.reserveCapacity(bytes.count + 256)
        bytes.withUnsafeBytes { all in
            var messages = StoredMessages(all)
            var message = messages.next()
            for index in delivery.parts.indices {
                var part = delivery.parts[index]
                let first = part.messages.first?.offset ?? .zero
                part.messages.removeAll { item in
                    guard let read = message, read.physicalOffset == item.entry.position else {
                        return true
                    }
                    delivery.append(read, of: part.kind, from: first, on: brokerName, to: &body)
                    message = messages.next()
                    return false
                }
                delivery.parts[index] = part
            }
        }
        guard !body.isEmpty else {
            return self.refuse(
                delivery.ask.caller, Refusal(.systemError, "the messages are damaged on disk"))
        }
        var command = delivery.response.command
        command.body = body
        self.answer(delivery.ask.caller, command)
    }
}

extension PopDelivery {
    /// Appends a message as the client is to see it.
    fileprivate func append(
        _ message: StoredMessageView, of kind: PopTopicKind, from first: QueueOffset,
        on brokerName: String, to body: inout [UInt8]
    ) {
        var properties = message.properties
        properties[PropertyName.popCheckpoint] =
            PopHandle(
                checkpoint: first, popTime: self.popTime, invisibleTime: self.invisibleTime,
                reviveQueue: self.reviveQueue, kind: kind,
                brokerName: brokerName, queueID: message.queueID,
                offset: message.queueOffset
            ).text
        let encoded = Array(properties.encoded.utf8)
        guard kind != .normal, encoded.count <= MessageLayout.propertiesBytesMax else {
            // Clients make the handle of such a message themselves.
            return body.append(contentsOf: message.encoded)
        }
        var draft = MessageDraft(
            copying: message,
            to: QueueKey(topic: self.ask.topic, queueID: message.queueID),
            storeHost: message.storeHost)
        draft.preparedTransactionOffset = message.preparedTransactionOffset
        encoded.withUnsafeBytes { properties in
            draft.append(
                to: &body, body: message.body, properties: properties,
                queueOffset: message.queueOffset, physicalOffset: message.physicalOffset,
                storeTimestamp: message.storeTimestamp)
        }
    }
}
