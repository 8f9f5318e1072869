import ClientEngine
import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

enum TransactionInput: Sendable {
    case began(String)
    case leftOpen(String)
    case decided(EndTransaction, brokerName: String, TransactionDesk.Wait)
    /// Somebody knows the outcome, whom no broker has asked yet.
    case known(String, TransactionVerdict)
    case asked(TransactionCheck, on: RemotingConnection)
    case checked(TransactionCheck, TransactionVerdict, on: RemotingConnection)
    /// Nobody waits longer for a confirmation.
    case waitOver(String)
}

/// Who waits for the confirmation of an outcome, and which checks run.
struct TransactionDesk: Sendable {
    struct Wait: Sendable {
        let continuation: CheckedContinuation<Bool, Never>
        let deadline: Tick
    }

    /// More questions than this at once are left to the next round of the broker.
    static let checksMax = 64

    private var waits: [String: Wait] = [:]
    private var checks: Set<String> = []

    mutating func add(_ wait: Wait, for id: String) { self.waits[id] = wait }

    mutating func ended(_ id: String, _ result: TransactionEnds.Result) {
        self.waits.removeValue(forKey: id)?.continuation.resume(returning: result == .confirmed)
    }

    /// False if the same question is being worked on, or too many are.
    mutating func beginCheck(_ id: String) -> Bool {
        guard self.checks.count < Self.checksMax else { return false }
        return self.checks.insert(id).inserted
    }

    mutating func endCheck(_ id: String) { self.checks.remove(id) }
}

extension ProducerLoop {
    /// A broker asks how a transaction ended.
    func checkAsked(_ request: ReceivedCommand, on connection: RemotingConnection) {
        do throws(TransactionCheckError) {
            self.post(.transaction(.asked(try TransactionCheck(request), on: connection)))
        } catch {
            self.connection.configuration.logger.warning(
                "a broker's question about a transaction cannot be read",
                metadata: ["broker": "\(connection.remote)", "problem": "\(error.problem)"])
        }
    }

    func apply(_ input: TransactionInput, to state: inout State, at now: Tick) {
        switch input {
        case .began(let id): state.engine.beginTransaction(id)
        case .leftOpen(let id): state.engine.leaveOpen(id)
        case .decided(let end, let broker, let wait):
            state.transactions.add(wait, for: end.messageID)
            state.engine.endTransaction(end, at: broker, now)
            let id = end.messageID
            self.connection.eventLoop.scheduleTask(deadline: NIODeadline(wait.deadline)) {
                [weak self] () -> Void in self?.post(.transaction(.waitOver(id)))
            }
        case .known(let id, let verdict): state.engine.checked(id, verdict)
        case .asked(let check, let connection): self.answer(check, on: connection, &state)
        case .checked(let check, let verdict, let connection):
            state.transactions.endCheck(check.message.messageID)
            state.engine.checked(check.message.messageID, verdict)
            self.send(verdict, of: check, on: connection)
        case .waitOver(let id): state.transactions.ended(id, .unconfirmed)
        }
    }

    private func answer(
        _ check: TransactionCheck, on connection: RemotingConnection, _ state: inout State
    ) {
        let id = check.message.messageID
        switch state.engine.knowledge(ofTransaction: id) {
        case .underWay: break  // the broker asks again
        case .decided(let verdict): self.send(verdict, of: check, on: connection)
        case .unknown:
            guard let checker = self.checker, state.transactions.beginCheck(id) else { return }
            self.run(checker, on: check, connection)
        }
    }

    private func run(
        _ checker: @escaping TransactionChecker, on check: TransactionCheck,
        _ connection: RemotingConnection
    ) {
        let logger = self.connection.configuration.logger
        let namespace = self.connection.namespace
        Task { [weak self] in
            var verdict = TransactionVerdict.unknown
            do {
                let message = ReceivedMessage(check.message, in: namespace)
                let outcome = try await checker(message)
                self?.trace?.checked(message, outcome)
                verdict = TransactionVerdict(outcome)
            } catch {
                logger.warning(
                    "the check of a transaction failed, the broker will ask again",
                    metadata: ["message": "\(check.message.messageID)", "error": "\(error)"])
            }
            self?.post(.transaction(.checked(check, verdict, on: connection)))
        }
    }

    /// To whoever asked, and nobody else: it may be master no longer, and knows what it asked.
    private func send(
        _ verdict: TransactionVerdict, of check: TransactionCheck,
        on connection: RemotingConnection
    ) {
        var bytes = ByteBuffer()
        check.answer(verdict, group: self.group).command.encode(into: &bytes)
        connection.send(bytes)
    }
}
