import ClientCore
import ClientEngine
import Logging
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport

/// One client instance's way to the cluster: an event loop of the process's shared group and the
/// connections on it.
final class ClientConnection: Sendable {
    let configuration: ApusClient.Configuration
    let namespace: Namespace
    let identity = ClientIdentity()
    let eventLoop: any EventLoop
    let remoting: RemotingClient

    init(
        _ configuration: ApusClient.Configuration,
        onRequest: @escaping @Sendable (ReceivedCommand, RemotingConnection) -> Void = {
            ClientConnection.refuse($0, on: $1)
        },
        onClosed: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        precondition(!configuration.nameServers.isEmpty, "a client needs a name server's address")
        self.configuration = configuration
        self.namespace = Namespace(configuration.namespace)
        self.eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        var options = RemotingClientOptions()
        options.connectTime = configuration.requestTimeout
        self.remoting = RemotingClient(
            group: self.eventLoop, options: options, logger: configuration.logger,
            onRequest: onRequest, onClosed: onClosed)
    }

    /// What no part of this client understands is answered, so that nobody waits for it.
    static func refuse(_ request: ReceivedCommand, on connection: RemotingConnection) {
        guard !request.isOneWay else { return }
        var bytes = ByteBuffer()
        RemotingCommand.response(
            .requestCodeNotSupported, to: request.opaque,
            remark: "request type \(request.code) not supported"
        ).encode(into: &bytes, as: request.serialization)
        connection.send(bytes)
    }

    func perform(
        _ call: ClientCall, ended: @escaping @Sendable (CallToken, CallResult) -> Void
    ) {
        let token = call.token
        self.remoting.call(call.command, to: call.address, timeout: call.timeout) {
            ended(token, $0.mapError { CallFailure($0) })
        }
    }
}

// Calls for operations that are a question and an answer.
extension ClientConnection {
    func call(
        _ command: RemotingCommand, to address: String, accepting: Set<ResponseCode> = [.success],
        timeout: Duration? = nil, during what: String
    ) async throws(ApusClientError) -> ReceivedCommand {
        let answer: ReceivedCommand
        do throws(RemotingError) {
            answer = try await self.remoting.call(
                command, to: address, timeout: timeout ?? self.configuration.requestTimeout)
        } catch {
            throw ApusClientError(error, during: what)
        }
        guard accepting.contains(answer.responseCode) else {
            throw ApusClientError(refusal: answer, from: address, during: what)
        }
        return answer
    }

    /// Asks one name server after the other until one answers.
    func callNameServer(
        _ command: RemotingCommand, accepting: Set<ResponseCode> = [.success], during what: String
    ) async throws(ApusClientError) -> ReceivedCommand {
        var last: ApusClientError?
        for address in self.configuration.nameServers {
            do throws(ApusClientError) {
                return try await self.call(
                    command, to: address, accepting: accepting, during: what)
            } catch {
                if error.code == .cancelled { throw error }
                last = error
            }
        }
        var error = last ?? ApusClientError(.nameServerUnreachable, what)
        if error.responseCode == nil { error.code = .nameServerUnreachable }
        throw error
    }

    func route(of topic: String) async throws(ApusClientError) -> TopicRoute {
        let what = "asking for the route of topic \(topic)"
        let answer = try await self.callNameServer(
            RouteRequest.command(topic: topic), during: what)
        let data = try Self.body(TopicRouteData.self, of: answer, during: what)
        return TopicRoute(topic: topic, data: data)
    }

    static func body<Body: JSONBody>(
        _ type: Body.Type, of answer: ReceivedCommand, during what: String
    ) throws(ApusClientError) -> Body {
        do throws(BodyError) {
            return try Body(bodyOf: answer)
        } catch {
            throw ApusClientError(.badAnswer, "\(what): \(error)", cause: error)
        }
    }
}
