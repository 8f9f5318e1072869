import BrokerEngine
import MessageFormat
import MetricsFormat
import Monitoring
import NIOCore
import NIOPosix
import Synchronization

/// The broker as its monitor asks it. Every question goes to the worker's loop and takes a fraction
/// of a millisecond there; the rest is done on the thread that asked.
final class BrokerMonitor: MonitorSource {
    private let door: BrokerDoor
    private let loops: MultiThreadedEventLoopGroup
    private let labels: [MetricLabel]
    private let isServing = Atomic(false)

    init(_ configuration: BrokerConfiguration, door: BrokerDoor, loops: MultiThreadedEventLoopGroup)
    {
        self.door = door
        self.loops = loops
        self.labels = [
            MetricLabel("cluster", configuration.clusterName), MetricLabel("node_type", "broker"),
            MetricLabel("node_id", configuration.brokerName),
        ]
    }

    /// Its ports are open.
    func served() { self.isServing.store(true, ordering: .releasing) }

    func turned() async {
        for loop in self.loops.makeIterator() { try? await loop.submit {}.get() }
    }

    func readiness() async -> Readiness {
        guard self.isServing.load(ordering: .acquiring) else {
            return .notReady("it reads its log, or waits for the controllers to give it an id")
        }
        let readiness = try? await self.door.loop.submit { self.door.worker?.readiness }.get()
        return readiness ?? .notReady("it has stopped")
    }

    func metrics() async -> MetricPage {
        guard let figures = try? await self.door.loop.submit({ self.door.worker?.figures }).get()
        else { return MetricPage() }
        var page = figures.page
        page.append(ConsumerLag.page(await self.lags(), at: figures.engine.now.wall))
        return page.labelled(self.labels)
    }

    /// Asked of masters only: replicas have the offsets too, and would count everything twice.
    private func lags() async -> [ConsumerLag] {
        let portions = try? await self.door.loop.submit { self.door.worker?.lagPortions }.get()
        var lags: [ConsumerLag] = []
        for portion in portions ?? [] {
            let found = try? await self.door.loop.submit {
                self.door.worker?.engine.lags(of: portion)
            }.get()
            lags += found ?? []
        }
        return lags
    }
}

extension BrokerWorker {
    var readiness: Readiness {
        if self.hasFailed { return .notReady("its disk or its log cannot be used") }
        if self.hasLeft || self.isStopping { return .notReady("it is stopping") }
        if self.isRebuilding { return .notReady("it starts anew from what is on its disk") }
        if let obstacle = self.engine.obstacle { return .notReady(obstacle) }
        return .ready("\(self.engine.groupReport.role)")
    }

    var figures: WorkerFigures {
        WorkerFigures(
            engine: self.engine.figures, writer: self.writerFigures,
            connections: self.connectionCount, isWaitingForSpace: self.isWaitingForSpace,
            isDrained: self.isDrained, isReady: self.readiness.isReady)
    }

    var lagPortions: [ConsumerLagPortion] {
        switch self.engine.groupReport.role {
        case .alone, .master: self.engine.lagPortions
        case .replica, .fenced: []
        }
    }
}

extension Readiness {
    fileprivate var isReady: Bool {
        if case .ready = self { true } else { false }
    }
}

/// What a broker tells at one moment.
struct WorkerFigures: Sendable {
    var engine: BrokerFigures
    var writer: WriterFigures
    var connections: Int
    var isWaitingForSpace: Bool
    var isDrained: Bool
    var isReady: Bool
}
