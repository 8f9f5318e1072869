import BrokerEngine
import Logging
import MessageFormat
import Monitoring
import NIOCore
import NIOPosix
import PeerTransport
import RemotingProtocol
import RemotingTransport
import Storage
import Synchronization

/// The parts of a broker that is up, and how they are taken down. `BrokerStart` puts them together.
struct RunningBroker: Sendable {
    let server: RemotingServer
    /// Where replicas connect; nil without controllers.
    let listener: PeerListener?
    /// Nil: it is off.
    let monitor: MonitorServer?
    let door: BrokerDoor
    let registrar: NameServerRegistrar
    let clients: [RemotingClient]
    let loops: MultiThreadedEventLoopGroup
    let pools: [NIOThreadPool]
    let timers: [RepeatedTask]
    /// At most one: the failure that ends the broker.
    let failures: AsyncStream<any Error>
    /// Clients may connect, and the controllers, if there are any, know this broker.
    let readiness: AsyncStream<Void>

    /// No new requests; what was taken is written and answered; then everything closes.
    func stop() async {
        self.server.stopAccepting()
        await self.door.settle()
        try? await self.door.loop.submit { self.door.worker?.letClientsGo() }.get()
        for client in self.clients { await client.shutdown() }
        await self.server.close()
        await self.listener?.close()
        for timer in self.timers { timer.cancel() }
        if let (store, writer, checkpoint) = await self.door.disk() {
            writer.stop()
            let alone = LogCheckpoint(
                logID: store.logID, confirmed: writer.durable, masterEpoch: Epoch(0))
            if writer.failure == nil { try? store.writeCheckpoint(checkpoint ?? alone) }
            store.close()
        }
        await self.monitor?.close()
        for pool in self.pools { try? await pool.shutdownGracefully() }
        try? await self.loops.shutdownGracefully()
    }
}

extension RegistrarIdentity {
    init(_ configuration: BrokerConfiguration) {
        let address = configuration.advertisedAddress
        self.init(
            clusterName: configuration.clusterName, brokerName: configuration.brokerName,
            address: address,
            replicationAddress: configuration.controllers.isEmpty
                ? address : configuration.advertisedReplicationAddress)
    }
}

/// Brings what happens on connections to the worker's event loop.
///
/// Invariant: `worker` is touched on `loop` only.
final class BrokerDoor: RemotingServerDelegate, Sendable {
    let loop: any EventLoop
    private let box: NIOLoopBoundBox<BrokerWorker?>
    /// Bytes of requests that other loops have read and the worker has not looked at.
    private let handedOver = Atomic<Int>(0)
    /// Connections that are not read until the worker has caught up.
    private let resting: NIOLoopBoundBox<[RemotingConnection]>

    /// Beyond so many bytes the connections that bring more are not read any more.
    private static let handedOverBytesMax = 16 << 20

    init(loop: any EventLoop) {
        self.loop = loop
        self.resting = .makeBoxSendingValue([], eventLoop: loop)
        self.box = .makeEmptyBox(valueType: BrokerWorker.self, eventLoop: loop)
    }

    var worker: BrokerWorker? {
        get { self.box.value }
        set { self.box.value = newValue }
    }

    func opened(_ connection: RemotingConnection) {
        self.onLoop { $0.opened(connection) }
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        guard !self.loop.inEventLoop else {
            self.worker?.received(commands, from: connection)
            return
        }
        let bytes = commands.reduce(0) { $0 + $1.frameCount }
        let waiting = self.handedOver.wrappingAdd(bytes, ordering: .relaxed).newValue
        let mustRest = waiting > Self.handedOverBytesMax
        if mustRest { connection.setReading(false) }
        self.loop.execute {
            if mustRest { self.resting.value.append(connection) }
            self.worker?.received(commands, from: connection)
            let left = self.handedOver.wrappingSubtract(bytes, ordering: .relaxed).newValue
            if left <= Self.handedOverBytesMax / 2 { self.readAgain() }
        }
    }

    private func readAgain() {
        guard !self.resting.value.isEmpty else { return }
        for connection in self.resting.value { connection.setReading(true) }
        self.resting.value = []
    }

    func closed(_ connection: RemotingConnection) {
        self.onLoop { $0.closed(connection) }
    }

    /// Inline when the connection lives on the worker's loop, which is the usual case.
    func onLoop(_ body: @escaping @Sendable (BrokerWorker) -> Void) {
        if self.loop.inEventLoop {
            if let worker = self.worker { body(worker) }
        } else {
            self.loop.execute { if let worker = self.worker { body(worker) } }
        }
    }

    /// Refuses further sends, and waits a little until those that were taken are answered.
    func settle() async {
        for _ in 0..<100 {
            let isSettled = try? await self.loop.submit {
                guard let worker = self.worker, !worker.hasFailed else { return true }
                worker.isStopping = true
                worker.lookAtDisk()
                worker.engine.gatherAllOffsets()
                worker.turn()
                return worker.engine.isSettled
            }.get()
            if isSettled ?? true { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Hands the mastership over, for at most five seconds, or one when the controllers see nobody
    /// who could take it. Then follows the new master until it has the new epoch: the new master
    /// waits less for a replica that leaves than for one that never came.
    func handOver() async {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(5) {
            let step = try? await self.loop.submit { self.worker?.leave() ?? .done }.get()
            switch step {
            case .done?, nil: return
            case .hopeless? where ContinuousClock.now - start > .seconds(1): return
            case .hopeless?, .waiting?: break
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// What is left to close, once the log is not being rebuilt. Nothing changes it any more.
    func disk() async -> (LogStore, StoreWriter, LogCheckpoint?)? {
        while true {
            let disk = try? await self.loop.submit { self.worker.map { $0.takeLeave() } }.get()
            switch disk {
            case .left(let store, let writer, let checkpoint)?: return (store, writer, checkpoint)
            case .rebuilding?: try? await Task.sleep(for: .milliseconds(5))
            case nil: return nil
            }
        }
    }

    /// What name servers are told: all topics, and the role, as they are now.
    func registration() async -> Registration {
        let registration = try? await self.loop.submit {
            self.worker.map {
                Registration(brokerID: $0.registeredID, body: $0.engine.registration)
            }
        }.get()
        let nothing = RegisterBrokerBody(
            topics: [], dataVersion: DataVersion(timestamp: Timestamp(milliseconds: 0)))
        return registration ?? Registration(brokerID: nil, body: nothing)
    }
}

extension BrokerWorker {
    enum Farewell: Sendable {
        case left(LogStore, StoreWriter, LogCheckpoint?)
        case rebuilding
    }

    func takeLeave() -> Farewell {
        guard !self.isRebuilding else { return .rebuilding }
        self.hasLeft = true
        self.group?.links.closeAll()
        return .left(self.store, self.writer, self.currentCheckpoint)
    }

    /// The id by which name servers know this broker: masters are 0.
    var registeredID: Int64? {
        if self.hasFailed { return nil }
        switch self.engine.groupReport.role {
        case .alone, .master: return 0
        case .replica: return self.engine.settings.group?.brokerID
        case .fenced: return nil
        }
    }
}
