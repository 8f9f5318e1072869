import HostileBytes
import MessageFormat
import NIOCore
import NameServerEngine
import RemotingProtocol
import RoutingCore

extension FuzzTarget {
    /// Requests to a broker with a store; afterwards the store must be readable from its start.
    static let brokerRequests = FuzzTarget(
        name: "broker", seeds: { Self.requestSeeds(of: RequestTemplates.broker) }
    ) { bytes in
        var broker = BrokerUnderTest()
        var requests = HostileRequests(bytes, of: RequestTemplates.broker)
        while let request = requests.next() { broker.receive(request) }
        broker.pass(.seconds(70))
        demand(broker.badNames.isEmpty, "no name that is not allowed is kept: \(broker.badNames)")
        demand(broker.canRestart, "what was stored can be read by the next start")
    }

    static let nameServerRequests = FuzzTarget(
        name: "name-server", seeds: { Self.requestSeeds(of: RequestTemplates.nameServer) }
    ) { bytes in
        var engine = NameServerEngine()
        var requests = HostileRequests(bytes, of: RequestTemplates.nameServer)
        var seconds: Int64 = 0
        while let request = requests.next() {
            seconds += 1
            let now = Now(tick: Tick(.seconds(seconds)), wall: BrokerUnderTest.wall)
            let connection = ConnectionID(value: UInt64(request.opaque & 3))
            for effect in engine.received(request.received, from: connection, at: now) {
                if case .reply(_, let answer, let form) = effect { answer.mustBeReadable(as: form) }
            }
            if request.opaque & 7 == 7 { _ = engine.closed(connection) }
            _ = engine.advance(to: now)
            demand(engine.routes.checkInvariants() == [], "the routes hold together")
        }
    }

    static let controllerRequests = FuzzTarget(
        name: "controller", seeds: { Self.requestSeeds(of: RequestTemplates.controller) }
    ) { bytes in
        var controller = ControllerUnderTest()
        var requests = HostileRequests(bytes, of: RequestTemplates.controller)
        while let request = requests.next() { controller.receive(request) }
        controller.pass(.seconds(5))
        demand(controller.canRestart, "what was agreed on can be read by the next start")
    }

    /// Each template once as it is, then all of them in a row.
    private static func requestSeeds(of templates: [RemotingCommand]) -> [[UInt8]] {
        let single = templates.indices.map { [UInt8($0), 0] }
        let pairs = stride(from: 0, to: single.count, by: 24).map {
            Array(single[$0..<min($0 + 24, single.count)].joined())
        }
        return single + pairs
    }
}

extension RemotingCommand {
    /// As a server gets it.
    var received: ReceivedCommand {
        var bytes = ByteBuffer()
        self.encode(into: &bytes)
        bytes.moveReaderIndex(forwardBy: 4)
        guard let received = try? ReceivedCommand(frame: bytes) else {
            fatalError("our own frames can be read")
        }
        return received
    }

    func mustBeReadable(as form: SerializationType) {
        var bytes = ByteBuffer()
        self.encode(into: &bytes, as: form)
        bytes.moveReaderIndex(forwardBy: 4)
        demand((try? ReceivedCommand(frame: bytes)) != nil, "every answer can be read")
    }
}
