package import MessageFormat
package import RemotingProtocol
package import RoutingCore

/// A name server without its sockets and clock: commands in, effects out.
///
/// It answers every request at once and keeps nothing that is not in its three parts, so the order
/// of its inputs decides everything.
package struct NameServerEngine: Sendable {
    package internal(set) var routes: RouteTable
    package internal(set) var keyValues: KeyValueConfig
    package internal(set) var settings: NameServerSettings

    package init(
        settings: NameServerSettings = NameServerSettings(),
        limits: RoutingLimits = RoutingLimits()
    ) {
        self.routes = RouteTable(limits: limits)
        self.keyValues = KeyValueConfig(limits: limits)
        self.settings = settings
    }

    /// A command came in. Answers are not expected and are dropped.
    package mutating func received(
        _ command: ReceivedCommand, from connection: ConnectionID, at now: Now
    ) -> [NameServerEffect] {
        guard !command.isResponse else { return [] }
        let request = Request(command: command, connection: connection, now: now)
        let answer = self.answer(to: request)

        var effects = answer.event.map { [NameServerEffect.report($0)] } ?? []
        if !command.isOneWay {
            let reply = answer.reply(to: command.opaque)
            effects.append(.reply(connection, reply, as: command.serialization))
        }
        return effects
    }

    /// A connection is closed: the brokers that registered over it are gone, at once.
    package mutating func closed(_ connection: ConnectionID) -> [NameServerEffect] {
        self.routes.closed(BrokerLink(connection)).map {
            .report(.brokerGone($0.broker, address: $0.address, because: .connectionClosed))
        }
    }

    /// Time has passed: silent brokers are gone. Their connections are closed, so that one which is
    /// alive after all notices and registers again.
    package mutating func advance(to now: Now) -> [NameServerEffect] {
        self.routes.advance(to: now.tick).flatMap { departure -> [NameServerEffect] in
            [
                .report(
                    .brokerGone(
                        departure.broker, address: departure.address, because: .silent)),
                .close(ConnectionID(value: departure.link.number)),
            ]
        }
    }

    private mutating func answer(to request: Request) -> Answer {
        do throws(RequestFailure) {
            guard let handler = RequestTable.handlers[request.command.requestCode] else {
                throw RequestFailure.notSupported(code: request.command.code)
            }
            let answer = try handler(&self, request)
            guard answer.body.count <= Answer.bodyBytesMax else {
                throw RequestFailure.answerTooLong(bytes: answer.body.count)
            }
            return answer
        } catch {
            return Answer(error)
        }
    }
}

extension BrokerLink {
    init(_ connection: ConnectionID) { self.init(connection.value) }
}
