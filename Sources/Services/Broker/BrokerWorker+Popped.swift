import BrokerEngine
import LogCore
import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Storage

extension BrokerWorker {
    /// Bytes of popped messages that may wait for one connection.
    private static let poppedBytesMax = 8 << 20

    /// Reads popped messages behind the answer's head, checked.
    ///
    /// The log has it that they are taken. Who does not get them, because one of them is damaged or
    /// the connection has enough on its way, gets them when their time has passed.
    func deliver(_ entries: [IndexEntry], _ head: PopResponse, to caller: Caller) {
        guard let out = self.outgoing(caller.connection) else { return }
        let wanted = entries.reduce(0) { $0 + Int($1.size) }
        guard out.bytes.readableBytes <= Self.poppedBytesMax, out.connection.isWritable,
            self.mayRead(wanted)
        else {
            return PopResponse.nothing(
                .pollingFull, to: caller.opaque, remark: "the connection is slower than its pops"
            ).encode(into: &out.bytes, as: caller.serialization)
        }
        var body = ByteBufferAllocator().buffer(capacity: wanted)
        var damage: MessageDamage?
        body.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { room in
            let read = self.readToHandOut(entries, into: room)
            damage = read.damage
            return read.bytes
        }
        if let damage {
            self.logger.error("a popped message is damaged: \(damage)")
            self.tellEngine(of: damage)
            return RemotingCommand.response(
                .systemError, to: caller.opaque,
                remark: "a popped message is damaged on disk (\(damage)); the others come again"
            ).encode(into: &out.bytes, as: caller.serialization)
        }
        head.command.encodeHead(
            bodyCount: body.readableBytes, into: &out.bytes, as: caller.serialization)
        out.bytes.writeBuffer(&body)
    }

    func lookUpRoute(_ ticket: Ticket, _ topic: String) {
        let worker = NIOLoopBound(self, eventLoop: self.loop)
        let (loop, generation) = (self.loop, self.generation)
        self.outside.lookUpRoute(topic) { result in
            loop.execute {
                guard worker.value.generation == generation else { return }
                worker.value.engine.routeFound(ticket, result, at: Clock.now())
                worker.value.scheduleTurn()
            }
        }
    }
}

/// Asks name servers, one after the other, where a topic lies.
struct RouteLookup: Sendable {
    let client: RemotingClient
    let nameServers: [String]

    private static let timeout = Duration.seconds(3)

    /// Nothing is in the route of a topic that no name server knows.
    func route(of topic: String) async -> Result<TopicRouteData, ReadFailure> {
        let nothing = TopicRouteData(brokers: [], queues: [])
        guard !self.nameServers.isEmpty else { return .success(nothing) }
        var problem = "no name server answers"
        for nameServer in self.nameServers {
            do {
                let answer = try await self.client.call(
                    .request(
                        .getRouteInfoByTopic,
                        fields: ["topic": topic, "acceptStandardJsonOnly": "true"]),
                    to: nameServer, timeout: Self.timeout)
                switch ResponseCode(rawValue: answer.code) {
                case .success:
                    return .success(try answer.withBodyBytes { try TopicRouteData(parsing: $0) })
                case .topicNotExist: return .success(nothing)
                case let code: problem = "\(nameServer) answered \(code)"
                }
            } catch {
                problem = "\(error)"
            }
        }
        return .failure(ReadFailure(reason: "where \(topic) lies is not known: \(problem)"))
    }
}
