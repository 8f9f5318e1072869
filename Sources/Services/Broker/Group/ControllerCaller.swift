import Logging
import RemotingProtocol
import RemotingTransport
import Synchronization

/// Asks the leader of the controllers, whoever it is at the moment.
final class ControllerCaller: Sendable {
    let client: RemotingClient
    private let configured: [String]
    private let leader = Mutex<String?>(nil)
    /// Controllers that the others tell of.
    private let learned = Mutex<[String]>([])
    /// Why addresses were of no use when they were asked last.
    private let problems = Mutex<[String: String]>([:])

    private static let learnedMax = 9
    private static let lookTimeout = Duration.milliseconds(500)

    init(client: RemotingClient, addresses: [String]) {
        self.client = client
        self.configured = addresses
    }

    /// Every controller that is known.
    var addresses: [String] {
        self.configured
            + self.learned.withLock { $0 }.filter { !self.configured.contains($0) }
    }

    /// The controllers by their own word; those of the configuration until one has spoken.
    var members: [String] {
        let learned = self.learned.withLock { $0 }
        return learned.isEmpty ? self.configured : learned
    }

    /// Asks who belongs to the controllers now. They can change while this broker runs.
    func lookForPeers() async {
        for address in self.addresses where await self.leader(knownTo: address) != nil { return }
    }

    /// One attempt; nil when there was no answer of a leader. Callers repeat what they need.
    func ask(_ command: RemotingCommand, timeout: Duration) async -> ReceivedCommand? {
        guard let leader = await self.findLeader() else { return nil }
        guard let answer = try? await self.client.call(command, to: leader, timeout: timeout)
        else {
            self.forget(leader)
            return nil
        }
        guard answer.code == ResponseCode.controllerNotLeader.rawValue else { return answer }
        self.forget(leader)
        if let next = ControllerRedirect.leaderAddress(in: answer) { self.note(leader: next) }
        return nil
    }

    /// Somebody has heard who leads.
    func note(leader address: String) {
        guard !address.isEmpty else { return }
        self.leader.withLock { $0 = address }
    }

    /// False when another one is known to lead.
    func mayLead(_ address: String) -> Bool {
        self.leader.withLock { $0.map { $0 == address } ?? true }
    }

    private func forget(_ address: String) {
        self.leader.withLock { if $0 == address { $0 = nil } }
    }

    private func findLeader() async -> String? {
        if let known = self.leader.withLock({ $0 }) { return known }
        let found = await withTaskGroup(of: String?.self) { group in
            for address in self.addresses {
                group.addTask { await self.leader(knownTo: address) }
            }
            for await case let leader? in group {
                group.cancelAll()
                return leader as String?
            }
            return nil
        }
        if let found { self.note(leader: found) }
        return found
    }

    private func leader(knownTo address: String) async -> String? {
        guard let metadata = await self.metadata(of: address) else { return nil }
        guard !metadata.leaderAddress.isEmpty else {
            self.note("it knows of no leader", at: address)
            return nil
        }
        self.note(nil, at: address)
        let peers = metadata.peers.map(\.address).filter { !$0.isEmpty }
        self.learned.withLock { $0 = Array(peers.prefix(Self.learnedMax)) }
        return metadata.leaderAddress
    }

    private func metadata(of address: String) async -> ControllerMetadata? {
        let answer: ReceivedCommand
        do {
            answer = try await self.client.call(
                ControllerMetadata.request, to: address, timeout: Self.lookTimeout)
        } catch .connectFailed(_, let reason) where reason.contains("refused") {
            self.note("nobody listens there", at: address)
            return nil
        } catch {
            self.note("\(error)", at: address)
            return nil
        }
        let code = ResponseCode(rawValue: answer.code)
        guard code == .success, let metadata = try? ControllerMetadata(answer) else {
            self.note("no controller is there, it answers \(code.name)", at: address)
            return nil
        }
        return metadata
    }

    private func note(_ problem: String?, at address: String) {
        guard !Task.isCancelled else { return }
        self.problems.withLock { $0[address] = problem }
    }

    /// What is wrong with each of them, for the log.
    var troubles: String {
        let problems = self.problems.withLock { $0 }
        return self.addresses.map { address in
            problems[address].map { "\(address) (\($0))" } ?? address
        }.joined(separator: ", ")
    }
}
