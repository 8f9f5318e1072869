package import DeliveryCore
package import LogCore
package import MessageFormat
package import ReplicationCore

/// What the operator decided about a broker, as far as its engine needs to know.
package struct BrokerSettings: Sendable {
    package var delivery = DeliverySettings()
    /// The group that controllers steer; nil: this broker is alone.
    package var group: GroupSettings?
    /// Address under which clients reach this broker; messages carry it as their store host.
    package var storeHost = HostAddress.unknown
    package var flushMode = FlushProgress.Mode.sync
    package var log = CommitLog.Options()
    package var retention = Retention()
    /// Full segments are read through at this rate, so that rot is found; 0: they are not.
    package var scrubBytesPerSecond = 0
    /// Between two times through all of them.
    package var scrubPause = Duration.seconds(20)
    /// What an earlier engine on the same log knew to be damaged.
    package var repair = SegmentRepair()

    /// Body of one message (RocketMQ's `maxMessageSize`).
    package var bodyBytesMax = 4 << 20
    /// How long sends may wait, and how many bytes of them: beyond, they are refused with
    /// `SYSTEM_BUSY`.
    package var admission = SendWindow.Options()
    /// Bytes that may wait for disk and replicas, whatever they are. Beyond, everything that wants
    /// a place in the log is refused, such as acknowledgements, too.
    package var unconfirmedBytesMax = 96 << 20
    /// A send that waited this long for the disk is answered `FLUSH_DISK_TIMEOUT`.
    package var flushTimeout: Duration = .seconds(5)
    /// Consumer offsets are gathered this long before they go into the log.
    package var offsetGatherTime: Duration = .milliseconds(50)
    /// Bytes of one pull answer, unless the first message alone is longer.
    package var pullBytesMax = 1 << 20
    package var pullBytesLimit = 8 << 20
    package var pullMessagesMax = 4_096
    /// Entries that one pull looks at before it answers with what it found.
    package var pullScanMax = 16_384
    /// Whether consumers may choose messages by their properties (SQL92).
    package var enablePropertyFilter = true
    /// Messages, and bytes of them, that one pull by properties looks at before it answers with
    /// what it found: they are read from disk.
    package var filterScanMax = 2_048
    package var filterBytesMax = 2 << 20

    /// Queues in all. A segment's opening snapshot holds all state and must leave it room.
    package var queuesMax: Int { self.log.segmentBytes / 1_024 }

    package init() {}

    /// Whether the topic of message traces is there from the start.
    package var hasTraceTopic: Bool {
        get { self.delivery.hasTraceTopic }
        set { self.delivery.hasTraceTopic = newValue }
    }

    /// Most queues of a topic that a send creates.
    package var autoCreateQueues: Int {
        get { Int(self.delivery.autoCreateQueues) }
        set { self.delivery.autoCreateQueues = Int32(clamping: newValue) }
    }

    /// In how many of a hundred pops what is tried again comes first.
    package var retryFirstPercent: Int {
        get { Int(self.delivery.pops.retryFirstPercent) }
        set { self.delivery.pops.retryFirstPercent = UInt64(clamping: newValue) }
    }

    /// Who the broker is, and what clients may make by themselves.
    package init(
        cluster: String, brokerName: String, autoCreateTopics: Bool, autoCreateGroups: Bool
    ) {
        self.delivery = DeliverySettings(
            cluster: cluster, brokerName: brokerName, autoCreateTopic: autoCreateTopics,
            autoCreateGroup: autoCreateGroups)
    }

    /// Name servers get the whole table in one frame of 16 MiB; a topic takes some 1.5 KB at most.
    private static let topicsMax = 8_192

    /// Bounds the tables so that their snapshot takes a fraction of a segment.
    package mutating func fitTables(toSegment segmentBytes: Int) {
        self.log.segmentBytes = segmentBytes
        self.bodyBytesMax = min(self.bodyBytesMax, segmentBytes / 8)
        self.delivery.offsetsMax = min(self.delivery.offsetsMax, segmentBytes / 2_048)
        self.delivery.locksMax = min(self.delivery.locksMax, segmentBytes / 8_192)
        self.delivery.topicsMax = min(
            self.delivery.topicsMax, segmentBytes / 16_384, Self.topicsMax)
        self.delivery.groupsMax = min(
            self.delivery.groupsMax, segmentBytes / 16_384, Self.topicsMax / 2)
        self.fitProducers(toSegment: segmentBytes)
        self.fitPops(toSegment: segmentBytes)
    }

    private mutating func fitPops(toSegment segmentBytes: Int) {
        var pops = self.delivery.pops
        pops.queuesMax = min(pops.queuesMax, segmentBytes / 4_096)
        pops.piecesMax = min(pops.piecesMax, segmentBytes / 1_024)
        self.delivery.pops = pops
        self.delivery.requestModesMax = min(
            self.delivery.requestModesMax, segmentBytes / 8_192)
    }

    /// What may be delayed, and for how long. Returns what is wrong with the levels, if anything is.
    package mutating func setDelays(
        levels: String, atMost delayMax: Duration, precision: Duration
    ) -> String? {
        do throws(DelayLevels.ParsingError) {
            self.delivery.delays.levels = try DelayLevels(parsing: levels)
        } catch {
            return error.description
        }
        self.delivery.delays.delayMax = Int64(delayMax / .milliseconds(1))
        self.delivery.delays.precision = max(1, Int64(precision / .milliseconds(1)))
        return nil
    }

    /// When producers are asked about transactions that they left open, how often and how long.
    package mutating func checkTransactions(
        after timeout: Duration, every interval: Duration, atMost checksMax: Int,
        for retention: Duration
    ) {
        self.delivery.transactions.timeout = timeout
        self.delivery.transactions.interval = interval
        self.delivery.transactions.checksMax = checksMax
        self.delivery.transactions.retention = retention
    }

    private mutating func fitProducers(toSegment segmentBytes: Int) {
        var (transactions, idempotence) = (self.delivery.transactions, self.delivery.idempotence)
        transactions.openMax = min(transactions.openMax, segmentBytes / 1_024)
        transactions.groupsMax = min(transactions.groupsMax, segmentBytes / 32_768)
        idempotence.sessionsMax = min(idempotence.sessionsMax, segmentBytes / 8_192)
        idempotence.storedMax = min(idempotence.storedMax, segmentBytes / 512)
        (self.delivery.transactions, self.delivery.idempotence) = (transactions, idempotence)
    }

    package var clusterName: String { self.delivery.cluster }
    package var brokerName: String { self.delivery.brokerName }
}
