import BrokerEngine
import LogCore
import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Storage

/// The hands of the broker's engine: everything here runs on one event loop, in turns.
///
/// A turn takes whatever requests and completions have gathered, lets the engine decide, and then
/// does what it decided: one write for the disk, one answer buffer for each connection.
final class BrokerWorker {
    private(set) var store: LogStore
    private(set) var writer: StoreWriter
    let loop: any EventLoop
    let logger: Logger
    let outside: BrokerOutside
    var engine: BrokerEngine
    private var connections: [ConnectionID: Outgoing] = [:]
    private var dirty: [Outgoing] = []
    /// Messages that were read for the answers of this turn.
    private var bytesRead = 0
    /// When the first request of those that are ready on the loop came; nil: none has come yet.
    private var passBegan: Tick?
    /// How long the round before took.
    private var latestPass = Duration.zero
    private var latestTurn = Tick.zero
    private var isTurnScheduled = false
    /// Orders that the disk has not taken yet; after a full disk they are given again, unchanged.
    var unwritten: [WriteOrder] = []
    /// Since when the disk has had something to do without finishing any of it.
    var writingSince: Tick?
    var isWaitingForSpace = false
    /// Sends are refused; what was taken is still written and answered.
    var isStopping = false
    /// The log is being closed: it changes no more.
    var hasLeft = false
    var pace = DiskPace()
    /// For operators.
    var writerFigures = WriterFigures()
    var indexes: OpenIndexes
    var rebuilding: Set<PhysicalOffset> = []
    private(set) var hasFailed = false
    /// Only with controllers.
    var group: GroupHands?
    /// Counts the engines: what was begun for an earlier one is nobody's business any more.
    private(set) var generation = 0
    /// The engine has said its last word, and the next one is not there yet.
    var isRebuilding = false

    init(
        log: RebuiltLog, group: GroupHands?, loop: any EventLoop, outside: BrokerOutside,
        logger: Logger
    ) {
        self.engine = log.engine
        self.store = log.store
        self.writer = log.writer
        self.group = group
        self.loop = loop
        self.outside = outside
        self.indexes = OpenIndexes(store: log.store)
        self.logger = logger
    }

    /// Another engine, on a log that was changed.
    func goOn(with log: RebuiltLog) {
        self.generation += 1
        let earlier = self.engine
        self.engine = log.engine
        self.engine.takeClients(of: earlier)
        self.store = log.store
        self.writer = log.writer
        self.indexes = OpenIndexes(store: log.store)
        self.rebuilding = []
        self.unwritten = []
        self.writingSince = nil
        self.isWaitingForSpace = false
        self.pace = DiskPace()
        self.group?.isWritingCheckpoint = false
        self.lookAtDisk()
    }

    var connectionCount: Int { self.connections.count }

    func knows(_ connection: ConnectionID) -> Bool { self.connections[connection] != nil }

    func closeClients() {
        for outgoing in self.connections.values { outgoing.connection.close() }
    }

    func opened(_ connection: RemotingConnection) {
        self.connections[connection.id] = Outgoing(connection)
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        guard !self.hasFailed else { return connection.close() }
        let now = Clock.now()
        let pressure = self.pressure(on: connection, at: now.tick)
        for command in commands {
            guard command.code != RequestCode.drainBroker.rawValue else {
                self.drainRequested(command) { connection.send($0, as: command.serialization) }
                continue
            }
            self.engine.receive(
                command, from: connection.id, remote: connection.remote, at: now,
                under: pressure)
        }
        self.scheduleTurn()
        let latest = max(self.passBegan ?? now.tick, self.latestTurn)
        if now.tick - latest > Self.turnMax { self.turn() }
    }

    /// Many connections that have much to say do not keep the disk, and those who were heard, waiting.
    private static let turnMax = Duration.milliseconds(5)

    private func pressure(on connection: RemotingConnection, at now: Tick) -> Pressure {
        let began = self.passBegan ?? now
        self.passBegan = began
        // One round that took long, because somebody else had the processor, says nothing.
        let turn = min(now - began, self.latestPass)
        return Pressure(
            connection: .nanoseconds(connection.backlogTime.nanoseconds), turn: turn)
    }

    func closed(_ connection: RemotingConnection) {
        self.connections[connection.id] = nil
        self.engine.closed(connection.id, at: Clock.now())
        self.scheduleTurn()
    }

    func completed(_ completion: WriteCompletion, of generation: Int) {
        guard !self.hasFailed, !self.isRebuilding, generation == self.generation else { return }
        self.take(completion)
        self.turn()
    }

    /// Some twenty times a second.
    func tick() {
        self.lookAtDisk()
        self.engine.advance(to: Clock.now())
        self.turn()
    }

    /// The turn comes after everything else that is ready on this loop: what has arrived
    /// meanwhile on other connections shares it.
    func scheduleTurn() {
        guard !self.isTurnScheduled else { return }
        self.isTurnScheduled = true
        self.loop.assumeIsolated().execute {
            self.isTurnScheduled = false
            if let began = self.passBegan { self.latestPass = Clock.now().tick - began }
            self.passBegan = nil
            self.turn()
        }
    }

    func turn() {
        guard !self.hasFailed else { return }
        self.engine.endOfTurn()
        // What was read or written for the engine lets it decide more within the same turn.
        while self.perform(self.engine.takeEffects()) { self.engine.endOfTurn() }
        self.flushAnswers()
        if self.passBegan != nil { self.latestTurn = Clock.now().tick }
    }

    /// Does what the engine decided. Returns whether the engine has heard something new by that.
    private func perform(_ effects: [Effect]) -> Bool {
        var hasNews = false
        for effect in effects { hasNews = self.perform(effect) || hasNews }
        return hasNews
    }

    /// "An fsync error is fatal": what is in memory may not be on disk any more. The broker stops
    /// at once; when it starts again it believes only what it reads.
    func fail(_ error: any Error) {
        guard !self.hasFailed else { return }
        self.hasFailed = true
        self.logger.critical("the broker stops, its disk or its log cannot be used: \(error)")
        self.closeClients()
        self.group?.links.closeAll()
        self.outside.stop(error)
    }

    /// The buffer in which this connection's answers of the turn gather.
    func outgoing(_ connection: ConnectionID) -> Outgoing? {
        guard let outgoing = self.connections[connection] else { return nil }
        if !outgoing.isDirty {
            outgoing.isDirty = true
            self.dirty.append(outgoing)
        }
        return outgoing
    }

    /// Answers to many at once must not take more memory than there is: whether so many bytes may be
    /// read for one more of them. The first one always may.
    func mayRead(_ bytes: Int) -> Bool {
        guard self.bytesRead == 0 || self.bytesRead + bytes <= Self.bytesReadMax else {
            return false
        }
        self.bytesRead += bytes
        return true
    }

    private static let bytesReadMax = 32 << 20

    private func flushAnswers() {
        self.group?.links.flush()
        for outgoing in self.dirty { outgoing.flush() }
        self.dirty.removeAll(keepingCapacity: true)
        self.bytesRead = 0
    }
}

/// What one connection gets at the end of the turn.
final class Outgoing {
    let connection: RemotingConnection
    var bytes = ByteBuffer()
    var isDirty = false

    init(_ connection: RemotingConnection) { self.connection = connection }

    func flush() {
        self.isDirty = false
        guard self.bytes.readableBytes > 0 else { return }
        self.connection.send(self.bytes)
        self.bytes = ByteBuffer()
    }
}

/// What the worker asks of others: all of it may take long, and none of it is waited for.
struct BrokerOutside: Sendable {
    var register: @Sendable () -> Void
    var spread: @Sendable (TopicConfig) -> Void
    /// Asks name servers where a topic lies.
    var lookUpRoute:
        @Sendable (
            _ topic: String,
            _ done: @escaping @Sendable (Result<TopicRouteData, ReadFailure>) -> Void
        ) -> Void
    /// Calls another broker.
    var call:
        @Sendable (
            RemotingCommand, _ address: String, _ timeout: Duration,
            _ done: @escaping @Sendable (Result<ReceivedCommand, RemotingError>) -> Void
        ) -> Void
    /// Runs work that touches the disk for long on another thread.
    var background: @Sendable (@escaping @Sendable () -> Void) -> Void
    var stop: @Sendable (any Error) -> Void
}
