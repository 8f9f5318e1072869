import ClientCore
package import ClientEngine
import NIOCore
package import RemotingProtocol

/// Calls from one process: one connection per address, made when it is needed; an answer, or why
/// there is none, for each call.
package final class VirtualRemotingClient {
    private struct Call {
        let opaque: Int32
        let address: String
        let bytes: ByteBuffer
        var wasSent = false
        let completion: (CallResult) -> Void
    }

    private enum Link {
        case connecting
        case open(ConnectionEnd)
    }

    private let machine: Machine
    private let network: VirtualNetwork
    private let onRequest: (ReceivedCommand, ConnectionEnd) -> Void
    private let onClosed: (String) -> Void
    private var links: [String: Link] = [:]
    private var calls: [Int32: Call] = [:]
    private var lastOpaque: Int32 = 0

    package init(
        _ machine: Machine, _ network: VirtualNetwork,
        onRequest: @escaping (ReceivedCommand, ConnectionEnd) -> Void = { _, _ in },
        onClosed: @escaping (String) -> Void = { _ in }
    ) {
        self.machine = machine
        self.network = network
        self.onRequest = onRequest
        self.onClosed = onClosed
    }

    package func call(
        _ command: RemotingCommand, to address: String, timeout: Duration,
        completion: @escaping (CallResult) -> Void
    ) {
        self.lastOpaque += 1
        let opaque = self.lastOpaque
        var command = command
        command.opaque = opaque
        self.calls[opaque] = Call(
            opaque: opaque, address: address, bytes: command.framed, completion: completion)
        self.machine.after(timeout) { self.fail(opaque, .timedOut, "timed out after \(timeout)") }
        switch self.links[address] {
        case .open(let end): self.transmit(opaque, on: end)
        case .connecting: break
        case nil: self.connect(address)
        }
    }

    /// The connection to an address. Answers that count came over it.
    func line(to address: String) -> ConnectionEnd? {
        guard case .open(let end)? = self.links[address] else { return nil }
        return end
    }

    /// The next call makes a new connection.
    package func close(_ address: String) {
        guard case .open(let end)? = self.links[address] else { return }
        end.close()
        self.lost(address)
    }

    private func connect(_ address: String) {
        self.links[address] = .connecting
        self.network.connect(from: self.machine, to: address) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let end): self.connected(address, end)
            case .failure(let failure):
                self.links[address] = nil
                self.failAll(to: address, .connectFailed, "\(failure)")
            }
        }
    }

    private func connected(_ address: String, _ end: ConnectionEnd) {
        self.links[address] = .open(end)
        end.received = { [weak self] in self?.received($0, on: end) }
        end.closed = { [weak self] in self?.lost(address) }
        for opaque in self.opaques(to: address) { self.transmit(opaque, on: end) }
    }

    private func transmit(_ opaque: Int32, on end: ConnectionEnd) {
        guard let call = self.calls[opaque] else { return }
        self.calls[opaque]?.wasSent = true
        end.send(call.bytes)
    }

    private func received(_ bytes: ByteBuffer, on end: ConnectionEnd) {
        guard let command = ReceivedCommand.unframed(bytes) else { return }
        guard command.isResponse else { return self.onRequest(command, end) }
        self.calls.removeValue(forKey: command.opaque)?.completion(.success(command))
    }

    private func lost(_ address: String) {
        self.links[address] = nil
        self.failAll(to: address, .connectionLost, "the connection closed")
        self.onClosed(address)
    }

    private func failAll(to address: String, _ kind: AttemptFailure.Kind, _ reason: String) {
        for opaque in self.opaques(to: address) { self.fail(opaque, kind, reason) }
    }

    private func fail(_ opaque: Int32, _ kind: AttemptFailure.Kind, _ reason: String) {
        guard let call = self.calls.removeValue(forKey: opaque) else { return }
        call.completion(
            .failure(
                CallFailure(
                    AttemptFailure(kind, reason: reason), requestWasSent: call.wasSent)))
    }

    private func opaques(to address: String) -> [Int32] {
        self.calls.values.filter { $0.address == address }.map(\.opaque).sorted()
    }
}
