package import Logging
package import NIOCore
package import RemotingProtocol
import Synchronization

/// Calls peers by address, over one connection per address that is made when first needed.
///
/// Many calls share a connection; answers find their call by its opaque number. Completions run on
/// the connection's event loop and must not block it.
package final class RemotingClient: Sendable {
    package typealias Completion = @Sendable (Result<ReceivedCommand, RemotingError>) -> Void
    package typealias OneWayCompletion = @Sendable (Result<Void, RemotingError>) -> Void

    private struct State {
        var links: [String: ClientLink] = [:]
        var isShutDown = false
    }

    private let group: any EventLoopGroup
    private let options: RemotingClientOptions
    private let logger: Logger
    private let onRequest: @Sendable (ReceivedCommand, RemotingConnection) -> Void
    private let onClosed: @Sendable (String) -> Void
    private let inFlight: InFlightCount
    private let lastOpaque = Atomic<Int32>(0)
    private let state = Mutex(State())

    /// `onRequest` hears what peers ask by themselves, with the connection to answer on; `onClosed`
    /// the address of each connection that was made and is gone, after its calls have failed.
    package init(
        group: any EventLoopGroup, options: RemotingClientOptions = RemotingClientOptions(),
        logger: Logger,
        onRequest: @escaping @Sendable (ReceivedCommand, RemotingConnection) -> Void = { _, _ in },
        onClosed: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.group = group
        self.options = options
        self.logger = logger
        self.onRequest = onRequest
        self.onClosed = onClosed
        self.inFlight = InFlightCount(limit: options.inFlightMax)
    }

    /// Sends a request; the completion is called exactly once.
    ///
    /// The command's own opaque is replaced. A call from the connection's own loop, such as from a
    /// completion, costs no wake-up.
    package func call(
        _ command: RemotingCommand, to address: String, timeout: Duration,
        completion: @escaping Completion
    ) {
        self.start(
            command, opaque: self.nextOpaque(), to: address, within: timeout, .call(completion))
    }

    /// Sends a request and waits for its answer. A cancelled task waits no longer.
    package func call(
        _ command: RemotingCommand, to address: String, timeout: Duration
    ) async throws(RemotingError) -> ReceivedCommand {
        let opaque = self.nextOpaque()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { waiting in
                self.start(
                    command, opaque: opaque, to: address, within: timeout,
                    .call { waiting.resume(returning: $0) })
                // A cancellation from before the start found nothing to cancel.
                if Task.isCancelled { self.cancel(opaque, to: address) }
            }
        } onCancel: {
            self.cancel(opaque, to: address)
        }
        return try outcome.get()
    }

    /// Sends a request that gets no answer. It has succeeded when the connection took it.
    package func sendOneWay(
        _ command: RemotingCommand, to address: String, timeout: Duration = .seconds(3),
        completion: @escaping OneWayCompletion = { _ in }
    ) {
        var command = command
        command.flag |= CommandFlag.oneWay
        self.start(
            command, opaque: self.nextOpaque(), to: address, within: timeout, .oneWay(completion))
    }

    /// Closes the connection to an address, if there is one; the next call makes a new one.
    package func close(address: String) {
        let link = self.state.withLock { $0.links[address] }
        _ = link?.close(unsent: .connectionClosed(address: address, requestWasSent: false))
    }

    /// Closes everything. Calls that wait fail, later ones fail at once.
    package func shutdown() async {
        let links = self.state.withLock { state in
            state.isShutDown = true
            return Array(state.links.values)
        }
        let closings = links.map { $0.close(unsent: .shutDown) }
        for closing in closings { try? await closing.get() }
    }
}

// MARK: - The way of a call

extension RemotingClient {
    private func nextOpaque() -> Int32 {
        self.lastOpaque.wrappingAdd(1, ordering: .relaxed).newValue
    }

    private func start(
        _ command: RemotingCommand, opaque: Int32, to address: String, within timeout: Duration,
        _ kind: OutgoingCall.Kind
    ) {
        let bytes = self.encode(command, opaque: opaque)
        let bytesMax = self.options.connections.frameBytesMax
        if bytes.readableBytes > bytesMax {
            let error = RemotingError.requestTooLarge(
                bytes: bytes.readableBytes, bytesMax: bytesMax)
            return self.failLater(kind, error)
        }
        guard self.inFlight.enter() else {
            return self.failLater(kind, .tooManyInFlight(limit: self.inFlight.limit))
        }
        let call = OutgoingCall(
            opaque: opaque, bytes: bytes, time: CallTime(limit: timeout), kind: kind)
        if let error = self.add(call, to: address) {
            self.inFlight.leave()
            self.failLater(kind, error)
        }
    }

    private func encode(_ command: RemotingCommand, opaque: Int32) -> ByteBuffer {
        var command = command
        command.opaque = opaque
        var bytes = ByteBuffer()
        command.encode(into: &bytes, as: self.options.serialization)
        return bytes
    }

    /// Returns why nobody took the call.
    private func add(_ call: OutgoingCall, to address: String) -> RemotingError? {
        // A link that ends between being found and being asked was replaced: ask its successor.
        for _ in 0..<Self.attemptsMax {
            guard let (link, isNew) = self.link(to: address) else { return .shutDown }
            let admission = link.add(call)
            // Only now: the call hears why its own link could not connect.
            if isNew { link.connect(self.options, logger: self.logger) }
            switch admission {
            case .gathered, .drainWanted: return nil
            case .closed: continue
            case .full:
                let bytesMax = self.options.connections.outboundBytesMax
                return .outboundFull(address: address, bytesMax: bytesMax)
            }
        }
        return .connectionClosed(address: address, requestWasSent: false)
    }

    private static let attemptsMax = 3

    private func cancel(_ opaque: Int32, to address: String) {
        self.state.withLock { $0.links[address] }?.cancel(opaque)
    }

    /// Never inside the call: a completion that calls again would otherwise call for ever.
    private func failLater(_ kind: OutgoingCall.Kind, _ error: RemotingError) {
        if case .shutDown = error { return kind.fail(error) }  // there may be no loop any more
        self.group.any().execute { kind.fail(error) }
    }
}

// MARK: - Links

extension RemotingClient: ClientLinkOwner {
    /// The link to an address; whoever gets a new one has to connect it. Nil after the shutdown.
    private func link(to address: String) -> (link: ClientLink, isNew: Bool)? {
        self.state.withLock { state in
            if let link = state.links[address] { return (link, false) }
            if state.isShutDown { return nil }
            let link = self.makeLink(to: address)
            state.links[address] = link
            return (link, true)
        }
    }

    private func makeLink(to address: String) -> ClientLink {
        ClientLink(
            to: address, on: self.group.next(),
            bytesMax: self.options.connections.outboundBytesMax, inFlight: self.inFlight,
            owner: self)
    }

    func ended(_ link: ClientLink) {
        self.state.withLock { state in
            if state.links[link.address] === link { state.links[link.address] = nil }
        }
    }

    func closed(_ address: String) {
        self.onClosed(address)
    }

    func received(_ request: ReceivedCommand, from connection: RemotingConnection) {
        self.onRequest(request, connection)
    }
}
