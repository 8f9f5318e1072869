import DeliveryCore
import LogCore
package import MetricsFormat
package import RemotingProtocol

/// Running totals that operators read.
package struct BrokerCounters: Sendable {
    package private(set) var messagesPut: Int64 = 0
    package private(set) var bytesPut: Int64 = 0
    package private(set) var messagesGot: Int64 = 0
    package private(set) var refusals: [ResponseCode: Int64] = [:]
    /// Bytes of a message as it is stored.
    package private(set) var messageSize = Histogram(
        bounds: [1 << 10, 4 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20])
    /// Messages that were handed to the writer together.
    package private(set) var messagesOfBatch = Histogram(
        bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096])
    /// Transactions by how they ended.
    package private(set) var committed: Int64 = 0
    package private(set) var rolledBack: Int64 = 0
    package private(set) var givenUp: Int64 = 0
    /// Messages that were put aside until their time, and those that were delivered then.
    package private(set) var delayed: Int64 = 0
    package private(set) var delayedAndDelivered: Int64 = 0
    private(set) var incoming = IncomingTraffic()
    private(set) var outgoing = OutgoingTraffic()
    private var messagesSubmitted: Int64 = 0
    var nextQueue: UInt64 = 0
    var uniqueKeys: UInt32 = 0
    var gatherings: UInt64 = 0

    mutating func put(bytes: Int, on queue: QueueNumber, of topic: String) {
        self.messagesPut += 1
        self.bytesPut += Int64(bytes)
        self.messageSize.observe(Int64(bytes))
        self.incoming.put(bytes: bytes, on: queue, of: topic)
    }

    mutating func got(_ count: Int, bytes: Int, by group: String, of topic: String) {
        self.messagesGot += Int64(count)
        self.outgoing.got(count, bytes: bytes, by: group, of: topic)
    }

    /// What has gathered goes to the writer.
    mutating func submitted() {
        let messages = self.messagesPut - self.messagesSubmitted
        self.messagesSubmitted = self.messagesPut
        if messages > 0 { self.messagesOfBatch.observe(messages) }
    }

    mutating func ended(_ outcome: TransactionOutcome) {
        switch outcome {
        case .committed: self.committed += 1
        case .rolledBack: self.rolledBack += 1
        case .givenUp: self.givenUp += 1
        }
    }

    mutating func parked() { self.delayed += 1 }

    mutating func delivered() { self.delayedAndDelivered += 1 }

    mutating func refused(_ code: ResponseCode) { self.refusals[code, default: 0] += 1 }
}
