import DeliveryCore
import MessageFormat
import RemotingProtocol

/// What goes on when a client has answered what the broker asked it, or has not.
enum CallContinuation: Sendable {
    /// The sender of a reply waits for whether it arrived.
    case reply(Caller)
    /// One of the clients whose progress an operator asked for.
    case consumerStatus(gathering: UInt64, clientID: String)
    /// An operator gets the client's answer as it is.
    case passOn(Caller)
}

/// Requests of the broker's own that clients have not answered yet.
struct ClientCalls: Sendable {
    struct Call: Sendable {
        var connection: ConnectionID
        var deadline: Tick
        var continuation: CallContinuation
    }

    static let countMax = 10_000

    private var waiting: [Int32: Call] = [:]
    private var next: Int32 = 0

    var count: Int { self.waiting.count }

    /// The number under which the client answers. Nil: too many are under way.
    mutating func add(_ call: Call) -> Int32? {
        guard self.waiting.count < Self.countMax else { return nil }
        repeat {
            self.next = self.next == .max ? 1 : self.next + 1
        } while self.waiting[self.next] != nil
        self.waiting[self.next] = call
        return self.next
    }

    /// Only the client that was asked may answer.
    mutating func take(_ opaque: Int32, from connection: ConnectionID) -> Call? {
        guard self.waiting[opaque]?.connection == connection else { return nil }
        return self.waiting.removeValue(forKey: opaque)
    }

    /// In the order in which they were asked, as far as numbers tell.
    mutating func takeAll(where isOver: (Call) -> Bool) -> [Call] {
        guard !self.waiting.isEmpty else { return [] }
        let over = self.waiting.filter { isOver($0.value) }.sorted { $0.key < $1.key }
        for (opaque, _) in over { self.waiting[opaque] = nil }
        return over.map(\.value)
    }
}

/// Why a client's answer is missing.
enum CallFailure: Sendable {
    case connectionClosed
    case timedOut
}

extension BrokerEngine {
    /// Asks a client. False: too many questions are open.
    mutating func ask(
        _ connection: ConnectionID, _ question: RemotingCommand, patience: Duration,
        then continuation: CallContinuation
    ) -> Bool {
        let call = ClientCalls.Call(
            connection: connection, deadline: self.now.tick + patience, continuation: continuation)
        guard let opaque = self.calls.add(call) else { return false }
        var question = question
        question.opaque = opaque
        self.effects.append(.notify(connection, question))
        return true
    }

    /// A client has answered.
    mutating func clientAnswered(_ answer: ReceivedCommand, from connection: ConnectionID) {
        guard let call = self.calls.take(answer.opaque, from: connection) else { return }
        switch call.continuation {
        case .reply(let caller): self.replyArrived(answer, caller)
        case .consumerStatus(let gathering, let clientID):
            self.gathered(answer, of: clientID, in: gathering)
        case .passOn(let caller): self.passOn(answer, to: caller)
        }
    }

    mutating func failCalls(of connection: ConnectionID) {
        for call in self.calls.takeAll(where: { $0.connection == connection }) {
            self.fail(call, .connectionClosed)
        }
    }

    mutating func expireCalls() {
        let now = self.now.tick
        for call in self.calls.takeAll(where: { $0.deadline <= now }) { self.fail(call, .timedOut) }
    }

    private mutating func fail(_ call: ClientCalls.Call, _ failure: CallFailure) {
        switch call.continuation {
        case .reply(let caller): self.replyLost(caller, failure)
        case .consumerStatus(let gathering, _): self.gathered(nil, of: "", in: gathering)
        case .passOn(let caller):
            let refusal =
                switch failure {
                case .timedOut:
                    Refusal(.consumeMessageTimeout, "the consumer did not answer in time")
                case .connectionClosed: Refusal(.systemError, "the consumer has gone")
                }
            self.refuse(caller, refusal)
        }
    }
}
