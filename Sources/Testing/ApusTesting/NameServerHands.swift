import MessageFormat
import NIOCore
import NameServerEngine
import RemotingProtocol
import RemotingTransport

/// A name server's engine and its sockets. The one broker registers without any.
final class NameServerHands {
    /// No socket has it: those are counted from 1.
    private static let brokerConnection = ConnectionID(value: 0)

    private var engine = NameServerEngine()
    private var connections: [ConnectionID: RemotingConnection] = [:]

    func opened(_ connection: RemotingConnection) {
        self.connections[connection.id] = connection
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection, at now: Now) {
        for command in commands {
            self.perform(self.engine.received(command, from: connection.id, at: now))
        }
    }

    func closed(_ connection: RemotingConnection) {
        self.connections[connection.id] = nil
        self.perform(self.engine.closed(connection.id))
    }

    private func perform(_ effects: [NameServerEffect]) {
        for effect in effects {
            switch effect {
            case .reply(let id, let command, let serialization):
                self.connections[id]?.send(command, as: serialization)
            case .close(let id): self.connections[id]?.close()
            case .report: break
            }
        }
    }

    // MARK: The broker

    func register(_ body: RegisterBrokerBody, as names: BrokerNames, at now: Now) {
        let bytes = body.encoded
        let checksum = bytes.withUnsafeBytes { Checksum.ofBody($0) }
        _ = self.ask(
            .request(
                .registerBroker,
                fields: [
                    "brokerName": names.broker, "brokerAddr": names.address,
                    "clusterName": names.cluster, "haServerAddr": names.address, "brokerId": "0",
                    "compressed": "false", "bodyCrc32": String(checksum),
                ], body: bytes), at: now)
    }

    /// Nobody is sent to the broker any more.
    func forgetBroker() { self.perform(self.engine.closed(Self.brokerConnection)) }

    func route(of topic: String, at now: Now) -> TopicRouteData {
        let answer = self.ask(
            .request(
                .getRouteInfoByTopic,
                fields: ["topic": topic, "acceptStandardJsonOnly": "true"]), at: now)
        let route = answer.flatMap { answer in
            answer.body.withUnsafeBytes { try? TopicRouteData(parsing: $0) }
        }
        return route ?? TopicRouteData(brokers: [], queues: [])
    }

    private func ask(_ request: RemotingCommand, at now: Now) -> RemotingCommand? {
        var frame = ByteBuffer()
        request.encode(into: &frame, as: .json)
        frame.moveReaderIndex(forwardBy: 4)
        guard let command = try? ReceivedCommand(frame: frame) else { return nil }
        let effects = self.engine.received(command, from: Self.brokerConnection, at: now)
        for case .reply(_, let answer, _) in effects { return answer }
        return nil
    }
}

/// Who the broker is, and where.
struct BrokerNames: Sendable {
    var cluster = "test-cluster"
    var broker = "test-broker"
    var address: String
}
