import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// Messages that were not acknowledged in time and are being read.
struct PopReturnLot: Sendable {
    var messages: [(due: PopDue, entry: IndexEntry)] = []
    var bytes = 0
}

// What was not acknowledged in time returns: into its retry topic, and out of flight, in one batch.
extension BrokerEngine {
    private static let returnsAtOnce = 4_096

    /// Looks after popped messages and those who wait for some.
    mutating func tendPops() {
        self.expirePolls()
        guard self.mayServe, self.isShown, !self.isTakingOver, (try? self.admit()) != nil else {
            return
        }
        let advance = self.delivery.pops.advance(to: self.now, countMax: Self.returnsAtOnce)
        for key in advance.unblocked { self.wakeOne(group: key.group, key.topic) }
        for stretch in Self.stretches(of: advance.due) { self.find(stretch) }
    }

    /// Neighbours of one queue, which its index has together.
    private static func stretches(of due: [PopDue]) -> [[PopDue]] {
        let sorted = due.sorted { ($0.key, $0.offset) < ($1.key, $1.offset) }
        return sorted.reduce(into: []) { stretches, due in
            if let last = stretches.last?.last, last.key == due.key,
                due.offset.distance(from: last.offset) <= 64
            {
                stretches[stretches.count - 1].append(due)
            } else {
                stretches.append([due])
            }
        }
    }

    private mutating func find(_ due: [PopDue]) {
        guard let first = due.first, let last = due.last else { return }
        let key = QueueKey(topic: first.key.topic, queueID: first.key.queueID)
        guard let queue = self.queues.number(of: key) else { return self.giveUp(due) }
        self.walk(
            IndexWalk(
                purpose: .popReturn(due), queue: queue, end: last.offset.advanced(by: 1),
                next: first.offset))
    }

    /// The index has been looked through. What it does not have is gone from the log; what may not
    /// be seen yet comes later.
    mutating func found(_ due: [PopDue], _ walk: IndexWalk) {
        let visibleEnd = self.queues[walk.queue].visibleEnd
        let entries = Dictionary(
            walk.found.map { ($0.1, $0.0) }, uniquingKeysWith: { first, _ in first })
        var lots = [PopReturnLot()]
        var gone: [PopDue] = []
        for due in due where due.offset < visibleEnd {
            guard let entry = entries[due.offset] else {
                gone.append(due)
                continue
            }
            let size = Int(entry.size)
            let isFull = lots[lots.count - 1].bytes + size > self.lotBytesMax
            if isFull, !lots[lots.count - 1].messages.isEmpty { lots.append(PopReturnLot()) }
            lots[lots.count - 1].messages.append((due, entry))
            lots[lots.count - 1].bytes += size
        }
        self.giveUp(gone)
        for lot in lots where !lot.messages.isEmpty {
            let ticket = self.reads.add(.popReturn(lot))
            self.effects.append(.readMessages(ticket, lot.messages.map(\.entry)))
        }
    }

    /// The messages of a lot have been read; damaged ones are missing.
    mutating func putBack(_ lot: PopReturnLot, _ bytes: [UInt8]) {
        guard self.mayServe, (try? self.admit()) != nil else { return }
        do {
            for topic in Set(lot.messages.map(\.due.retryTopic)).sorted() {
                try self.makePopRetryTopic(topic)
            }
            self.giveUp(try self.putBackMessages(of: lot, bytes))
        } catch {
            // They stay in flight, and are tried again in a while.
            self.effects.append(
                .warn("popped messages could not return to their retry topic: \(error)"))
        }
    }

    private mutating func makePopRetryTopic(_ name: String) throws {
        if self.delivery.topics.config(name) == nil {
            try self.putTopic(TopicConfig(name: name, readQueues: 1, writeQueues: 1))
        }
        _ = try self.queueNumber(QueueKey(topic: name, queueID: 0))
    }

    /// Returns those that could not be read.
    private mutating func putBackMessages(
        of lot: PopReturnLot, _ bytes: [UInt8]
    ) throws -> [PopDue] {
        // What was planned before belongs in front of this batch, not into it.
        self.appendPopRecords()
        var missing: [PopDue] = []
        try bytes.withUnsafeBytes { all in
            var messages = StoredMessages(all)
            var message = messages.next()
            var returning: [(due: PopDue, message: StoredMessageView)] = []
            for (due, entry) in lot.messages {
                guard let read = message, read.physicalOffset == entry.position else {
                    missing.append(due)
                    continue
                }
                message = messages.next()
                if self.delivery.pops.isDue(due) { returning.append((due, read)) }
            }
            guard !returning.isEmpty else { return }
            self.keepTogether(returning.reduce(0) { $0 + Self.room(for: $1.due, $1.message) })
            // Also those before one that cannot be put: message and record share the batch.
            defer { self.appendPopRecords() }
            for (due, message) in returning {
                try self.putBack(message, due)
                _ = self.delivery.pops.returned(due)
            }
        }
        return missing
    }

    /// Room for a message that returns, and for the record that says so.
    private static func room(for due: PopDue, _ message: StoredMessageView) -> Int {
        let names = due.key.group.utf8.count + due.key.topic.utf8.count
        return message.size + due.retryTopic.utf8.count + names + 128
    }

    private mutating func putBack(_ message: StoredMessageView, _ due: PopDue) throws {
        var draft = MessageDraft(
            copying: message, to: QueueKey(topic: due.retryTopic, queueID: 0),
            storeHost: self.settings.storeHost)
        draft.reconsumeTimes = message.reconsumeTimes &+ 1
        let properties = PopReturn.properties(of: message.properties, poppedAt: due.popTime)
        if properties.encoded.utf8.count <= MessageLayout.propertiesBytesMax {
            _ = try self.place(draft, body: message.body, properties: properties)
        } else {
            _ = try self.place(draft, body: message.body, properties: message.propertiesBytes)
        }
    }

    /// Messages that cannot be had any more are in flight no longer.
    private mutating func giveUp(_ due: [PopDue]) {
        var count = 0
        for due in due where self.delivery.pops.returned(due) { count += 1 }
        guard count > 0 else { return }
        self.effects.append(
            .warn(
                "\(count) popped messages did not return: they are deleted, or damaged on disk"))
    }
}

// Operators take away what pops are about.
extension BrokerEngine {
    /// A topic is gone, and with it the retry topics of its pops.
    mutating func forgetPops(ofTopic name: String) throws {
        self.delivery.pops.removed(topic: name)
        self.appendPopRecords()
        for record in self.delivery.requestModes.removed(topic: name) { _ = self.append(record) }
        self.wakeAllPolls(of: name)
        guard !PopTopic.isRetry(name) else { return }
        for group in self.delivery.groups.all {
            let retry = PopTopic.retry(group: group.name, topic: name)
            if self.delivery.topics.config(retry) != nil { try self.removeTopic(retry) }
        }
    }

    mutating func forgetPops(ofGroup name: String) {
        self.delivery.pops.removed(group: name)
        self.appendPopRecords()
        for record in self.delivery.requestModes.removed(group: name) { _ = self.append(record) }
        for poll in self.polls.wakeAll(group: name) {
            self.refuse(poll.held.caller, self.gone(name))
        }
    }

    private func gone(_ group: String) -> Refusal {
        Refusal(.subscriptionGroupNotExist, "the consumer group \(group) was deleted")
    }

    /// An operator says where a group goes on in a queue: handles of before are over. The group's
    /// ordinary offset is the caller's business.
    mutating func resetPops(group: String, queue: QueueKey, to offset: QueueOffset) {
        self.delivery.pops.reset(
            PopKey(group: group, topic: queue.topic, queueID: queue.queueID), to: offset)
        self.appendPopRecords()
        self.wakeOne(group: group, queue.topic)
    }
}
