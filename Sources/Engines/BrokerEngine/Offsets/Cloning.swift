import DeliveryCore
import MessageFormat
import RemotingProtocol

// CLONE_GROUP_OFFSET: a group goes on where another one is.
extension BrokerEngine {
    /// Field `offline`: also topics to which the group has not subscribed. No topic: all topics in
    /// which the source has offsets.
    mutating func cloneOffsets(_ command: ReceivedCommand, from caller: Caller) throws {
        let source = try command.requiredString("srcGroup")
        let target = try command.requiredString("destGroup")
        let isOffline = try command.bool("offline") ?? false
        try self.admit()
        _ = try self.findOrMakeGroup(target)
        let topics =
            command.nonEmptyString("topic").map { [$0] }
            ?? self.delivery.offsets.topics(of: source)
        for topic in topics where self.delivery.topics.config(topic) != nil {
            guard isOffline || self.consumers.subscription(group: target, topic: topic) != nil
            else { continue }
            try self.clone(topic, of: source, to: target)
        }
        _ = self.appendDirtyOffsets()
        self.succeedWhenConfirmed(caller)
    }

    private mutating func clone(_ topic: String, of source: String, to target: String) throws {
        let offsets = self.delivery.offsets.offsets(group: source, topic: topic)
        for (queueID, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            let outcome = self.delivery.offsets.commit(
                group: target, topic: topic, queueID: queueID, offset: offset)
            if case .refused(let reason) = outcome {
                throw Refusal(.systemError, "the offset is not kept: \(reason)")
            }
        }
    }
}
