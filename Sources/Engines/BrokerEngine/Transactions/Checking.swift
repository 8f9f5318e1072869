import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Producers are asked about half messages that they left behind; what nobody decides is given up.
extension BrokerEngine {
    mutating func tendTransactions() {
        guard self.mayServe, (try? self.admit()) != nil else { return }
        let due = self.delivery.transactions.advance(
            to: self.now, confirmed: self.progress.confirmed)
        for effect in due {
            switch effect {
            case .ask(let offset, let group):
                guard let half = self.delivery.transactions.table[offset]?.half else { continue }
                if self.producers.clientIDs(of: group).isEmpty {
                    self.delivery.transactions.foundNobody(of: group, for: offset)
                } else {
                    self.read(.ask(half), at: half.position)
                }
            case .giveUp(let half): self.read(.giveUp(half), at: half.position)
            }
        }
    }

    /// CHECK_TRANSACTION_STATE to one producer of the group, with the message as it would be
    /// delivered.
    mutating func ask(about half: HalfMessage, _ message: StoredMessageView) {
        let properties = message.properties
        guard self.isSame(half, message), let queue = HalfProperties.queue(of: properties) else {
            return self.warn(of: half, "is damaged")
        }
        // It may have ended, and the producer may have left, meanwhile.
        guard self.mayServe, self.delivery.transactions.table[half.offset] != nil else { return }
        guard let connection = self.producers.next(of: half.producerGroup) else {
            return self.delivery.transactions.foundNobody(of: half.producerGroup, for: half.offset)
        }
        let key = properties[PropertyName.uniqueKey] ?? ""
        let question = RemotingCommand.request(
            .checkTransactionState,
            fields: [
                "topic": queue.topic, "tranStateTableOffset": String(half.offset.value),
                "commitLogOffset": String(half.position.bytes), "msgId": key,
                "transactionId": key, "offsetMsgId": self.messageID(half.position),
                "bname": self.settings.brokerName,
            ], body: Self.encode(half, message, for: queue), oneWay: true)
        self.effects.append(.notify(ConnectionID(value: connection.value), question))
        self.delivery.transactions.asked(half.offset, at: self.now.wall)
    }

    private static func encode(
        _ half: HalfMessage, _ message: StoredMessageView, for queue: QueueKey
    ) -> [UInt8] {
        let draft = MessageDraft(copying: message, to: queue, storeHost: message.storeHost)
        var bytes: [UInt8] = []
        draft.append(
            to: &bytes, body: message.body, properties: message.propertiesBytes,
            queueOffset: half.offset, physicalOffset: half.position, storeTimestamp: half.stored)
        return bytes
    }

    /// What was asked since the last turn goes into the log: a new master goes on counting.
    mutating func gatherChecks() {
        for record in self.delivery.transactions.takeCheckRecords() { _ = self.append(record) }
    }
}

// Giving up.
extension BrokerEngine {
    private static let givenUpQueue = QueueKey(topic: SystemTopic.transactionGivenUp, queueID: 0)

    /// The half message has been read: it goes where an operator finds it.
    mutating func giveUp(_ half: HalfMessage, _ message: StoredMessageView) {
        guard self.mayServe, self.isSame(half, message) else {
            return self.fail(.giveUp(half), ReadFailure(reason: "it is damaged"))
        }
        do {
            self.makeGivenUpTopic()
            let draft = MessageDraft(
                copying: message, to: Self.givenUpQueue, storeHost: self.settings.storeHost)
            self.keepTogether(self.roomToEnd(message))
            _ = try self.place(draft, body: message.body, properties: message.propertiesBytes)
            self.end(half, .givenUp)
            self.warn(of: half, "was given up: it lies in \(Self.givenUpQueue.topic) now")
        } catch {
            self.delivery.transactions.endFailed(half.offset)
            self.warn(of: half, "could not be given up: \(error)")
        }
    }

    /// A segment that has to go takes with it what cannot be read; else it is tried again.
    mutating func giveUpUnread(_ half: HalfMessage, because failure: ReadFailure) {
        guard self.mayServe, self.isDiskNearlyFull else {
            self.delivery.transactions.endFailed(half.offset)
            return self.warn(of: half, "cannot be given up: \(failure)")
        }
        self.keepTogether(Self.endedRecordBytesMax)
        self.end(half, .givenUp)
        self.warn(of: half, "is lost, and no producer had decided about it: \(failure)")
    }

    /// Not `putTopic`: a disk that is nearly full must not be in the way.
    private mutating func makeGivenUpTopic() {
        let topic = Self.givenUpQueue.topic
        guard self.delivery.topics.config(topic) == nil else { return }
        let config = TopicConfig(name: topic, readQueues: 1, writeQueues: 1)
        guard self.delivery.topics.update(config, at: self.now.wall) else { return }
        _ = self.append(self.delivery.record(ofTopic: topic))
        self.effects.append(.register)
    }

    /// Whether no transaction needs the segment any more.
    ///
    /// As long as there is room on the disk an open one keeps it; then it is given up.
    mutating func isFreeOfTransactions(_ segment: PhysicalOffset) -> Bool {
        let end = segment.advanced(by: self.settings.log.segmentBytes)
        guard let oldest = self.delivery.transactions.oldestOpenPosition, oldest < end else {
            return true
        }
        guard self.mayServe, self.mayGather, self.isDiskNearlyFull else { return false }
        for half in self.delivery.transactions.giveUp(before: end, countMax: 256) {
            self.read(.giveUp(half), at: half.position)
        }
        return false
    }

    private var isDiskNearlyFull: Bool {
        self.diskUsedRatio > self.settings.retention.diskUsedRatioMax
    }
}
