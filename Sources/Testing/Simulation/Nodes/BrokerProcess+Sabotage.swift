import BrokerEngine
import ClientEngine
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// How the hands of a sabotaged broker lie.
extension BrokerProcess {
    /// What a replica says instead.
    func told(_ message: ReplicationMessage, on link: LinkID) -> ReplicationMessage {
        guard self.outside.sabotage == .ackBeforeReplicaFlush,
            case .ack(let epoch, let written, let durable) = message,
            let received = self.received[link]
        else { return message }
        return .ack(epoch: epoch, written: max(written, received), durable: max(durable, received))
    }

    /// What a broker hears instead.
    func distorted(_ message: ReplicationMessage, on link: LinkID) -> ReplicationMessage {
        switch (self.outside.sabotage, message) {
        case (.ackBeforeReplicaFlush, .batches(let stretch)):
            self.received[link] = stretch.end
            self.replicate(
                .ack(epoch: stretch.epoch, written: stretch.end, durable: stretch.end), on: link)
            return message
        case (.truncateByOffsetOnly, .welcome(var welcome)):
            // The last epoch that both can have written in is taken for shared.
            guard let own = self.engine?.history.starts, !own.isEmpty else { return message }
            welcome.history = own
            return .welcome(welcome)
        default: return message
        }
    }

    /// Returns whether the proposal needs no asking.
    func shrinksByItself(_ proposal: SyncStateSetProposal) -> Bool {
        guard self.outside.sabotage == .shrinkWithoutCommit, var view = self.view,
            view.masterEpoch == proposal.masterEpoch, view.syncStateSetEpoch == proposal.basedOn,
            proposal.members.count < view.syncStateSet.count
        else { return false }
        view.syncStateSet = proposal.members
        view.syncStateSetEpoch += 1
        self.engine?.groupView(view, at: self.now)
        self.engine?.syncStateSetAnswered(proposal, .accepted, at: self.now)
        self.planTurn()
        return true
    }

    /// Consumers see what a master has not even flushed.
    func showUnconfirmed(_ batch: PlannedBatch) {
        guard self.outside.sabotage == .readAboveConfirm, self.host.isMaster else { return }
        let name = self.host.brokerName
        batch.bytes.withUnsafeBytes { bytes in
            guard
                let header = try? LogBatchHeader(
                    parsing: bytes, at: batch.position, logID: self.host.store.logID)
            else { return }
            try? LogRecord.forEach(in: bytes, of: header) { record in
                guard case .message(let view, _) = record, view.topic == self.outside.plan.topic
                else { return }
                self.outside.history.saw(
                    InboundMessage(view, brokerName: name), by: "a hasty consumer")
            }
        }
    }

    /// What the engine gets instead of a request.
    func distorted(_ command: ReceivedCommand) -> ReceivedCommand {
        switch (self.outside.sabotage, command.requestCode) {
        // A pull without the offset that it commits on its way: that would heal what was lost.
        case (.offsetCommitBeforeAck, .pullMessage):
            return command.changing("sysFlag") { String((Int($0) ?? 0) & ~1) }
        case (.popHiddenTooShortly, .popMessage):
            return command.changing("invisibleTime") { String((Int($0) ?? 0) / 10) }
        case (.offsetMadeUp, .updateConsumerOffset):
            return command.changing("commitOffset") { String((Int($0) ?? 0) + 50) }
        case (.halfVisible, .sendMessageV2):
            return command.changing("i") { text in
                var properties = MessageProperties(parsing: text)
                properties[PropertyName.transactionPrepared] = nil
                return properties.encoded
            }
        default: return command
        }
    }

    func takesForDead(_ command: ReceivedCommand) -> Bool {
        self.outside.sabotage == .poppersTakenForDead && command.requestCode == .popMessage
            && (try? PopRequest(command))?.returnsOnClose == true
    }

    /// Requests that are answered as soon as they come.
    private var hastyRequests: [RequestCode] {
        switch self.outside.sabotage {
        case .offsetCommitBeforeAck: [.updateConsumerOffset]
        case .popAckBeforeLog: [.ackMessage, .batchAckMessage]
        case .recallBeforeLog: [.recallMessage]
        case .commitBeforeLog: [.endTransaction]
        default: []
        }
    }

    /// Returns whether the request was answered already; the engine gets it later.
    func answersTooEarly(_ command: ReceivedCommand, on end: ConnectionEnd) -> Bool {
        guard self.host.isMaster, !command.isOneWay,
            self.hastyRequests.contains(command.requestCode)
        else { return false }
        end.send(RemotingCommand.response(.success, to: command.opaque).framed)
        return true
    }
}

// How they lie about what is stored, and to whom they say nothing.
extension BrokerProcess {
    /// What the engine reads of its own messages; damaged ones are missing.
    func read(_ entries: [IndexEntry]) -> [ArraySlice<UInt8>] {
        let messages = entries.compactMap { self.host.store.message($0) }
        switch self.outside.sabotage {
        case .popReturnLost:
            return messages.filter { self.topic(of: $0) != PopWorkload.topic }
        case .delayFiredTwice where messages.first.map(self.topic) == SystemTopic.timer:
            return self.firedBefore() + messages
        default: return messages
        }
    }

    private func topic(of message: ArraySlice<UInt8>) -> String? {
        message.withUnsafeBytes { try? StoredMessageView($0).topic }
    }

    /// What an earlier master has fired last, once in an epoch.
    private func firedBefore() -> [ArraySlice<UInt8>] {
        guard let epoch = self.host.masterEpoch, self.firedTwiceIn != epoch else { return [] }
        self.firedTwiceIn = epoch
        let fired = self.outside.workloads?.lastFired(in: self.host.group)
        return fired.flatMap { self.host.store.message(at: $0) }.map { [$0[...]] } ?? []
    }

    func uncounted(_ message: [UInt8]) -> [UInt8] {
        guard self.outside.sabotage == .retryUncounted else { return message }
        var message = message
        // Behind the hosts, which are IPv4 addresses here.
        let at = MessageLayout.bornHost + 8 + 8 + 8
        message.replaceSubrange(at..<(at + 4), with: [0, 0, 0, 0])
        return message
    }

    /// Whether the command is not sent.
    func keepsQuiet(about command: RemotingCommand) -> Bool {
        self.outside.sabotage == .checkUnasked
            && RequestCode(rawValue: command.code) == .checkTransactionState
    }
}

extension ReceivedCommand {
    /// The same request, with another value in one of its fields.
    fileprivate func changing(
        _ name: String, _ change: (String) -> String
    ) -> ReceivedCommand {
        var request = RemotingCommand.request(self.requestCode)
        request.opaque = self.opaque
        request.fields = self.allFields.map { field in
            let value = field.name == name ? change(field.value) : field.value
            return HeaderField(name: field.name, value: value)
        }
        request.body = self.withBodyBytes { Array($0) }
        return ReceivedCommand.unframed(request.framed) ?? self
    }
}
