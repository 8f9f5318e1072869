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

    /// A pull without the offset that it commits on its way: that would heal what was lost.
    func withoutCommit(_ command: ReceivedCommand) -> ReceivedCommand {
        guard self.outside.sabotage == .offsetCommitBeforeAck,
            command.requestCode == .pullMessage
        else { return command }
        var request = RemotingCommand.request(.pullMessage)
        request.opaque = command.opaque
        request.fields = command.allFields.map { field in
            let isFlag = field.name == "sysFlag"
            let value = isFlag ? String((Int(field.value) ?? 0) & ~1) : field.value
            return HeaderField(name: field.name, value: value)
        }
        return ReceivedCommand.unframed(request.framed) ?? command
    }

    /// Returns whether the request was answered already; the engine gets it later.
    func answersTooEarly(_ command: ReceivedCommand, on end: ConnectionEnd) -> Bool {
        guard self.outside.sabotage == .offsetCommitBeforeAck, self.host.isMaster,
            command.requestCode == .updateConsumerOffset
        else { return false }
        end.send(RemotingCommand.response(.success, to: command.opaque).framed)
        return true
    }
}
