package import MessageFormat

/// Why a text is no handle.
package struct PopHandleError: Error, Hashable {
    package var problem: String
}

/// What a client shows to acknowledge a popped message or to keep it longer: `extraInfo` of the
/// wire, `POP_CK` of a message (`flows.md` §13).
///
/// It names the delivery, not the broker's memory of it, so it stays valid under a new master.
package struct PopHandle: Hashable, Sendable {
    /// The revive queue that marks deliveries in order.
    package static let orderQueue = Int32(999)
    /// Longest text that is looked at.
    package static let bytesMax = 512

    /// First offset of the pop on its queue.
    package var checkpoint: QueueOffset
    package var popTime: Timestamp
    /// Milliseconds.
    package var invisibleTime: Int64
    package var reviveQueue: Int32
    package var kind: PopTopicKind
    package var brokerName: String
    package var queueID: Int32
    package var offset: QueueOffset

    package init(
        checkpoint: QueueOffset, popTime: Timestamp, invisibleTime: Int64, reviveQueue: Int32,
        kind: PopTopicKind, brokerName: String, queueID: Int32, offset: QueueOffset
    ) {
        self.checkpoint = checkpoint
        self.popTime = popTime
        self.invisibleTime = invisibleTime
        self.reviveQueue = reviveQueue
        self.kind = kind
        self.brokerName = brokerName
        self.queueID = queueID
        self.offset = offset
    }

    package init(parsing text: String) throws(PopHandleError) {
        guard text.utf8.count <= Self.bytesMax else {
            throw PopHandleError(problem: "extraInfo has more than \(Self.bytesMax) bytes")
        }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 8 else {
            throw PopHandleError(problem: "extraInfo has \(parts.count) fields, not 8")
        }
        guard let kind = UInt8(parts[4]).flatMap(PopTopicKind.init(rawValue:)) else {
            throw PopHandleError(problem: "extraInfo names an unknown kind of topic")
        }
        guard !parts[5].isEmpty else {
            throw PopHandleError(problem: "extraInfo names no broker")
        }
        self.checkpoint = QueueOffset(try Self.number(parts[0], "start offset"))
        self.popTime = Timestamp(milliseconds: try Self.number(parts[1], "pop time"))
        self.invisibleTime = try Self.number(parts[2], "invisible time")
        self.reviveQueue = try Self.number(parts[3], "revive queue")
        self.kind = kind
        self.brokerName = String(parts[5])
        self.queueID = try Self.number(parts[6], "queue id")
        self.offset = QueueOffset(try Self.number(parts[7], "offset"))
    }

    package var text: String {
        "\(self.checkpoint.value) \(self.popTime.milliseconds) \(self.invisibleTime) "
            + "\(self.reviveQueue) \(self.kind.rawValue) \(self.brokerName) \(self.queueID) "
            + "\(self.offset.value)"
    }

    package var isOrdered: Bool { self.reviveQueue == Self.orderQueue }

    /// What contradicts the request that shows the handle, or nil.
    package func problem(queueID: Int32, offset: QueueOffset) -> String? {
        if queueID != self.queueID {
            return "queueId \(queueID) is not that of extraInfo, \(self.queueID)"
        }
        if offset != self.offset {
            return "offset \(offset.value) is not that of extraInfo, \(self.offset.value)"
        }
        return nil
    }

    private static func number<T: FixedWidthInteger>(
        _ text: Substring, _ name: String
    ) throws(PopHandleError) -> T {
        guard let number = T(text), number >= 0 else {
            throw PopHandleError(problem: "the \(name) in extraInfo is no number from 0 on")
        }
        return number
    }
}
