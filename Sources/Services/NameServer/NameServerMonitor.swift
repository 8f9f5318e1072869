import MetricsFormat
import Monitoring
import NIOCore
import NameServerEngine
import RoutingCore
import Synchronization

/// The name server as its monitor asks it.
final class NameServerMonitor: MonitorSource {
    private let loop: NameServerLoop
    private let isServing = Atomic(false)

    init(loop: NameServerLoop) { self.loop = loop }

    /// Its port is open.
    func served() { self.isServing.store(true, ordering: .releasing) }

    func turned() async { _ = await self.loop.figures() }

    func readiness() async -> Readiness {
        guard self.isServing.load(ordering: .acquiring), let figures = await self.loop.figures()
        else { return .notReady("it does not listen") }
        return .ready("\(figures.brokers) brokers serve \(figures.topics) topics")
    }

    func metrics() async -> MetricPage {
        guard let figures = await self.loop.figures() else { return MetricPage() }
        return figures.page.labelled([MetricLabel("node_type", "nameserver")])
    }
}

/// What a name server knows and did.
struct NameServerFigures: Sendable {
    var groups: Int
    var brokers: Int
    var topics: Int
    var connections: Int
    var requests: Int64

    var page: MetricPage {
        var page = MetricPage()
        page.gauge(
            "apus_name_server_brokers", "Brokers that are registered.", MetricSample(self.brokers))
        page.gauge(
            "apus_name_server_broker_groups", "Broker groups that are registered.",
            MetricSample(self.groups))
        page.gauge(
            "apus_name_server_topics", "Topics that brokers serve.", MetricSample(self.topics))
        page.gauge(
            "apus_connections", "Connections of clients and brokers that are open.",
            MetricSample(self.connections))
        page.counter(
            "apus_requests_total", "Requests since the start.", MetricSample(self.requests))
        return page
    }
}

extension NameServerFigures {
    init(_ engine: NameServerEngine, connections: Int, requests: Int64) {
        self.init(
            groups: engine.routes.groups.count,
            brokers: engine.routes.groups.values.reduce(0) { $0 + $1.members.count },
            topics: engine.routes.topics.count, connections: connections, requests: requests)
    }
}
