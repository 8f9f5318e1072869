package import MetricsFormat

/// A server as its monitor asks it. Questions come on the monitor's own thread, never on a loop
/// that carries messages, and may wait for those loops.
package protocol MonitorSource: Sendable {
    /// Returns when every loop that carries messages has turned once; if one hangs, it does not.
    func turned() async
    /// Whether the server can do its work now.
    func readiness() async -> Readiness
    /// Everything that it counts.
    func metrics() async -> MetricPage
}

/// Whether a server can do its work, in words.
package enum Readiness: Hashable, Sendable {
    case ready(String)
    case notReady(String)
}
