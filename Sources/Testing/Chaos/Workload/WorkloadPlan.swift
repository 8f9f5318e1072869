/// What a workload does: how many clients, how long, how fast.
package struct WorkloadPlan: Hashable, Sendable {
    package var topic: String
    /// The prefix of all client names; distinguishes this run's messages in the topic.
    package var run: String
    package var seed: UInt64
    package var group: String
    package var producers = 4
    package var consumers = 2
    /// Messages of all producers together.
    package var messagesMax: Int?
    package var duration: Duration?
    /// Bytes of a body.
    package var size = 256
    /// Messages a second of all producers together; nil for as many as possible.
    package var rate: Double?
    /// Queues per broker, if the topic has to be created.
    package var queues: Int32 = 4

    /// Prove this instead of the plain way.
    package var feature: Feature?
    /// Producers number their messages, so that each is stored once however often it is sent.
    package var isIdempotent = false

    package var sendTimeout: Duration = .seconds(3)
    /// A message that could not be sent for so long is given up.
    package var giveUpAfter: Duration = .seconds(60)
    /// How long brokers may take to serve again, and consumers to catch up, after the last send.
    package var settleTime: Duration = .seconds(60)

    package init(topic: String, seed: UInt64) {
        self.topic = topic
        self.seed = seed
        self.run = String(seed & 0xFFFF_FFFF, radix: 36)
        self.group = "verify-\(self.run)"
    }

    /// For the header of the history.
    package var text: String {
        "topic=\(self.topic) group=\(self.group) producers=\(self.producers) "
            + "consumers=\(self.consumers) messages=\(self.messagesMax.map(String.init) ?? "-") "
            + "duration=\(self.duration.map { "\($0)" } ?? "-") size=\(self.size) "
            + "rate=\(self.rate.map { "\($0)" } ?? "-")"
            + (self.feature.map { " feature=\($0.rawValue)" } ?? "")
            + (self.isIdempotent ? " idempotent=true" : "")
    }
}
