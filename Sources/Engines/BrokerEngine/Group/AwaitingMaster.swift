import DeliveryCore
package import MessageFormat
package import RemotingProtocol
import ReplicationCore

/// Requests from a moment in which the group has no master that serves, of clients that do not look
/// for the next one themselves: a refused pull makes them pause for half a minute.
struct AwaitingMaster: Sendable {
    struct Request: Sendable {
        let command: ReceivedCommand
        let caller: Caller
        let since: Tick
        /// The master of this epoch did not answer it: only a later one is asked.
        let triedIn: Epoch?
    }

    static let countMax = 4_096
    static let bytesMax = 16 << 20
    /// Shorter than the 3 s that a send has.
    static let patience = Duration.seconds(2)

    private var requests: [Request] = []
    private var bytes = 0

    /// Returns false when there is no room.
    mutating func add(_ request: Request) -> Bool {
        let size = request.command.withBodyBytes { $0.count }
        guard self.requests.count < Self.countMax, self.bytes + size <= Self.bytesMax else {
            return false
        }
        self.requests.append(request)
        self.bytes += size
        return true
    }

    /// In the order in which they came.
    mutating func take(where isWanted: (Request) -> Bool) -> [Request] {
        guard !self.requests.isEmpty else { return [] }
        let taken = self.requests.filter(isWanted)
        self.requests.removeAll(where: isWanted)
        self.bytes = self.requests.reduce(0) { $0 + $1.command.withBodyBytes { $0.count } }
        return taken
    }
}

extension BrokerEngine {
    /// Returns false when too many wait already.
    mutating func awaitMaster(
        _ command: ReceivedCommand, _ caller: Caller, triedIn epoch: Epoch? = nil
    ) -> Bool {
        self.awaiting.add(
            .init(command: command, caller: caller, since: self.now.tick, triedIn: epoch))
    }

    /// What clients that do not look for another master have to wait for while this one is not able
    /// to serve it.
    func isToWait(_ command: ReceivedCommand, _ caller: Caller) -> Bool {
        guard self.group != nil, caller.language != .other else { return false }
        switch RequestCode(rawValue: command.code) {
        case .sendMessage, .sendMessageV2, .sendBatchMessage: return self.isHandingOver
        case .pullMessage, .litePullMessage, .popMessage: return !self.isShown
        default: return false
        }
    }

    /// Time has passed, or a master is there.
    mutating func tendAwaiting() {
        let isServing = self.mayServe && !self.isHandingOver && self.isShown
        if isServing || self.masterToRelayTo != nil {
            let epoch = self.group?.epoch ?? Epoch(0)
            for request in self.awaiting.take(where: { $0.triedIn.map { $0 < epoch } ?? true }) {
                self.serve(request.command, from: request.caller)
            }
        }
        let latest = self.now.tick - AwaitingMaster.patience
        for request in self.awaiting.take(where: { $0.since <= latest }) { self.giveUp(request) }
    }

    /// The master of an epoch did not answer what was passed on to it, and asking again is
    /// harmless.
    package mutating func relayFailed(
        _ command: ReceivedCommand, from caller: Caller, in epoch: Epoch, at now: Now
    ) {
        self.now = now
        if !self.awaitMaster(command, caller, triedIn: epoch) {
            self.giveUp(.init(command: command, caller: caller, since: now.tick, triedIn: epoch))
        }
    }

    /// A pull found nothing: its client asks again from the same offset. Anything else is refused.
    private mutating func giveUp(_ request: AwaitingMaster.Request) {
        let caller = request.caller
        switch RequestCode(rawValue: request.command.code) {
        case .pullMessage, .litePullMessage:
            guard let pull = try? PullRequest(request.command), !caller.isOneWay else {
                fallthrough
            }
            let head = PullResponse(
                opaque: caller.opaque, code: .pullNotFound, nextBeginOffset: pull.queueOffset,
                minOffset: 0, maxOffset: pull.queueOffset)
            let key = QueueKey(topic: pull.topic, queueID: pull.queueID)
            let nothing = QueueStretch(of: key, from: QueueOffset(pull.queueOffset), count: 0)
            self.effects.append(.deliver(caller, head, [], of: nothing))
        case .popMessage:
            self.answerNothing(caller, .pollingTimeout, self.notMaster.remark)
        case .queryConsumerOffset: break  // see `Inquiries`
        default: self.refuse(caller, self.notMaster)
        }
    }

    /// The broker leaves: whoever waits for a message asks the next master from where it asked
    /// here.
    package mutating func letClientsGo(at now: Now) {
        self.now = now
        for pull in self.holds.expire(at: Tick(nanoseconds: .max)) {
            self.answerPull(pull.held, .pullNotFound, next: pull.held.offset)
        }
        self.letPollsGo()
        self.passInquiriesOn()
        for request in self.awaiting.take(where: { _ in true }) { self.giveUp(request) }
    }

    /// The clients of an engine that has said its last word stay connected to this one.
    package mutating func takeClients(of earlier: BrokerEngine) {
        self.consumers = earlier.consumers
        self.producers = earlier.producers
        self.memberHistory = earlier.memberHistory
        self.calls = earlier.calls
        self.gatherings = earlier.gatherings
        self.awaiting = earlier.awaiting
    }
}
