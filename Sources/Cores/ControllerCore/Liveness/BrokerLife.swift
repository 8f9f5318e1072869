package import MessageFormat

/// One broker as one controller sees it.
package struct BrokerLife: Hashable, Sendable {
    package enum End: String, Hashable, Sendable {
        case connectionClosed = "its connection closed"
        case silent = "it was silent for too long"
    }

    package internal(set) var report: BrokerReport
    package internal(set) var connection: UInt64
    package internal(set) var heardAt: Tick
    /// When this start of the broker was heard first.
    package internal(set) var bornAt: Tick
    package internal(set) var timeout: Duration
    /// Nil while it is alive.
    package internal(set) var end: End?
    /// Since when, and in which epoch, it is the elected master, knows it, and does not act as one.
    package internal(set) var idle: Idleness?

    package struct Idleness: Hashable, Sendable {
        package var epoch: Epoch
        package var since: Tick
    }

    private var proof = LogProof()

    init(_ report: BrokerReport, over connection: UInt64, timeout: Duration, at now: Tick) {
        self.report = report
        self.connection = connection
        self.heardAt = now
        self.bornAt = now
        self.timeout = timeout
        self.proof.reported(report)
    }

    package var isAlive: Bool { self.end == nil }

    /// Whether this start of the broker is known to hold everything that was confirmed before it.
    package var isProven: Bool { self.proof.isProven }

    mutating func heard(
        _ report: BrokerReport, over connection: UInt64, timeout: Duration, at now: Tick
    ) {
        if report.incarnation != self.report.incarnation { self.bornAt = now }
        self.report = report
        self.connection = connection
        self.heardAt = now
        self.timeout = timeout
        self.end = nil
        self.proof.reported(report)
    }

    mutating func masterReported(_ confirmed: PhysicalOffset) {
        self.proof.masterReported(confirmed)
    }
}

/// Finds out whether a broker that was started has kept its log.
///
/// A process that runs loses nothing; only a start can come back with less. A master that reports a
/// confirm offset after that start names everything confirmed before it; what is confirmed later
/// is acknowledged by this very start, or the broker is no longer in the SyncStateSet. The first
/// report after the start may have been sent before it, so the second one counts.
struct LogProof: Hashable, Sendable {
    private var incarnation: UInt64?
    private var masterReports = 0
    private var toReach: PhysicalOffset?
    private(set) var isProven = false

    mutating func reported(_ report: BrokerReport) {
        if report.incarnation != self.incarnation {
            self = LogProof()
            self.incarnation = report.incarnation
        }
        if let toReach, report.maxOffset >= toReach { self.isProven = true }
    }

    mutating func masterReported(_ confirmed: PhysicalOffset) {
        guard self.masterReports < 2 else { return }
        self.masterReports += 1
        if self.masterReports == 2 { self.toReach = confirmed }
    }
}
