import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

/// The hands of the broker's engine: sockets, a log in memory, a clock that can be set forward, and
/// faults on request. Everything here runs on one event loop, in turns.
final class BrokerHands {
    let names: BrokerNames
    let nameServer: NameServerHands
    let log: MemoryLog
    var engine: BrokerEngine
    var clock = TestClock()
    var faults = FaultTable()
    private let settings: BrokerSettings
    private var isUp = false
    private var clients: [ConnectionID: RemotingConnection] = [:]
    /// The newest heartbeat of each connection: when time is set forward, it counts as new.
    private var heartbeats: [ConnectionID: ReceivedCommand] = [:]

    init(_ settings: BrokerSettings, names: BrokerNames, nameServer: NameServerHands) throws {
        self.settings = settings
        self.names = names
        self.nameServer = nameServer
        self.log = MemoryLog(
            logID: UInt64.random(in: 1...UInt64(Int64.max)),
            segmentBytes: settings.log.segmentBytes)
        self.engine = try Self.engine(settings, on: self.log, at: self.clock.now)
    }

    private static func engine(
        _ settings: BrokerSettings, on log: MemoryLog, at now: Now
    ) throws -> BrokerEngine {
        var engine = BrokerEngine(settings: settings, logID: log.logID, at: now)
        try LogRecovery(source: log) { _ in }.run(&engine, at: now)
        return engine
    }

    /// Nothing is decided any more, and nobody is sent here.
    func takeDown() {
        self.isUp = false
        self.nameServer.forgetBroker()
    }

    /// Another engine, which knows what is in the log and nothing else.
    func startAgain() throws {
        self.engine = try Self.engine(self.settings, on: self.log, at: self.clock.now)
        self.comeUp()
    }

    func comeUp() {
        self.isUp = true
        self.nameServer.register(self.engine.registration, as: self.names, at: self.clock.now)
        self.turn()
    }

    // MARK: Time

    func tick() {
        guard self.isUp else { return }
        self.engine.advance(to: self.clock.now)
        self.turn()
    }

    func advance(by time: Duration) {
        self.clock.advance(by: time)
        guard self.isUp else { return }
        // Who is connected is alive, however much time the broker believes to have passed.
        for (connection, heartbeat) in self.heartbeats.sorted(by: { $0.key < $1.key }) {
            self.faults.set(.lost, for: heartbeat.opaque, on: connection)
            self.give(heartbeat, from: connection)
        }
        self.turn()
        for _ in 0..<Self.turnsOfAdvance { self.tick() }
    }

    /// Delays that become due are found and fired in pieces.
    private static let turnsOfAdvance = 8

    // MARK: Turns

    func turn() {
        guard self.isUp else { return }
        self.engine.endOfTurn()
        // What was read or written for the engine lets it decide more within the same turn.
        while self.perform(self.engine.takeEffects()) { self.engine.endOfTurn() }
    }

    /// Returns whether the engine has heard something new by it.
    private func perform(_ effects: [Effect]) -> Bool {
        var hasNews = false
        for effect in effects { hasNews = self.perform(effect) || hasNews }
        return hasNews
    }

    // MARK: Clients

    func opened(_ connection: RemotingConnection) { self.clients[connection.id] = connection }

    func closed(_ connection: RemotingConnection) {
        self.clients[connection.id] = nil
        self.heartbeats[connection.id] = nil
        self.faults.closed(connection.id)
        self.engine.closed(connection.id, at: self.clock.now)
        self.turn()
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        var isToClose = false
        for command in commands {
            if command.code == RequestCode.heartBeat.rawValue {
                self.heartbeats[connection.id] = command
            }
            switch command.isResponse ? nil : self.faults.take(for: command.code) {
            case nil: self.give(command, from: connection.id)
            case .requestLost: break
            case .refused(let code, let remark): self.refuse(command, connection, code, remark)
            case .answerLost:
                self.faults.set(.lost, for: command.opaque, on: connection.id)
                self.give(command, from: connection.id)
            case .connectionLost:
                self.faults.set(.closesConnection, for: command.opaque, on: connection.id)
                self.give(command, from: connection.id)
                isToClose = isToClose || command.isOneWay
            }
        }
        self.turn()
        if isToClose { connection.close() }
    }

    private func give(_ command: ReceivedCommand, from connection: ConnectionID) {
        guard self.isUp, let remote = self.clients[connection]?.remote else { return }
        let command = self.clock.shifted(command)
        self.engine.receive(command, from: connection, remote: remote, at: self.clock.now)
    }

    private func refuse(
        _ command: ReceivedCommand, _ connection: RemotingConnection, _ code: Int, _ remark: String
    ) {
        guard !command.isOneWay else { return }
        let response = ResponseCode(rawValue: Int32(clamping: code))
        connection.send(
            .response(response, to: command.opaque, remark: remark), as: command.serialization)
    }

    /// Sends an answer, unless a fault has been ordered for it.
    func send(to caller: Caller, _ encode: (inout ByteBuffer) -> Void) {
        guard let connection = self.clients[caller.connection] else { return }
        switch self.faults.takeFate(of: caller.opaque, on: caller.connection) {
        case .lost: break
        case .closesConnection: connection.close()
        case nil:
            var bytes = ByteBuffer()
            encode(&bytes)
            connection.send(bytes)
        }
    }

    func notify(_ connection: ConnectionID, _ command: RemotingCommand) {
        self.clients[connection]?.send(command)
    }
}
