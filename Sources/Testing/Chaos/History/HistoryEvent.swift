package import MessageFormat

/// One line of a history: something that a client, a reader or the nemesis did or saw.
///
/// Calls leave two events, one written before the call and one after its answer. All times of a
/// run are readings of the machine's one monotonic clock, so that real-time order is known.
package struct HistoryEvent: Hashable, Sendable {
    package var at: Tick
    package var kind: Kind

    package init(at: Tick, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }

    package enum Kind: Hashable, Sendable {
        case sendStarted(ValueID, topic: String)
        /// `to` is the address of the broker that it was sent to.
        case sendEnded(
            ValueID, SendOutcome, status: String, QueuePosition?, to: String? = nil)
        case received(Reception)
        case ackStarted(by: Member, QueuePosition)
        case ackEnded(by: Member, QueuePosition, isCertain: Bool)
        /// The group's progress on the broker: everything before `position` is done.
        case committed(group: String, QueuePosition)
        /// All queues that the consumer holds from now on.
        case assigned(Member, queues: [MessageQueue])
        /// The consumer stopped, was stopped or was killed.
        case left(Member)
        case faultBegan(Fault)
        case faultEnded(Fault, proof: String)
        case elected(Election)
        /// Read back after the run, when everything was healed.
        case drained(QueuePosition, MessageContent)
        /// The queue was read back completely, from `min` up to but without `max`.
        case drainEnded(MessageQueue, min: QueueOffset, max: QueueOffset)
        /// What the sender, who is about to send it, wants of the message.
        case wished(ValueID, Wish)
        /// The client library has sent it so often until it was acknowledged.
        case repeated(ValueID, attempts: Int32)
        /// What its receiver does with a message; what it has done, if that is final.
        case treated(ValueID, by: Member, QueuePosition, Treatment)
        /// A broker asks how the message's transaction ended.
        case asked(ValueID)
        /// It lies among its group's dead letters, with this reason.
        case buried(ValueID, QueuePosition, reason: String)
        /// The dead letter is about to be sent again; it may be on its way from here on.
        case replayed(ValueID)
    }
}

/// What a sender wants of a message beyond that it arrives.
package enum Wish: Hashable, Sendable {
    /// So long after it was stored.
    case delayed(by: Duration)
    case due(at: Tick)
    /// - Parameter isLeftOpen: the sender does not say the outcome; the broker has to ask.
    case transaction(commits: Bool, isLeftOpen: Bool)
}

/// What a receiver does with a message.
package enum Treatment: Hashable, Sendable {
    /// It is done with, as far as this receiver can bring that about.
    case done
    /// It is to come again after so long; nil: it is to become a dead letter.
    case failed(again: Duration?)
    /// Until then nobody else must get it.
    case hidden(until: Tick)
    /// Whether it is done with, or was given back, is not known.
    case uncertain
}

/// How a send ended, as far as its sender can know.
package enum SendOutcome: String, Hashable, Sendable {
    /// Stored and durable, says the broker.
    case acknowledged
    /// May have been stored, at most once.
    case unknown
    /// Refused before any append: must never appear.
    case failed
}

/// A place in a queue.
package struct QueuePosition: Hashable, Comparable, Sendable {
    package var queue: MessageQueue
    package var offset: QueueOffset

    package init(_ queue: MessageQueue, _ offset: QueueOffset) {
        self.queue = queue
        self.offset = offset
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.queue, left.offset) < (right.queue, right.offset)
    }
}

/// A consumer and its group.
package struct Member: Hashable, Sendable {
    package var consumer: String
    package var group: String

    package init(consumer: String, group: String) {
        self.consumer = consumer
        self.group = group
    }
}

/// A message that reached a consumer.
package struct Reception: Hashable, Sendable {
    package var member: Member
    package var position: QueuePosition
    package var content: MessageContent
    /// How often the group has had it redelivered by request.
    package var reconsumeTimes: Int32

    package init(
        member: Member, position: QueuePosition, content: MessageContent, reconsumeTimes: Int32 = 0
    ) {
        self.member = member
        self.position = position
        self.content = content
        self.reconsumeTimes = reconsumeTimes
    }
}

/// What a body that was read is.
package enum MessageContent: Hashable, Sendable {
    case value(ValueID)
    /// Not sent by a workload.
    case foreign(checksum: UInt32)
    /// Sent by a workload, and no longer what was sent.
    case corrupt(checksum: UInt32, problem: String)
}

/// Something that the nemesis breaks and heals.
package struct Fault: Hashable, Sendable {
    /// What kind of fault, such as `kill`.
    package var name: String
    package var target: String
    /// The broker group whose master it strikes, and that master's address; nil: no master.
    package var master: MasterPlace?

    package init(name: String, target: String, master: MasterPlace? = nil) {
        self.name = name
        self.target = target
        self.master = master
    }
}

/// Which broker serves a group.
package struct MasterPlace: Hashable, Sendable {
    package var group: String
    package var address: String

    package init(group: String, address: String) {
        self.group = group
        self.address = address
    }
}

/// A group's master, as the controllers were first seen to have committed it. The election itself
/// may lie a little earlier, or long before if no controller could be asked.
package struct Election: Hashable, Sendable {
    package var master: MasterPlace
    package var epoch: UInt32

    package init(_ master: MasterPlace, epoch: UInt32) {
        self.master = master
        self.epoch = epoch
    }
}

/// The first line of a history: what is needed to understand the rest.
package struct HistoryHeader: Hashable, Sendable {
    /// The prefix of this run's client names.
    package var run: String
    package var seed: UInt64
    package var startedAt: Timestamp
    package var versions: String
    package var configuration: String

    package init(
        run: String, seed: UInt64, startedAt: Timestamp, versions: String, configuration: String
    ) {
        self.run = run
        self.seed = seed
        self.startedAt = startedAt
        self.versions = versions
        self.configuration = configuration
    }
}

extension HistoryHeader {
    /// One of the words `key=value` of the configuration.
    package func setting(_ key: String) -> String? {
        self.configuration.split(separator: " ").first { $0.hasPrefix("\(key)=") }
            .map { String($0.dropFirst(key.utf8.count + 1)) }
    }
}
